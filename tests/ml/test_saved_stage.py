"""Vectors and matrices as Spark saves them, against Spark's own in Python."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.linalg import DenseMatrix, DenseVector, SparseMatrix, SparseVector

from galspec_spark.ml.classifiers.saved_stage import matrix_of, vector_of

VALUES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.mark.parametrize("is_transposed", [False, True])
def test_matrices_are_sparks(is_transposed):
    dense = DenseMatrix(2, 3, VALUES, is_transposed)
    saved = {"type": 1, "numRows": 2, "numCols": 3, "values": VALUES, "isTransposed": is_transposed}
    np.testing.assert_array_equal(matrix_of(saved), dense.toArray())

    ends = [0, 1, 3] if is_transposed else [0, 0, 2, 3]
    within = [2, 0, 1] if is_transposed else [0, 1, 1]
    sparse = SparseMatrix(2, 3, ends, within, VALUES[:3], is_transposed)
    saved |= {"type": 0, "colPtrs": ends, "rowIndices": within, "values": VALUES[:3]}
    np.testing.assert_array_equal(matrix_of(saved), sparse.toArray())


def test_vectors_are_sparks():
    saved = {"type": 1, "values": VALUES}
    np.testing.assert_array_equal(vector_of(saved), DenseVector(VALUES).toArray())
    saved = {"type": 0, "size": 5, "indices": [1, 4], "values": VALUES[:2]}
    np.testing.assert_array_equal(vector_of(saved), SparseVector(5, [1, 4], VALUES[:2]).toArray())
