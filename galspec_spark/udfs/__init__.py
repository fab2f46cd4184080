"""The kernels as pandas UDFs, for any DataFrame of spectra.

They take columns and return a column, and run in the tasks, an Arrow batch at a time. `register`
gives them to SQL.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.udfs.lines import (
    continuum,
    continuum_with,
    line_measures,
    measures_with,
    templates_at,
)
from galspec_spark.udfs.models import project, score
from galspec_spark.udfs.pixels import good_pixels, normalise, rest_frame, scaled

__all__ = [
    "continuum",
    "good_pixels",
    "line_measures",
    "normalise",
    "project",
    "register",
    "rest_frame",
    "score",
]


def register(
    spark: SparkSession, model: str | Path | None = None, templates: str | Path | None = None
) -> None:
    """Make the functions of this module known to SQL, by their names.

    Parameters
    ----------
    model
        Folder of the model for ``project`` and ``score``; without it they are left out.
    templates
        See `continuum`.
    """
    of_lines = templates_at(templates)
    functions = {
        "good_pixels": good_pixels,
        "rest_frame": rest_frame,
        "normalise": scaled,
        "continuum": continuum_with(of_lines),
        "line_measures": measures_with(of_lines),
    }
    if model is not None:
        functions["score"] = score(model, templates)
        if not load_bundle(Path(model)).line_columns:
            functions["project"] = project(model)
    for name, function in functions.items():
        spark.udf.register(name, function)
