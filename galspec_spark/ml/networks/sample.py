"""A bounded random sample of the training spectra, as files that every fit can read.

The spectra come first by a hash of their identifiers, so that the sample does not depend on parts
and tasks. One pass over the identifiers finds the hash that is the limit, one over the pixels
copies the spectra below it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.tasks import run_tasks, shares
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.preprocess.selection import positions
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

#: A row group of the table ``sample``.
RowGroup = tuple[Location, int]


@dataclass(frozen=True)
class TrainingSample:
    """Some spectra of the training split, in files."""

    parts: Sequence[Location]

    def outside(self, fold: int | None) -> Floats:
        """Return the flux (n, pixels) of the spectra outside a fold, by their hash; None: of all.

        The gaps are filled.
        """
        found = [_load(part) for part in self.parts]
        place, folds, flux = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(place)
        return np.asarray(flux[order[folds[order] != fold]])


def draw_sample(
    spark: SparkSession, spectra: LabelledSpectra, count: int, seed: int, scratch: Location
) -> TrainingSample:
    """Draw so many training spectra at random, or all if there are no more.

    Parameters
    ----------
    scratch
        Folder for the sample, which all machines see.

    Raises
    ------
    UserError
        If a flux is NaN or infinite.
    """
    groups = sorted(
        {(each.sample, each.sample_rows.row_group) for task in spectra.tasks for each in task}
    )
    divided = shares(groups, len(spectra.tasks))
    found = run_tasks(spark, partial(_least, count=count, seed=seed), divided)
    least = np.sort(np.concatenate(found))[:count]
    copy = partial(_copy, spectra=spectra, limit=least[-1], seed=seed, scratch=scratch)
    parts = run_tasks(spark, copy, spectra.tasks)
    return TrainingSample([part for part in parts if part is not None])


def _least(task: Sequence[RowGroup], count: int, seed: int) -> Doubles:
    """Return the least hashes of the training spectra in some row groups, at most `count`."""
    least = np.empty(0)
    for place, row_group in task:
        rows = open_part(place).read_row_group(row_group, ["spectrum_id", "fold"])
        names = rows["spectrum_id"].filter(pc.is_valid(rows["fold"]))
        least = np.sort(np.append(least, positions(names.to_pylist(), seed)))[:count]
    return least


def _copy(
    task: Sequence[Slice], spectra: LabelledSpectra, limit: float, seed: int, scratch: Location
) -> Location | None:
    """Write the training spectra of one task whose hash is within the limit."""
    batches = []
    for rows, flux, _ in spectra.read(task, ["spectrum_id", "fold"]):
        place = positions(rows["spectrum_id"].to_pylist(), seed)
        chosen = (place <= limit) & _is_training(rows)
        folds = rows["fold"].filter(pa.array(chosen)).to_numpy()
        batches.append((place[chosen], folds, flux[chosen]))
    if not batches:
        return None
    arrays = [np.concatenate(each) for each in zip(*batches, strict=True)]
    if not np.isfinite(arrays[-1]).all():
        raise UserError("NaN or infinite values in column flux: networks need finite values")
    content = io.BytesIO()
    np.savez(content, *arrays)
    written = scratch / f"sample-{os.urandom(8).hex()}.npz"
    written.write(content.getvalue())
    return written


def _is_training(rows: pa.Table) -> np.ndarray:
    return np.asarray(pc.is_valid(rows["fold"]).to_numpy())


def _load(part: Location) -> list[np.ndarray]:
    with np.load(io.BytesIO(part.read()), allow_pickle=False) as saved:
        return [saved[name] for name in saved.files]
