"""Principal components of spectra with missing or noisy pixels, by a few passes over the rows.

Each pass improves mean and components by alternating least squares: the coefficients of every
spectrum given the components, then mean and components given the coefficients, pixel by pixel, both
weighted (Bailey 2012, PASP 124, 1015; with weights 0 and 1, Roweis 1998, NIPS 10, 626, and Connolly
and Szalay 1999, AJ 117, 2052). The values that fill a gap have no influence.

In the tasks
    Coefficients, and the sums of each pixel's normal equations: (k + 1)(k + 2) / 2 + k + 2 numbers
    a pixel, 5.3 MB for 2642 pixels and 20 components. They add up whatever the partitions.
On the driver
    The sums of all tasks, passed through files, are added up and solved. The components of all
    folds advance in the same pass, each with their own sums.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.pca.partial_sums import Addition, add_up
from galspec_spark.ml.pca.pixel_sums import PixelSums, Weighting, improved, pixel_weights
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

#: Error of a pixel besides its noise, as a share of the flux: the calibration of SDSS's spectra is
#: good to about 5 % (Adelman-McCarthy et al. 2008, ApJS 175, 297), and no model is better.
CALIBRATION_ERROR = 0.05


def fit_weighted(
    spark: SparkSession,
    spectra: LabelledSpectra,
    starts: Sequence[Components],
    weighting: Weighting,
    passes: int,
    scratch: Location,
) -> list[Components]:
    """Improve components by weighted passes over the training split, one Spark job each.

    Parameters
    ----------
    starts
        Components of each fold, then of all rows, for example from ordinary PCA. The f-th is
        improved with the rows whose fold is not f, the last with all rows.
    weighting
        ``mask``: 1 where there is information. ``ivar``: see `pixel_weights`.
    passes
        Number of passes; ten suffice if a tenth of the pixels is missing.
    scratch
        Folder for the sums of the tasks, which all machines see.

    Returns
    -------
    list of Components
        As many as starts. Explained variance is the variance of the coefficients over the
        total variance of the good pixels: on complete, equally weighted data as in ordinary PCA.

    Raises
    ------
    UserError
        If there are no rows, or a good pixel is NaN or infinite.
    """
    errors = [CALIBRATION_ERROR * float(np.median(np.abs(start.mean))) for start in starts]
    components = list(starts)
    for _ in range(passes):
        task = partial(
            _pass,
            spectra=spectra,
            components=components,
            weighting=weighting,
            errors=errors,
            scratch=scratch,
        )
        sums = add_up(spark, run_tasks(spark, task, spectra.tasks), ADDITION, scratch)
        _check(sums, len(components))
        components = [improved(sums[i], each) for i, each in enumerate(components)]
    return components


def _pass(
    task: Sequence[Slice],
    spectra: LabelledSpectra,
    components: Sequence[Components],
    weighting: Weighting,
    errors: Sequence[float],
    scratch: Location,
) -> dict[int, Location]:
    """Sum one task's rows for each estimate; return the files with the sums."""
    sums = [PixelSums(each) for each in components]
    last = len(sums) - 1
    for rows, flux, ivar in spectra.read(task, ["fold"]):
        fold = pc.fill_null(rows["fold"], -1).to_numpy()
        for index, (estimate, error) in enumerate(zip(sums, errors, strict=True)):
            chosen = (fold >= 0) & ((fold != index) | (index == last))
            estimate.add(flux[chosen], pixel_weights(ivar[chosen], weighting, error))
    places = {}
    for index, estimate in enumerate(sums):
        places[index] = scratch / f"pixels-{index}-{os.urandom(4).hex()}.npy"
        _save(places[index], estimate.values)
    return places


def _check(sums: Mapping[int, Doubles], estimates: int) -> None:
    for index in range(estimates):
        if not np.isfinite(sums[index]).all():
            raise UserError("NaN or infinite values in column flux: components need finite values")
        if not sums[index][:, 0].any():
            which = "" if index == estimates - 1 else f" outside fold {index}"
            raise UserError(f"no rows with a good pixel{which}: nothing to find components of")


def _save(place: Location, sums: Doubles) -> None:
    content = io.BytesIO()
    np.save(content, sums, allow_pickle=False)
    place.write(content.getvalue())


def _load(place: Location) -> Doubles:
    return np.asarray(np.load(io.BytesIO(place.read()), allow_pickle=False))


ADDITION = Addition(_load, _save, np.add)
