"""Pixels of spectra that may have changed, compared in tasks: a few numbers a spectrum.

Both spectra of a pair are put on the rest frame's grid by the redshift of the old release, so that
another redshift is no change of the flux. Each is divided by its median over the pixels that are
good in both, so that another calibration of the whole is none either, nor another mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.diff.narrow import Flags, Pairs
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.preprocess.pixels import PIXEL_COLUMNS
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import RestFrame, has_redshift, to_rest_frame
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

#: Pairs of a task: two times 40 MB of pixels.
TASK_PAIRS = 500

Rows = npt.NDArray[np.int64]


class Work(NamedTuple):
    """Some pairs whose spectra are in one part of each release."""

    old: Location
    new: Location
    old_rows: Rows
    new_rows: Rows
    z: Doubles
    reject: int  #: bits of AND_MASK that make a pixel bad


@dataclass(frozen=True)
class PixelChanges:
    """What is different, each (pairs,); NaN where the pixels were not compared."""

    masked: Doubles  #: share of the grid that is good in one spectrum only
    chi2: Doubles  #: mean square of the difference of flux in units of its noise
    largest: Doubles  #: largest difference of a pixel in units of its noise
    scale: Doubles  #: median flux of the new spectrum over that of the old one


def compare_pixels(
    spark: SparkSession, warehouse: Warehouse, pairs: Pairs, chosen: Flags, recipe: Recipe
) -> PixelChanges:
    """Compare the pixels of the chosen pairs that have a redshift; open no other part."""
    old_z, new_z = pairs.numbers("z")
    z = np.where(has_redshift(old_z), old_z, new_z)
    groups = list(_groups(pairs, np.flatnonzero(chosen & has_redshift(z))))
    tasks = [_work(warehouse, pairs, rows, z[rows], recipe) for rows in groups]
    found = np.full((len(pairs), 4), np.nan)
    for rows, values in zip(groups, run_tasks(spark, compare, tasks), strict=True):
        found[rows] = values
    return PixelChanges(*found.T)


def compare(work: Work) -> Doubles:
    """Return masked, chi2, largest and scale of each pair, shape (pairs, 4)."""
    old = _read(work.old, work.old_rows, work.z, work.reject)
    new = _read(work.new, work.new_rows, work.z, work.reject)
    good = old.good & new.good
    levels = [_level(each.flux, good) for each in (old, new)]
    scale = levels[1] / levels[0]
    difference = new.flux / levels[1] - old.flux / levels[0]
    with np.errstate(divide="ignore"):
        variance = 1 / (old.ivar * levels[0] ** 2) + 1 / (new.ivar * levels[1] ** 2)
    size = np.where(good, np.abs(difference) / np.sqrt(variance), 0)
    chi2 = (size**2).sum(axis=1) / np.maximum(good.sum(axis=1), 1)
    masked = (old.good ^ new.good).mean(axis=1)
    return np.column_stack([masked, chi2, size.max(axis=1), scale[:, 0]])


def _level(flux: Floats, good: Flags) -> Doubles:
    """Return the median over good pixels, (spectra, 1); 1 where it is not positive."""
    values = np.ma.masked_array(flux.astype(np.float64), ~good)
    median = np.ma.median(values, axis=1).filled(1.0)  # type: ignore[no-untyped-call]
    return np.where(median > 0, median, 1.0)[:, None]


def _groups(pairs: Pairs, rows: Rows) -> Iterator[Rows]:
    """Divide pairs by their parts, in the order in which the old part has them."""
    parts = [table["part"].take(pa.array(rows)).to_pylist() for table in (pairs.old, pairs.new)]
    of_part: dict[tuple[str, str], list[int]] = {}
    for row, key in zip(rows.tolist(), zip(*parts, strict=True), strict=True):
        of_part.setdefault(key, []).append(row)
    place = pairs.old["row"].to_numpy()
    for found in of_part.values():
        ordered = np.array(found)[np.argsort(place[found])]
        for first in range(0, len(ordered), TASK_PAIRS):
            yield ordered[first : first + TASK_PAIRS]


def _work(warehouse: Warehouse, pairs: Pairs, rows: Rows, z: Doubles, recipe: Recipe) -> Work:
    old, new = (
        warehouse.root / place_beside(table["part"][rows[0]].as_py(), "spectra")
        for table in (pairs.old, pairs.new)
    )
    old_rows, new_rows = (table["row"].to_numpy()[rows] for table in (pairs.old, pairs.new))
    reject = recipe.reject(pairs.old["survey"][rows[0]].as_py())
    return Work(old, new, old_rows, new_rows, z, reject)


def _read(part: Location, rows: Rows, z: Doubles, reject: int) -> RestFrame:
    spectra = open_part(part).read_rows(rows, PIXEL_COLUMNS)
    column = spectra.schema.get_field_index("z")
    spectra = spectra.set_column(column, "z", pa.array(z))
    return to_rest_frame(ObservedBatch.from_arrow(spectra), reject)
