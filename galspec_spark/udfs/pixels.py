"""Good pixels, the rest frame and the scale of spectra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, BooleanType, FloatType, StructType

from galspec_spark.spectrum import masks
from galspec_spark.spectrum import normalise as scaling
from galspec_spark.spectrum.arrays import rows_of
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, has_redshift, to_rest_frame

PIXELS = ArrayType(FloatType())
FRAME = StructType().add("flux", PIXELS).add("ivar", PIXELS).add("coverage", FloatType())
SCALED = StructType().add("flux", PIXELS).add("ivar", PIXELS).add("has_scale", BooleanType())


@pandas_udf(ArrayType(BooleanType()))  # type: ignore[call-overload, untyped-decorator]
def good_pixels(
    flux: pd.Series, ivar: pd.Series, and_mask: pd.Series, reject: pd.Series
) -> pd.Series:
    """Tell which pixels carry information: see `galspec_spark.spectrum.masks.good_pixels`."""
    rows = zip(flux, ivar, and_mask, reject, strict=True)
    return pd.Series([masks.good_pixels(*row) for row in rows])


@pandas_udf(FRAME)  # type: ignore[call-overload, untyped-decorator]
def rest_frame(
    flux: pd.Series,
    ivar: pd.Series,
    and_mask: pd.Series,
    loglam0: pd.Series,
    z: pd.Series,
    reject: pd.Series,
) -> pd.DataFrame:
    """Move spectra to the rest-frame grid: see `galspec_spark.spectrum.restframe.to_rest_frame`.

    ``and_mask`` may be null, and so may ``z``; without a redshift above -1 the result has nulls.
    """
    columns = {"flux": flux, "ivar": ivar, "loglam0": loglam0, "z": z}
    batch = pa.table({name: pa.array(values) for name, values in columns.items()})
    batch = batch.append_column("and_mask", pa.array(and_mask, pa.list_(pa.int32())))
    bits = reject.to_numpy()
    usable = has_redshift(z.to_numpy(np.float64))
    found: list[list[object]] = [[None] * len(z) for _ in range(3)]
    for value in np.unique(bits[usable]):
        chosen = np.flatnonzero(usable & (bits == value))
        frame = to_rest_frame(ObservedBatch.from_arrow(batch).take(chosen), int(value))
        for out, values in zip(found, (*frame[:2], coverage(frame.good)), strict=True):
            for row, each in zip(chosen, values, strict=True):
                out[row] = each
    return pd.DataFrame(dict(zip(("flux", "ivar", "coverage"), found, strict=True)))


@pandas_udf(SCALED)  # type: ignore[call-overload, untyped-decorator]
def scaled(flux: pd.Series, ivar: pd.Series, method: pd.Series) -> pd.DataFrame:
    """Divide spectra by their scale; the method is the same for all."""
    has_pixels = flux.notna().to_numpy()
    found: list[list[object]] = [[None] * len(flux) for _ in range(3)]
    if has_pixels.any():
        values, weights = (rows_of(pa.array(each[has_pixels])) for each in (flux, ivar))
        scaled = scaling.normalise(method.iloc[0], values, weights, weights > 0)
        for out, results in zip(found, scaled, strict=True):
            for row, each in zip(np.flatnonzero(has_pixels), results, strict=True):
                out[row] = each
    return pd.DataFrame(dict(zip(("flux", "ivar", "has_scale"), found, strict=True)))


def normalise(flux: Column, ivar: Column, method: str) -> Column:
    """Divide spectra by their scale: see `galspec_spark.spectrum.normalise.normalise`."""
    column: Column = scaled(flux, ivar, F.lit(method))
    return column
