"""A model applied to rest-frame spectra: class, probability, prediction set and flags of each.

All of it is numpy within the task that reads the spectra. They never pass through the JVM, and no
task loads a model: its numbers come with the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.ml.evaluation.decisions import Decisions, called, of_agn, probabilities
from galspec_spark.ml.evaluation.prediction_sets import set_names
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.spectrum.arrays import Array, lists_of
from galspec_spark.spectrum.masks import bit_mask
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.flags import ABSTAIN, FLAG_BITS
from galspec_spark.warehouse.sample import NOT_DRAWN, Spectra
from galspec_spark.warehouse.schemas import CATALOG

#: Columns of ``catalog`` copied from ``sample``.
KEPT = (
    "spectrum_id", "object_id", "ra", "dec", "healpix29", "z", "sn_median", "coverage", "label",
    "reason",
)  # fmt: skip
#: Columns computed from the pixels; null without pixels.
MEASURED = ("probability", "margin", "prediction_set", RECONSTRUCTION_ERROR, "features")
#: Columns that `Apply` returns: the columns of ``catalog`` except its provenance.
PREDICTED = pa.schema([field for field in CATALOG if field not in PROVENANCE])

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Apply:
    """Classifies spectra with one model.

    Parameters
    ----------
    abstain
        Flags that make the class ``abstain``; every spectrum that is left out has this class.
    """

    bundle: Bundle
    abstain: Sequence[str]

    def __call__(self, spectra: Spectra, is_training: Booleans) -> pa.Table:
        """Return `PREDICTED` of spectra with the columns `KEPT`, which may lack pixels.

        They hold what the model's features read, pixels or lines. `is_training` tells which the
        model learned from (`galspec_spark.ml.model.training_objects`).

        A spectrum that was not drawn for training is classified like any other.
        """
        rows = {name: spectra.rows[name].combine_chunks() for name in KEPT}
        rows["reason"] = _without_draw(rows["reason"])
        is_used = _booleans(pc.is_null(rows["reason"]))
        measured, decided = self._measured(spectra, is_used)
        names = np.array(self.bundle.classes.names)[decided]
        flags = self._flags(rows, is_used, decided, measured)
        flags |= np.where(is_training, np.int32(1 << FLAG_BITS["IN_TRAINING"]), np.int32(0))
        has_no_class = flags & bit_mask({*self.abstain, "LEFT_OUT"}, FLAG_BITS) != 0
        columns = {
            **rows,
            **{name: _where(is_used, values) for name, values in measured.items()},
            "flags": pa.array(flags),
            "class": pa.array(np.where(has_no_class, ABSTAIN, names)),
        }
        return pa.Table.from_arrays(
            [columns[field.name].cast(field.type) for field in PREDICTED], schema=PREDICTED
        )

    def _measured(self, spectra: Spectra, is_used: Booleans) -> tuple[dict[str, Array], Decisions]:
        """Return `MEASURED` and the label of all rows; values of unused rows mean nothing."""
        bundle = self.bundle
        features = np.zeros((len(is_used), len(bundle.features.names)))
        error = np.full(len(is_used), np.nan, np.float32)
        if is_used.any():
            inputs = Inputs.of(spectra, is_used, bundle.fill_spectrum)
            found = bundle.features.transform(inputs)
            features[is_used] = found
            errors = bundle.features.reconstruction_error(inputs.flux, found)
            if errors is not None:
                error[is_used] = errors
        scores = bundle.classifier.score(features)
        found = probabilities(scores, bundle.calibration, bundle.other_calibrations)
        probability, sn = of_agn(found), _doubles(spectra.rows["sn_median"])
        sets = set_names(bundle.prediction_sets.contain(found, sn), bundle.classes)
        values = (probability, probability - bundle.threshold, sets, error, features)
        return dict(zip(MEASURED, values, strict=True)), called(found, bundle.threshold)

    def _flags(
        self,
        rows: dict[str, pa.Array],
        is_used: Booleans,
        decided: Decisions,
        measured: dict[str, Array],
    ) -> npt.NDArray[np.int32]:
        profile = self.bundle.profile
        z, sn, coverage = (_doubles(rows[name]) for name in ("z", "sn_median", "coverage"))
        label, error = _doubles(rows["label"]), measured[RECONSTRUCTION_ERROR]
        is_sure = np.isin(measured["prediction_set"], self.bundle.classes.names)
        says_coverage = _booleans(pc.fill_null(pc.equal(rows["reason"], "coverage"), False))
        tests = {
            "LEFT_OUT": ~is_used,
            "LOW_COVERAGE": says_coverage | (is_used & profile.is_below("coverage", coverage)),
            "Z_RANGE": profile.is_below("z", z) | profile.is_above("z", z),
            "LOW_SN": profile.is_below("sn_median", sn),
            "HIGH_SN": profile.is_above("sn_median", sn),
            "OUTLIER": is_used & (error > profile.error_limit(sn)),
            "LABEL_DIFFERS": is_used & np.isfinite(label) & (label != decided),
            "UNSURE": is_used & ~is_sure,
        }
        flags = np.zeros(len(z), np.int32)
        for name, holds in tests.items():
            flags |= np.where(holds, np.int32(1 << FLAG_BITS[name]), np.int32(0))
        return flags


def _doubles(values: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers, NaN where missing."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _booleans(values: pa.Array) -> Booleans:
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _where(is_used: Booleans, values: Array) -> pa.Array:
    """Return a column that is null where a row is unused or has no value."""
    array = lists_of(values) if values.ndim == 2 else pa.array(values, from_pandas=True)
    return pc.if_else(pa.array(is_used), array, pa.scalar(None, array.type))


def _without_draw(reason: pa.Array) -> pa.Array:
    is_drawn = pc.fill_null(pc.not_equal(reason, NOT_DRAWN), True)
    return pc.if_else(is_drawn, reason, pa.scalar(None, reason.type))
