"""The kernels of principal components as pandas UDFs, for any DataFrame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, DoubleType, FloatType

from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import fill_gaps
from galspec_spark.spectrum.arrays import Doubles, rows_of


def filled(components: Components, flux: str = "flux", ivar: str = "ivar") -> Column:
    """Return the spectra with their gaps filled by the model, as ``array<float>``.

    Runs in the tasks, an Arrow batch at a time. Follow it by `project` or a `PCAModel`.

    Parameters
    ----------
    flux, ivar
        Names of columns of ``array<float>`` on one grid; no information where ivar is 0.
    """

    @pandas_udf(ArrayType(FloatType()))  # type: ignore[call-overload, untyped-decorator]
    def fill(flux: pd.Series, ivar: pd.Series) -> pd.Series:
        spectra = fill_gaps(rows_of(pa.array(flux)), rows_of(pa.array(ivar)), components)
        return pd.Series(list(spectra.astype(np.float32, copy=False)))

    column: Column = fill(flux, ivar)
    return column


def project(vectors: Doubles, column: str) -> Column:
    """Return the coefficients of spectra as a vector column, equal to what `PCAModel` computes.

    Runs in the tasks: one matrix product for each Arrow batch.

    Parameters
    ----------
    vectors
        Components, shape (k, pixels).
    column
        Name of a column of ``array<float>`` or ``array<double>``.
    """

    @pandas_udf(ArrayType(DoubleType()))  # type: ignore[call-overload, untyped-decorator]
    def coefficients(spectra: pd.Series) -> pd.Series:
        return pd.Series(list(rows_of(pa.array(spectra)).astype(np.float64) @ vectors.T))

    return array_to_vector(coefficients(column))
