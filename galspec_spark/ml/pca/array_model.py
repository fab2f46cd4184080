"""The model of principal components for a column of arrays; MLlib's own takes vectors only."""

from __future__ import annotations

import numpy as np
from pyspark.ml import Model
from pyspark.ml.feature import PCAModel, _PCAParams
from pyspark.ml.linalg import DenseMatrix, DenseVector, VectorUDT
from pyspark.ml.util import (
    DefaultParamsReader,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
)
from pyspark.sql import DataFrame

from galspec_spark.ml.pca.udfs import project

#: Folder of MLlib's model in that of a saved one.
NATIVE = "native"


class ArrayPCAModel(Model, _PCAParams, MLWritable, MLReadable["ArrayPCAModel"]):
    """Projects ``array<float>``, ``array<double>`` or vectors as MLlib's model does vectors.

    Attributes
    ----------
    native
        MLlib's own model.
    """

    def __init__(self, native: PCAModel) -> None:
        super().__init__()
        self.native = native

    def setInputCol(self, value: str) -> ArrayPCAModel:
        """Set the column to project."""
        return self._set(inputCol=value)

    def setOutputCol(self, value: str) -> ArrayPCAModel:
        """Set the column of coefficients."""
        return self._set(outputCol=value)

    @property
    def pc(self) -> DenseMatrix:
        """The components, one in each column."""
        return self.native.pc

    @property
    def explainedVariance(self) -> DenseVector:
        """Share of the variance along each component."""
        return self.native.explainedVariance

    def _transform(self, dataset: DataFrame) -> DataFrame:
        source, target = self.getInputCol(), self.getOutputCol()
        if isinstance(dataset.schema[source].dataType, VectorUDT):
            native = self.native.copy().setInputCol(source).setOutputCol(target)
            return native.transform(dataset)
        components = np.ascontiguousarray(self.pc.toArray().T)
        return dataset.withColumn(target, project(components, source))

    def write(self) -> MLWriter:
        """Return a writer."""
        return _Writer(self)

    @classmethod
    def read(cls) -> MLReader[ArrayPCAModel]:
        """Return a reader."""
        return _Reader()


class _Writer(MLWriter):
    def __init__(self, model: ArrayPCAModel) -> None:
        super().__init__()
        self._model = model

    def saveImpl(self, path: str) -> None:
        DefaultParamsWriter.saveMetadata(self._model, path, self.sparkSession)
        self._model.native.save(f"{path}/{NATIVE}")


class _Reader(MLReader[ArrayPCAModel]):
    def load(self, path: str) -> ArrayPCAModel:
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        native = PCAModel.load(f"{path}/{NATIVE}")
        model = ArrayPCAModel(native)._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model
