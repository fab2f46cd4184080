"""Principal components of spectra in an ``array<float>`` column: a faster `pyspark.ml.feature.PCA`.

MLlib converts every spectrum to a vector and adds it to the covariance one row at a time. Here the
tasks multiply whole Arrow batches with numpy (`column_moments`), and the driver finds the leading
vectors of the one matrix that comes back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark import SparkContext, keyword_only
from pyspark.ml import Estimator
from pyspark.ml.feature import PCAModel, _PCAParams
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.ml.wrapper import JavaParams
from pyspark.sql import DataFrame
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from galspec_spark.errors import UserError
from galspec_spark.ml.features.components import Components, upright
from galspec_spark.ml.features.pca import Coefficients
from galspec_spark.ml.pca.array_model import ArrayPCAModel
from galspec_spark.ml.pca.column_moments import column_moments
from galspec_spark.ml.pca.moments import Moments
from galspec_spark.spectrum.arrays import Doubles

#: Lanczos pays off for few of many vectors: 0.4 s instead of 1.5 s for 20 of 2642.
LANCZOS_SHARE = 0.1


class PCA(
    Estimator[PCAModel | ArrayPCAModel],
    _PCAParams,
    DefaultParamsReadable["PCA"],
    DefaultParamsWritable,
):
    """Principal component analysis with the parameters and the model of `pyspark.ml.feature.PCA`.

    Parameters
    ----------
    k
        Number of components.
    inputCol
        Column of ``array<float>``, ``array<double>`` or vectors, all of one length and finite.
    outputCol
        Column that the returned model writes.

    Notes
    -----
    Fitted to vectors, ``fit`` returns the native `PCAModel`, which saves, loads and transforms as
    MLlib's own, so it takes vectors. Fitted to arrays, it returns an `ArrayPCAModel`, which takes
    either, and whose ``native`` is MLlib's model of the same components. As in MLlib, components
    are found from the covariance (the mean is removed to find them, not to project), and explained
    variance is the share of the total variance. Each component's largest entry is positive.
    """

    _input_kwargs: dict[str, Any]

    @keyword_only
    def __init__(
        self, *, k: int | None = None, inputCol: str | None = None, outputCol: str | None = None
    ) -> None:
        super().__init__()
        self._set(**self._input_kwargs)

    def setK(self, value: int) -> PCA:
        """Set the number of components."""
        return self._set(k=value)

    def setInputCol(self, value: str) -> PCA:
        """Set the column of arrays or vectors."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> PCA:
        """Set the column that the model writes."""
        return self._set(outputCol=value)

    def _fit(self, dataset: DataFrame) -> PCAModel | ArrayPCAModel:
        column = self.getInputCol()
        moments = column_moments(dataset, column)
        native = self._copyValues(native_model(principal_components(moments, self.getK())))
        is_vector = isinstance(dataset.schema[column].dataType, VectorUDT)
        return native if is_vector else self._copyValues(ArrayPCAModel(native))


def principal_components(moments: Moments, k: int) -> Components:
    """Return the first k components of rows with these moments, in a task or on the driver.

    Raises
    ------
    UserError
        If k is not between 1 and the number of pixels.
    """
    pixels = len(moments.mean)
    if not 1 <= k <= pixels:
        raise UserError(f"{k} components of {pixels} pixels: choose 1 to {pixels}")
    variances, vectors = _leading(moments.scatter, k)
    # By falling variance, each with its largest entry positive.
    return Components(
        moments.mean, upright(vectors.T[::-1]), variances[::-1] / np.trace(moments.scatter)
    )


def _leading(scatter: Doubles, k: int) -> tuple[Doubles, Doubles]:
    """Return the k largest eigenvalues, rising, and their vectors in columns."""
    if k < LANCZOS_SHARE * len(scatter):
        try:
            start = np.ones(len(scatter))  # the same every time
            values, vectors = eigsh(scatter, k, which="LA", v0=start)
            return values, vectors
        except ArpackNoConvergence:
            pass
    values, vectors = np.linalg.eigh(scatter)
    return values[-k:], vectors[:, -k:]


def native_model(components: Components) -> PCAModel:
    """Return MLlib's own model of components."""
    k, pixels = components.vectors.shape
    # MLlib stores matrices by column, so the components follow one another in memory.
    matrix = JavaParams._new_java_obj(
        "org.apache.spark.ml.linalg.DenseMatrix",
        pixels,
        k,
        _java_doubles(components.vectors.ravel()),
    )
    vector = JavaParams._new_java_obj(
        "org.apache.spark.ml.linalg.DenseVector", _java_doubles(components.explained_variance)
    )
    uid = PCA().uid
    java_model = JavaParams._new_java_obj(
        "org.apache.spark.ml.feature.PCAModel", uid, matrix, vector
    )
    return PCAModel(java_model)._set(k=k)


def native_steps(features: Coefficients) -> list[PCAModel]:
    """Return the step of a Spark pipeline that projects the column ``spectrum``."""
    return [native_model(features.components).setInputCol("spectrum")]


def components_of(model: PCAModel | ArrayPCAModel) -> Doubles:
    """Return the components of a model, shape (k, pixels)."""
    return np.ascontiguousarray(model.pc.toArray().T)


def _java_doubles(values: npt.NDArray[np.float64]) -> Any:
    """Return a Java ``double[]``, sent as bytes: one call instead of a call for each number."""
    jvm, gateway = SparkContext._jvm, SparkContext._gateway
    assert jvm is not None, "a Spark session has to be open"
    assert gateway is not None
    data = np.ascontiguousarray(values, dtype=">f8").tobytes()
    buffer = jvm.java.nio.ByteBuffer.wrap(data).asDoubleBuffer()
    array = gateway.new_array(jvm.double, values.size)
    buffer.get(array)
    return array
