"""Features, classes and probabilities by a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import ArrayType, DoubleType

from galspec_spark.catalog.score import SCORED, Score
from galspec_spark.config import ClassifyConfig
from galspec_spark.errors import UserError
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.model.apply import PREDICTED, Apply
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.ml.model.training_objects import TrainingObjects
from galspec_spark.spectrum.arrays import rows_of
from galspec_spark.udfs.lines import templates_at
from galspec_spark.udfs.rows import Function, frame_of, table_of

SCORES = pa.schema(
    [
        PREDICTED.field(name).with_nullable(True)
        for name in ("class", "probability", "margin", "prediction_set", "flags", "reason")
    ]
)


def project(model: str | Path) -> Function:
    """Return the function that gives the features of spectra at rest by a trained model.

    It takes flux and ivar on the grid, normalised as `preprocess_frame` does, and returns an array.

    Raises
    ------
    UserError
        If the folder is no model, or its features are made of lines.
    """
    bundle = load_bundle(Path(model))
    if bundle.line_columns:
        raise UserError(f"{model} has features made of lines, not of pixels: use score")

    @pandas_udf(ArrayType(DoubleType()))  # type: ignore[call-overload, untyped-decorator]
    def features(flux: pd.Series, ivar: pd.Series) -> pd.Series:
        has_pixels = flux.notna().to_numpy()
        found: list[object] = [None] * len(flux)
        if has_pixels.any():
            values, weights = (rows_of(pa.array(each[has_pixels])) for each in (flux, ivar))
            filled = np.where(weights > 0, values, bundle.fill_spectrum)
            rows = bundle.features.transform(Inputs(filled, weights, pa.table({})))
            for row, each in zip(np.flatnonzero(has_pixels), rows, strict=True):
                found[row] = each
        return pd.Series(found)

    function: Function = features
    return function


def score(model: str | Path, templates: str | Path | None = None) -> Function:
    """Return the function that classifies spectra by a trained model.

    It takes a struct of columns of the table ``spectra``, such as ``struct(*)``, and returns a
    struct: class, probability, margin, prediction_set, flags, and reason where preprocess would
    leave the spectrum out.

    Raises
    ------
    UserError
        If the folder is no model.
    """
    bundle = load_bundle(Path(model))
    of_lines = templates_at(templates) if bundle.line_columns else None
    training = TrainingObjects.read(Path(model))
    scored = Score(Apply(bundle, ClassifyConfig().abstain), training, of_lines)

    @pandas_udf(from_arrow_schema(SCORES))  # type: ignore[call-overload, untyped-decorator]
    def classes(row: pd.DataFrame) -> pd.DataFrame:
        return frame_of(scored(table_of(row, SCORED)).select(SCORES.names))

    function: Function = classes
    return function
