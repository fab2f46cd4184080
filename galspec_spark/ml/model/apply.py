"""A model applied to spectra of ``restframe``: class, probability and flags of every one.

All of it is numpy within the task that read the spectra. They never pass the JVM, and no task loads
a model: its numbers come with the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import hpgeom
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.ml.evaluation.census import CLASS_NAMES
from galspec_spark.ml.features.projection import (
    RECONSTRUCTION_ERROR,
    projected,
    reconstruction_error,
)
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.readers.batch import HEALPIX_ORDER
from galspec_spark.spectrum.arrays import Floats, lists_of, present_rows_of
from galspec_spark.spectrum.masks import bit_mask
from galspec_spark.warehouse.flags import ABSTAIN, FLAG_BITS
from galspec_spark.warehouse.schemas import CATALOG, PROVENANCE

#: Columns of ``catalog`` that are those of ``restframe``.
KEPT = (
    "spectrum_id", "object_id", "ra", "dec", "z", "sn_median", "coverage", "label", "reason",
)  # fmt: skip
#: Columns that need the pixels; null where there are none.
MEASURED = ("probability", "margin", RECONSTRUCTION_ERROR, "coefficients")
#: What `Apply` gives: the columns of ``catalog`` but its provenance.
PREDICTED = pa.schema([field for field in CATALOG if field not in PROVENANCE])

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Apply:
    """What to do with record batches of ``restframe``.

    Parameters
    ----------
    refill
        Whether gaps were filled by another spectrum than that of the model.
    abstain
        Flags that make the class ``abstain``; it is that of every spectrum without pixels.
    """

    bundle: Bundle
    refill: bool
    abstain: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """Columns of ``restframe`` that are needed."""
        return [*KEPT, "flux", *(["ivar"] if self._needs_ivar else [])]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `PREDICTED` of some rows."""
        known = {name: batch[name] for name in KEPT}
        is_used = _booleans(pc.is_null(batch["reason"]))
        measured = self._measured(batch, is_used)
        margin = measured["margin"]
        called = np.where(margin >= 0, CLASS_NAMES[1], CLASS_NAMES[0])
        flags = self._flags(known, is_used, margin >= 0, measured[RECONSTRUCTION_ERROR])
        has_no_class = flags & bit_mask({*self.abstain, "LEFT_OUT"}, FLAG_BITS) != 0
        columns = {
            **known,
            "healpix29": _healpix(_doubles(batch["ra"]), _doubles(batch["dec"])),
            **{name: _where(is_used, values) for name, values in measured.items()},
            "flags": pa.array(flags),
            "class": pa.array(np.where(has_no_class, ABSTAIN, called)),
        }
        return pa.RecordBatch.from_arrays(
            [columns[field.name].cast(field.type) for field in PREDICTED], schema=PREDICTED
        )

    @property
    def _is_masked(self) -> bool:
        return self.bundle.card.projection == "masked"

    @property
    def _needs_ivar(self) -> bool:
        return self._is_masked or self.refill

    def _measured(self, batch: pa.RecordBatch, is_used: Booleans) -> dict[str, Floats]:
        """Return `MEASURED` of all rows, zero for those that are not used."""
        bundle = self.bundle
        coefficients = np.zeros((batch.num_rows, len(bundle.components.vectors)))
        error = np.zeros(batch.num_rows, np.float32)
        if is_used.any():
            flux, ivar = self._pixels(batch)
            found = projected(flux, ivar if self._is_masked else None, bundle.components)
            coefficients[is_used] = found
            error[is_used] = reconstruction_error(flux, found, bundle.components)
        probability = bundle.calibration.apply(bundle.classifier.score(coefficients))
        margin = probability - bundle.threshold
        return dict(zip(MEASURED, (probability, margin, error, coefficients), strict=True))

    def _pixels(self, batch: pa.RecordBatch) -> tuple[Floats, Floats | None]:
        """Return the spectra that are used; the others have none."""
        flux = present_rows_of(batch["flux"])
        ivar = present_rows_of(batch["ivar"]) if self._needs_ivar else None
        if self.refill and ivar is not None:
            flux = np.where(ivar > 0, flux, self.bundle.fill_spectrum)
        return flux, ivar

    def _flags(
        self, known: dict[str, pa.Array], is_used: Booleans, is_agn: Booleans, error: Floats
    ) -> npt.NDArray[np.int32]:
        profile = self.bundle.profile
        z, sn, coverage = (_doubles(known[name]) for name in ("z", "sn_median", "coverage"))
        label = _doubles(known["label"])
        says_coverage = _booleans(pc.fill_null(pc.equal(known["reason"], "coverage"), False))
        tests = {
            "LEFT_OUT": ~is_used,
            "LOW_COVERAGE": says_coverage | (is_used & profile.is_below("coverage", coverage)),
            "Z_RANGE": profile.is_below("z", z) | profile.is_above("z", z),
            "LOW_SN": profile.is_below("sn_median", sn),
            "HIGH_SN": profile.is_above("sn_median", sn),
            "OUTLIER": is_used & (error > profile.error_limit(sn)),
            "LABEL_DIFFERS": is_used & np.isfinite(label) & (label != is_agn),
        }
        flags = np.zeros(len(z), np.int32)
        for name, holds in tests.items():
            flags |= np.where(holds, np.int32(1 << FLAG_BITS[name]), np.int32(0))
        return flags


def _doubles(values: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers; NaN where there is none."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _booleans(values: pa.Array) -> Booleans:
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _where(is_used: Booleans, values: Floats) -> pa.Array:
    """Return a column that is null where a row is not used."""
    array = lists_of(values) if values.ndim == 2 else pa.array(values)
    return pc.if_else(pa.array(is_used), array, pa.scalar(None, array.type))


def _healpix(ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> pa.Array:
    """Return the nested HEALPix pixels; null without a position."""
    known = np.isfinite(ra) & np.isfinite(dec)
    pixel = np.zeros(len(ra), np.int64)
    pixel[known] = hpgeom.angle_to_pixel(2**HEALPIX_ORDER, ra[known], dec[known])
    return pa.array(pixel, mask=~known)
