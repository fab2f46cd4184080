"""Pipelines that Spark saved, read as numbers: no class that a file names is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Integers, Scorer
from galspec_spark.ml.classifiers.saved_stage import matrix_of, metadata_of, row_of, vector_of
from galspec_spark.spectrum.arrays import Doubles


@dataclass(frozen=True)
class SavedPipeline:
    """What the steps of a pipeline of ours compute."""

    vectors: Doubles  #: of the PCA, (k, pixels)
    explained_variance: Doubles  #: (k,)
    classifier: Scorer  #: of all k coefficients


def read_pipeline(folder: Path) -> SavedPipeline:
    """Read a pipeline of PCA, at most one choice of components, and a classifier.

    Parameters
    ----------
    folder
        That `pyspark.ml.PipelineModel.save` wrote.

    Raises
    ------
    UserError
        If it has other steps.
    """
    readers: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "org.apache.spark.ml.feature.PCAModel": ("pca", _pca),
        "org.apache.spark.ml.feature.VectorSlicer": ("columns", _columns),
        **{kind.saved_as: ("classifier", kind.read) for kind in CLASSIFIERS.values()},
    }
    steps = {}
    for stage in sorted((folder / "stages").iterdir()):
        saved_as = metadata_of(stage)["class"]
        if saved_as not in readers:
            raise UserError(
                f"{stage} is of the class {saved_as}, which no model of galspec_spark "
                "has: do not use this model"
            )
        name, read = readers[saved_as]
        steps[name] = read(stage)
    if missing := {"pca", "classifier"} - steps.keys():
        raise UserError(f"{folder} has no {' and no '.join(sorted(missing))}: train again")
    (vectors, explained_variance), classifier = steps["pca"], steps["classifier"]
    if "columns" in steps:
        classifier = classifier.of_columns(steps["columns"], len(vectors))
    return SavedPipeline(vectors, explained_variance, classifier)


def _pca(stage: Path) -> tuple[Doubles, Doubles]:
    row = row_of(stage)
    return np.ascontiguousarray(matrix_of(row["pc"]).T), vector_of(row["explainedVariance"])


def _columns(stage: Path) -> Integers:
    return np.array(metadata_of(stage)["paramMap"]["indices"], np.intp)
