"""A model applied to parts of ``restframe``: class, probability and flags of every spectrum.

A task reads one part and finds the coefficients of its spectra with numpy; Spark's own classifier
then scores the narrow rows. Pixels never pass the JVM, and no task loads a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import hpgeom
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.flags import ABSTAIN, FLAG_BITS
from galspec_spark.ml.arrays import lists_of, rows_of
from galspec_spark.ml.bundle import Bundle
from galspec_spark.ml.calibration import probability
from galspec_spark.ml.census import CLASS_NAMES
from galspec_spark.ml.classifiers import score
from galspec_spark.ml.components import Components, Floats
from galspec_spark.ml.features import RECONSTRUCTION_ERROR, projected, reconstruction_error
from galspec_spark.ml.profile import Profile
from galspec_spark.parts import open_part
from galspec_spark.readers.batch import HEALPIX_ORDER
from galspec_spark.schemas import CATALOG
from galspec_spark.spectrum.masks import bit_mask
from galspec_spark.storage import Location

#: Columns of ``catalog`` that are those of ``restframe``.
KEPT = (
    "spectrum_id", "object_id", "ra", "dec", "z", "sn_median", "coverage", "label", "reason",
)  # fmt: skip
#: Columns that need the pixels; null where there are none.
MEASURED = ("probability", "margin", RECONSTRUCTION_ERROR, "coefficients")
BATCH_ROWS = 500  # 2642 pixels in float64 make 11 MB of an array


def predicted(
    spark: SparkSession,
    parts: Sequence[Location],
    bundle: Bundle,
    *,
    refill: bool,
    abstain: Sequence[str],
) -> DataFrame:
    """Return the columns of ``catalog`` but its provenance; a partition for each part.

    Parameters
    ----------
    parts
        Of ``restframe``.
    refill
        Whether gaps were filled by another spectrum than that of the model.
    abstain
        Flags that make the class ``abstain``; it is that of every spectrum without pixels.
    """
    fill = bundle.fill_spectrum if refill else None
    read = _Read(parts, bundle.components, fill, bundle.card["projection"] == "masked")
    rows = spark.range(0, len(parts), 1, len(parts)).mapInArrow(read, from_arrow_schema(_MEASURES))
    vectors = rows.withColumn(bundle.pca_column(), array_to_vector(F.col("coefficients")))
    scored = (
        bundle.classifier()
        .transform(vectors)
        .select(
            *_MEASURES.names,
            probability(bundle.calibration, score(bundle.card["classifier"])).alias("probability"),
        )
    )
    margin = F.col("probability") - F.lit(bundle.threshold)
    classed = scored.withColumn("margin", margin).withColumn("called", _called(margin))
    flagged = classed.withColumn("flags", _flags(bundle.profile))
    has_no_class = F.col("flags").bitwiseAND(bit_mask({*abstain, "LEFT_OUT"}, FLAG_BITS)) != 0
    complete = flagged.withColumn("class", F.when(has_no_class, ABSTAIN).otherwise(F.col("called")))
    columns = [
        F.when(F.col("reason").isNull(), F.col(name)).alias(name) if name in MEASURED else name
        for name in CATALOG.names
        if name in complete.columns
    ]
    return complete.select(*columns)


def _called(margin: Column) -> Column:
    return F.when(margin >= 0, CLASS_NAMES[1]).otherwise(CLASS_NAMES[0])


def _flags(profile: Profile) -> Column:
    """Return the flags of a row that has ``called``."""
    is_used = F.col("reason").isNull()
    label = F.when(F.col("label") == 1, CLASS_NAMES[1]).when(F.col("label") == 0, CLASS_NAMES[0])
    tests = {
        "LEFT_OUT": ~is_used,
        "LOW_COVERAGE": (F.col("reason") == "coverage") | (is_used & profile.is_below("coverage")),
        "Z_RANGE": profile.is_below("z") | profile.is_above("z"),
        "LOW_SN": profile.is_below("sn_median"),
        "HIGH_SN": profile.is_above("sn_median"),
        "OUTLIER": is_used & profile.is_outlier(),
        "LABEL_DIFFERS": is_used & (label != F.col("called")),
    }
    bits = [
        F.when(F.coalesce(test, F.lit(False)), F.lit(1 << FLAG_BITS[name])).otherwise(F.lit(0))
        for name, test in tests.items()
    ]
    return reduce(Column.bitwiseOR, bits)


@dataclass(frozen=True)
class _Read:
    """What a task does with the number of its part."""

    parts: Sequence[Location]
    components: Components
    fill: npt.NDArray[np.float32] | None
    is_masked: bool

    def __call__(self, numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = [*KEPT, "flux", *(["ivar"] if self.needs_ivar else [])]
        for batch in numbers:
            for number in batch["id"].to_pylist():
                part = open_part(self.parts[number])
                yield from map(self._measured, part.iter_batches(BATCH_ROWS, columns=columns))

    @property
    def needs_ivar(self) -> bool:
        return self.is_masked or self.fill is not None

    def _measured(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        used = batch["flux"].is_valid()
        with_pixels = batch.filter(used)
        places = np.flatnonzero(used.to_numpy(zero_copy_only=False))
        coefficients = np.zeros((batch.num_rows, len(self.components.vectors)))
        error = np.zeros(batch.num_rows, np.float32)
        if len(places):
            flux, ivar = self._pixels(with_pixels)
            found = projected(flux, ivar if self.is_masked else None, self.components)
            coefficients[places] = found
            error[places] = reconstruction_error(flux, found, self.components)
        ra, dec = (batch[name].to_numpy(zero_copy_only=False) for name in ("ra", "dec"))
        return pa.RecordBatch.from_arrays(
            [
                *(batch[name] for name in KEPT),
                _healpix(ra, dec),
                pa.array(error),
                lists_of(coefficients),
            ],
            schema=_MEASURES,
        )

    def _pixels(self, batch: pa.RecordBatch) -> tuple[Floats, Floats | None]:
        flux = rows_of(batch["flux"])
        ivar = rows_of(batch["ivar"]) if self.needs_ivar else None
        if self.fill is not None and ivar is not None:
            flux = np.where(ivar > 0, flux, self.fill)
        return flux, ivar


def _healpix(ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> pa.Array:
    """Return the nested HEALPix pixels; null without a position."""
    known = np.isfinite(ra) & np.isfinite(dec)
    pixel = np.zeros(len(ra), np.int64)
    pixel[known] = hpgeom.angle_to_pixel(2**HEALPIX_ORDER, ra[known], dec[known])
    return pa.array(pixel, mask=~known)


_MEASURES = pa.schema(
    [
        *(CATALOG.field(name) for name in (*KEPT, "healpix29", RECONSTRUCTION_ERROR)),
        pa.field("coefficients", pa.list_(pa.float64())),
    ]
)
