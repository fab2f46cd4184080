"""The labelled spectra of a warehouse, as training reads them: with filled gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.harness.tasks import run_tasks, shares
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.warehouse.sample import Slice, read_slice, slices
from galspec_spark.warehouse.tables import Warehouse

#: Approximate number of training spectra that the fill spectrum is learned from.
FILL_SPECTRA = 20_000


@dataclass(frozen=True)
class LabelledSpectra:
    """The labelled spectra, divided among the tasks of training.

    Parameters
    ----------
    tasks
        Slices that each task reads.
    fill_spectrum
        Fills the gaps: float32 (pixels,).
    """

    tasks: Sequence[Sequence[Slice]]
    fill_spectrum: npt.NDArray[np.float32]

    def read(
        self, task: Sequence[Slice], columns: Sequence[str]
    ) -> Iterator[tuple[pa.Table, Floats, Floats]]:
        """Read the spectra of one task, in batches.

        Yields
        ------
        rows : Table
            Columns of ``sample``.
        flux : float32 (rows, pixels)
            With filled gaps.
        ivar : float32 (rows, pixels)
            0 where the flux was filled.
        """
        for part in task:
            for spectra in read_slice(part, columns, labelled=True):
                yield spectra.rows, spectra.filled(self.fill_spectrum), spectra.ivar

    def inputs(
        self, task: Sequence[Slice], columns: Sequence[str], line_columns: Sequence[str]
    ) -> Iterator[tuple[pa.Table, Inputs]]:
        """Read what features of the spectra of one task are computed from, in batches.

        Parameters
        ----------
        columns
            Columns of ``sample``.
        line_columns
            Columns of ``lines``; without any, the pixels are read.
        """
        for part in task:
            for spectra in read_slice(part, columns, line_columns, labelled=True):
                everyone = np.ones(len(spectra.rows), bool)
                yield spectra.rows, Inputs.of(spectra, everyone, self.fill_spectrum)


def labelled_spectra(
    spark: SparkSession, warehouse: Warehouse, training_spectra: int
) -> LabelledSpectra:
    """Learn the fill spectrum, and divide the spectra among as many tasks as there are cores.

    Parameters
    ----------
    training_spectra
        Number of spectra in the training split.
    """
    cores = spark.sparkContext.defaultParallelism
    all_slices = slices(warehouse, cores)
    chosen = all_slices[:: max(1, training_spectra // FILL_SPECTRA)]
    return LabelledSpectra(shares(all_slices, cores), learn_fill_spectrum(spark, chosen))


def learn_fill_spectrum(spark: SparkSession, chosen: Sequence[Slice]) -> npt.NDArray[np.float32]:
    """Return the mean of the good pixels of the training spectra in some slices, (pixels,).

    A pixel that no spectrum covers gets the value between its covered neighbours.
    """
    found = run_tasks(spark, _sums, shares(chosen, spark.sparkContext.defaultParallelism))
    total, count = np.sum([sums for sums in found if sums is not None], axis=0)
    covered = np.flatnonzero(count)
    mean = total[covered] / count[covered]
    return np.asarray(np.interp(np.arange(len(total)), covered, mean), np.float32)


def _sums(task: Sequence[Slice]) -> Doubles | None:
    """Return the sum of the good pixels' flux, and their number: (2, pixels); None without rows."""
    sums = None
    for part in task:
        for spectra in read_slice(part, ["split"], labelled=True):
            is_train = np.array(spectra.rows["split"].to_pylist()) == "train"
            good = spectra.ivar[is_train] > 0
            total = spectra.flux[is_train].sum(axis=0, dtype=np.float64, where=good)
            new = np.array([total, good.sum(axis=0)])
            sums = new if sums is None else sums + new
    return sums
