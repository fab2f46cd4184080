"""Moments of the spectra of each fold: block Gram matrices, multiplied by numpy in one pass.

A task keeps one scatter matrix for each fold (56 MB for 2642 pixels). The sums of all tasks pass
through files, not through Java, and the driver adds them up. Neither a worker nor the driver holds
more than one matrix per fold, whatever the number of spectra.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.pca.moments import FoldMoments, Moments, checked
from galspec_spark.ml.pca.partial_sums import Addition, add_up
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

ADDITION = Addition(Moments.load, lambda place, moments: moments.save(place), Moments.plus)


def fold_moments(
    spark: SparkSession, spectra: LabelledSpectra, scratch: Location
) -> dict[int, Moments]:
    """Return the moments of the flux of each fold of the training split, by fold.

    Parameters
    ----------
    scratch
        Folder for the sums of the tasks, which all machines see.

    Raises
    ------
    UserError
        If there are no rows, or a value is NaN or infinite.
    """
    task = partial(_fold_sums, spectra=spectra, scratch=scratch)
    found = run_tasks(spark, task, spectra.tasks)
    return checked(add_up(spark, found, ADDITION, scratch), "flux")


def _fold_sums(
    task: Sequence[Slice], spectra: LabelledSpectra, scratch: Location
) -> dict[int, Location]:
    """Sum one task's spectra by fold; return the files with the sums."""
    moments = FoldMoments()
    for rows, flux, _ in spectra.read(task, ["fold"]):
        fold = pc.fill_null(rows["fold"], -1).to_numpy()
        for number in np.unique(fold[fold >= 0]).tolist():
            moments.add(number, flux[fold == number])
    places = {}
    for number, of_fold in moments.finished().items():
        places[number] = scratch / f"moments-{number}-{os.urandom(4).hex()}.npz"
        of_fold.save(places[number])
    return places
