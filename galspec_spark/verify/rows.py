"""Checks whether each row of a part agrees with itself and, in ``files``, with the file.

Every check computes a mask over a batch from whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.labels import AGN, BINARY, Classes
from galspec_spark.readers.batch import NO_INFORMATION, NOT_FINITE, healpix29
from galspec_spark.readers.opening import READ_AHEAD
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.verify.findings import Finding
from galspec_spark.warehouse.flags import ABSTAIN
from galspec_spark.warehouse.local import FileStatus
from galspec_spark.warehouse.parts import partition_values
from galspec_spark.warehouse.schemas import CLASSES
from galspec_spark.warehouse.storage import Location

Mask = npt.NDArray[np.bool_]


class Suspect(NamedTuple):
    """Rows of a batch that one check rejects."""

    kind: str
    rows: Mask
    detail: str = ""


def check_rows(table: str, place: Location, batch: pa.RecordBatch) -> list[Finding]:
    """Return the findings about single rows of a batch of a part."""
    names = batch.column(0)  # spectrum_id, or path in files
    return [
        Finding(
            suspect.kind,
            table,
            int(suspect.rows.sum()),
            f"{names[int(suspect.rows.argmax())]}{suspect.detail} in {place}",
        )
        for suspect in CHECKS[table](place, batch)
        if suspect.rows.any()
    ]


def _spectra(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    pixels = batch["pixels"].to_numpy()
    wrong = np.zeros(batch.num_rows, np.bool_)
    for name in ("flux", "ivar", "and_mask", "or_mask"):
        wrong |= _lengths(batch[name], pixels) != pixels
        yield Suspect("null_pixels", _rows_with(batch[name], _null), f": {name}")
    yield Suspect("wrong_lengths", wrong)
    yield from _not_finite(batch)
    yield Suspect("wrong_quality", _quality(batch, wrong) != batch["quality"].to_numpy())
    yield Suspect("wrong_healpix", _healpix(batch) != _filled(batch["healpix29"]))
    values = partition_values(place)
    begin = f"{values['survey']}-{values['release']}-"
    yield Suspect("wrong_folder", ~_mask(pc.starts_with(batch["spectrum_id"], begin)))


def _restframe(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    covered = pc.fill_null(batch["coverage"], 0).to_numpy() > 0
    has_pixels = covered & _mask(pc.fill_null(batch["has_scale"], False))
    wrong = np.zeros(batch.num_rows, np.bool_)
    for name in ("flux", "ivar"):
        wrong |= _lengths(batch[name], -1) != np.where(has_pixels, PIXELS, -1)
        yield Suspect("not_finite", _rows_with(batch[name], _not_a_number), f": {name}")
    yield Suspect("wrong_lengths", wrong)
    yield from _not_finite(batch)


def _lines(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    margin = pc.fill_null(batch["formula_margin"], -1).to_numpy()
    is_agn = _mask(pc.fill_null(pc.equal(batch["formula_subclass"], "AGN"), False))
    has_sn = _mask(pc.is_valid(batch["h_beta_sn"]))
    is_measured = _mask(pc.fill_null(pc.equal(batch["h_beta_flag"], 0), False))
    yield Suspect("impossible_lines", (is_agn != (margin > 0)) | (has_sn & ~is_measured))
    yield from _not_finite(batch)


def _files(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    status, rows = batch["status"], batch["rows"].to_numpy()
    is_read, is_quarantined = (
        _mask(pc.equal(status, "read")),
        _mask(pc.equal(status, "quarantined")),
    )
    no_format, no_reason = (_mask(pc.is_null(batch[name])) for name in ("format", "reason"))
    good = (is_read & ~no_format & no_reason & (rows >= 0)) | (
        is_quarantined & ~no_reason & (rows == 0)
    )
    yield Suspect("impossible_account", ~good)
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        now = list(pool.map(status_now, batch["path"].to_pylist()))
    size, time = (np.array([getattr(file, n) for file in now]) for n in ("size", "mtime_ns"))
    is_gone = (size == 0) & (time == 0)
    is_as_it_was = (size == batch["size"].to_numpy()) & (time == batch["mtime_ns"].to_numpy())
    yield Suspect("file_gone", is_gone & ~is_as_it_was)
    yield Suspect("file_changed", ~is_gone & ~is_as_it_was)


def status_now(path: str) -> FileStatus:
    """Return a file's status; size and time are 0 where it is gone or out of reach."""
    try:
        return Location(path).status()
    except (OSError, UserError):
        return FileStatus(path, 0, 0)


def _sample(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    is_used, has_label = _mask(pc.is_null(batch["reason"])), _mask(pc.is_valid(batch["label"]))
    is_train, is_test = (
        _mask(pc.fill_null(pc.equal(batch["split"], split), False)) for split in ("train", "test")
    )
    is_possible = (is_train | is_test) == (is_used & has_label)
    is_possible &= _mask(pc.is_valid(batch["fold"])) == is_train
    yield Suspect("impossible_decision", ~is_possible)


def _catalog(place: Location, batch: pa.RecordBatch) -> Iterator[Suspect]:
    used = _mask(pc.is_null(batch["reason"]))
    measured = _mask(pc.is_valid(batch["probability"])) & _mask(pc.is_valid(batch["margin"]))
    probability = pc.fill_null(batch["probability"], 0.5).to_numpy()
    names = _classes(batch.schema)
    is_agn = pc.fill_null(batch["margin"], -1.0).to_numpy() >= 0
    classes = np.array(batch["class"].to_pylist(), str)
    is_called = np.where(is_agn, classes == AGN, np.isin(classes, names.names[:-1]))
    is_class = (classes == ABSTAIN) | (used & is_called)
    is_set = _mask(pc.is_in(batch["prediction_set"], pa.array(names.set_names)))
    is_possible = (probability >= 0) & (probability <= 1) & (used == measured) & is_class
    is_possible &= is_set == used
    yield Suspect("impossible_prediction", ~is_possible)
    yield Suspect("wrong_healpix", _healpix(batch) != _filled(batch["healpix29"]))
    yield from _not_finite(batch)


def _classes(schema: pa.Schema) -> Classes:
    """Return the classes that a part of ``catalog`` names, those of the paper without a name."""
    found = (schema.metadata or {}).get(CLASSES.encode())
    return Classes(tuple(found.decode().split("|"))) if found else BINARY


CHECKS = {
    "spectra": _spectra,
    "files": _files,
    "restframe": _restframe,
    "lines": _lines,
    "sample": _sample,
    "catalog": _catalog,
}


def _not_finite(batch: pa.RecordBatch) -> Iterator[Suspect]:
    """Find NaN and infinite numbers, which the jobs never write: they are null."""
    for field in batch.schema:
        if pa.types.is_floating(field.type):
            finite = pc.fill_null(pc.is_finite(batch[field.name]), True)
            yield Suspect("not_finite", ~_mask(finite), f": {field.name}")


def _quality(batch: pa.RecordBatch, wrong: Mask) -> npt.NDArray[np.int32]:
    """Return the quality bits of the pixels; the stored bits where lengths are wrong."""
    quality: npt.NDArray[np.int32] = batch["quality"].to_numpy().copy()
    right = batch.filter(pa.array(~wrong)) if wrong.any() else batch
    flux, ivar = (_flat(right[name]) for name in ("flux", "ivar"))
    informative = ivar > 0
    finite = np.isfinite(flux) & np.isfinite(ivar)
    pixels = right["pixels"].to_numpy().astype(np.int64)
    no_information = ~_any(informative & finite, pixels)
    not_finite = _any(informative & ~finite, pixels)
    quality[~wrong] = no_information * NO_INFORMATION + not_finite * NOT_FINITE
    return quality


def _healpix(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the HEALPix pixels of the positions, -1 without a position."""
    return _filled(healpix29(*(batch[n].to_numpy(zero_copy_only=False) for n in ("ra", "dec"))))


def _filled(column: pa.Array) -> npt.NDArray[np.int64]:
    filled: npt.NDArray[np.int64] = pc.fill_null(column, -1).to_numpy()
    return filled


def _mask(values: pa.Array) -> Mask:
    mask: Mask = values.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def _flat(column: pa.ListArray) -> Array:
    values: Array = column.flatten().to_numpy(zero_copy_only=False)
    return values


def _lengths(column: pa.ListArray, of_null: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the lengths of lists, `of_null` for null."""
    is_null = _mask(column.is_null())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    filled: npt.NDArray[np.int64] = np.where(is_null, of_null, lengths)
    return filled


def _rows_with(column: pa.ListArray, test: Callable[[pa.Array], Mask]) -> Mask:
    """Return which lists have a value that passes a test."""
    return _any(test(column.flatten()), _lengths(column, 0))


def _null(values: pa.Array) -> Mask:
    return _mask(values.is_null())


def _not_a_number(values: pa.Array) -> Mask:
    return ~_mask(pc.fill_null(pc.is_finite(values), False))


def _any(flags: Mask, lengths: npt.NDArray[np.int64]) -> Mask:
    """Return which runs of flags, of consecutive `lengths`, have a flag set."""
    found = np.zeros(len(lengths), np.bool_)
    if flags.any():
        is_run = lengths > 0
        starts = np.cumsum(lengths[is_run]) - lengths[is_run]
        found[is_run] = np.logical_or.reduceat(flags, starts)
    return found
