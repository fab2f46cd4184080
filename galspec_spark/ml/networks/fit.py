"""A network for each training fold, and one for the whole training split, learned side by side.

Each is learned in a task of its own, whose memory the size of the sample bounds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.features.network import Network, NetworkSettings
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.networks.sample import TrainingSample, draw_sample
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.storage import Location

AnyNetwork = TypeVar("AnyNetwork", bound=Network)
AnySettings = TypeVar("AnySettings", bound=NetworkSettings)


def fit_folds(
    spark: SparkSession,
    spectra: LabelledSpectra,
    settings: AnySettings,
    folds: int,
    scratch: Location,
    kind: type[AnyNetwork],
    learn: Callable[[Doubles, AnySettings], AnyNetwork],
) -> list[AnyNetwork]:
    """Learn a network outside each fold, then on the whole training split.

    Parameters
    ----------
    scratch
        Folder for sample and networks, which all machines see.
    kind
        Class of the network.
    learn
        Learns from spectra (n, pixels).

    Raises
    ------
    UserError
        If there are fewer spectra than features, or a flux is NaN or infinite.
    """
    sample = draw_sample(spark, spectra, settings.sample, settings.seed, scratch)
    work = partial(_fit, sample=sample, settings=settings, learn=learn, scratch=scratch)
    places = run_tasks(spark, work, [*range(folds), None])
    return [kind.of_bytes(place.read()) for place in places]


def _fit(
    fold: int | None,
    sample: TrainingSample,
    settings: AnySettings,
    learn: Callable[[Doubles, AnySettings], Network],
    scratch: Location,
) -> Location:
    flux = sample.outside(fold)
    if len(flux) < settings.n_components:
        raise UserError(
            f"{settings.n_components} features of {len(flux)} spectra: choose fewer "
            "(train.features, n_components), a greater sample, or ingest more"
        )
    place = scratch / f"network-{os.urandom(8).hex()}.npz"
    place.write(learn(flux.astype(np.float64), settings).to_bytes())
    return place
