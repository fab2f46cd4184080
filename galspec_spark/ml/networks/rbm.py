"""Learn a restricted Boltzmann machine: scikit-learn's BernoulliRBM, from blocks of pixels."""

from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession

from galspec_spark.ml.features.rbm import (
    Machine,
    Settings,
    block_means,
    block_sizes,
    in_pixels,
    mean_slopes,
    scale_of,
)
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.networks.fit import fit_folds
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.storage import Location


def fit(
    spark: SparkSession,
    spectra: LabelledSpectra,
    settings: Settings,
    folds: int,
    scratch: Location,
) -> list[Machine]:
    """Return the machine of each fold, and last of the whole training split."""
    return fit_folds(spark, spectra, settings, folds, scratch, Machine, learn)


def learn(flux: Doubles, settings: Settings) -> Machine:
    """Learn from spectra (n, pixels)."""
    from sklearn.neural_network import BernoulliRBM

    pixels, block_pixels = flux.shape[1], settings.block_pixels
    blocks = block_means(flux, block_pixels)
    low, span = scale_of(blocks)
    values = (blocks - low) / span
    machine = BernoulliRBM(
        settings.n_components,
        learning_rate=settings.learning_rate,
        n_iter=settings.epochs,
        random_state=settings.seed,
    ).fit(np.clip(values, 0, 1))
    weights, bias = machine.components_, machine.intercept_hidden_
    slopes = mean_slopes(values, weights, bias) / span / block_sizes(pixels, block_pixels)
    return Machine(
        in_pixels(slopes, block_pixels, pixels),
        flux.std(axis=0),
        np.asarray(block_pixels),
        low,
        span,
        weights,
        bias,
        machine.intercept_visible_,
    )
