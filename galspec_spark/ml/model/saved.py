"""Saved Spark pipelines, read as numbers: no class that a file names is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Integers, Scorer
from galspec_spark.ml.classifiers.saved_stage import metadata_of
from galspec_spark.ml.features.kind import FeatureKind

SLICER = "org.apache.spark.ml.feature.VectorSlicer"


def read_pipeline(folder: Path, kind: FeatureKind, n_features: int) -> Scorer:
    """Read a pipeline: steps for features, at most one selection of features, a classifier.

    Parameters
    ----------
    folder
        Folder that `pyspark.ml.PipelineModel.save` wrote.

    Returns
    -------
    Scorer
        The classifier as a function of all features.

    Raises
    ------
    UserError
        If the pipeline has other steps.
    """
    classifiers = {
        saved_as: each.read
        for each in CLASSIFIERS.values()
        for saved_as in (each.saved_as, each.saved_as_of_many)
    }
    classifier, columns = None, None
    for stage in sorted((folder / "stages").iterdir()):
        saved_as = metadata_of(stage)["class"]
        if saved_as in classifiers:
            classifier = classifiers[saved_as](stage)
        elif saved_as == SLICER:
            columns = _columns(stage)
        elif saved_as not in kind.saved_as:
            raise UserError(
                f"{stage} is of the class {saved_as}, which no model of galspec_spark "
                "has: do not use this model"
            )
    if classifier is None:
        raise UserError(f"{folder} has no classifier: train again")
    return classifier if columns is None else classifier.of_columns(columns, n_features)


def _columns(stage: Path) -> Integers:
    return np.array(metadata_of(stage)["paramMap"]["indices"], np.intp)
