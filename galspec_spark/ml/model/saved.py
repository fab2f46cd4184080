"""Pipelines that Spark saved, read as numbers: JSON and Parquet, and no class that a file names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.sparse import csc_matrix, csr_matrix

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers.scoring import Forest, Linear, Scorer
from galspec_spark.spectrum.arrays import Doubles

#: How Spark marks a vector or matrix that is not sparse.
DENSE = 1


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
    steps = {}
    for stage in sorted((folder / "stages").iterdir()):
        metadata = _metadata(stage)
        kind = metadata["class"].removeprefix("org.apache.spark.ml.")
        if kind not in READERS:
            raise UserError(
                f"{stage} is of the class {metadata['class']}, which no model of galspec_spark "
                "has: do not use this model"
            )
        name, read = READERS[kind]
        steps[name] = read(stage, metadata)
    if missing := {"pca", "classifier"} - steps.keys():
        raise UserError(f"{folder} has no {' and no '.join(sorted(missing))}: train again")
    (vectors, explained_variance), classifier = steps["pca"], steps["classifier"]
    if "columns" in steps:
        classifier = classifier.of_columns(steps["columns"], len(vectors))
    return SavedPipeline(vectors, explained_variance, classifier)


def _metadata(stage: Path) -> dict[str, Any]:
    (file,) = (stage / "metadata").glob("part-*")
    metadata: dict[str, Any] = json.loads(file.read_text())
    return metadata


def _row(stage: Path) -> dict[str, Any]:
    row: dict[str, Any]
    (row,) = pq.read_table(stage / "data").to_pylist()
    return row


def _pca(stage: Path, metadata: dict[str, Any]) -> tuple[Doubles, Doubles]:
    row = _row(stage)
    return np.ascontiguousarray(_matrix(row["pc"]).T), _vector(row["explainedVariance"])


def _columns(stage: Path, metadata: dict[str, Any]) -> Any:
    return np.array(metadata["paramMap"]["indices"], np.intp)


def _logistic_regression(stage: Path, metadata: dict[str, Any]) -> Linear:
    row = _row(stage)
    weights, intercept = _matrix(row["coefficientMatrix"]), _vector(row["interceptVector"])
    if row["isMultinomial"]:  # a row for each class
        weights, intercept = np.diff(weights, axis=0), np.diff(intercept)
    return Linear(weights[0], float(intercept[0]), is_logistic=True)


def _linear_svc(stage: Path, metadata: dict[str, Any]) -> Linear:
    row = _row(stage)
    return Linear(_vector(row["coefficients"]), row["intercept"], is_logistic=False)


def _forest(stage: Path, metadata: dict[str, Any]) -> Forest:
    nodes = pq.read_table(stage / "data").flatten().flatten().to_pandas()
    nodes = nodes.sort_values(["treeID", "nodeData.id"], ignore_index=True)
    _, roots, tree = np.unique(nodes["treeID"], return_index=True, return_inverse=True)
    children = nodes[["nodeData.leftChild", "nodeData.rightChild"]].to_numpy()
    is_leaf = children[:, :1] < 0
    children = np.where(is_leaf, np.arange(len(nodes))[:, None], children + roots[tree, None])
    limits = nodes["nodeData.split.leftCategoriesOrThreshold"]  # a list, empty for a leaf
    counts = np.stack(nodes["nodeData.impurityStats"].to_list())
    return Forest(
        roots,
        # Any feature does for a leaf, whose children are equal.
        np.maximum(nodes["nodeData.split.featureIndex"].to_numpy(np.intp), 0),
        limits.str[0].fillna(np.inf).to_numpy(np.float64),
        children.ravel(),
        counts[:, 1] / counts.sum(axis=1),
    )


def _vector(saved: dict[str, Any]) -> Doubles:
    """Return a Spark vector, which is sparse where that is shorter."""
    if saved["type"] == DENSE:
        return np.array(saved["values"])
    vector = np.zeros(saved["size"])
    vector[saved["indices"]] = saved["values"]
    return vector


def _matrix(saved: dict[str, Any]) -> Doubles:
    """Return a Spark matrix, which is by columns, or by rows where it is transposed."""
    shape = saved["numRows"], saved["numCols"]
    if saved["type"] == DENSE:
        return np.reshape(saved["values"], shape, order="C" if saved["isTransposed"] else "F")
    kind = csr_matrix if saved["isTransposed"] else csc_matrix
    sparse = kind((saved["values"], saved["rowIndices"], saved["colPtrs"]), shape)
    return np.asarray(sparse.toarray())


READERS: dict[str, tuple[str, Callable[[Path, dict[str, Any]], Any]]] = {
    "feature.PCAModel": ("pca", _pca),
    "feature.VectorSlicer": ("columns", _columns),
    "classification.LogisticRegressionModel": ("classifier", _logistic_regression),
    "classification.LinearSVCModel": ("classifier", _linear_svc),
    "classification.RandomForestClassificationModel": ("classifier", _forest),
}
