"""Learn an autoencoder: scikit-learn's MLPRegressor, from principal components to the same."""

from __future__ import annotations

import warnings

import numpy as np
from pyspark.sql import SparkSession

from galspec_spark.ml.features.autoencoder import (
    INPUTS,
    Autoencoder,
    Settings,
    mean_slopes,
    reduced,
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
) -> list[Autoencoder]:
    """Return the autoencoder of each fold, and last of the whole training split."""
    return fit_folds(spark, spectra, settings, folds, scratch, Autoencoder, learn)


def learn(flux: Doubles, settings: Settings) -> Autoencoder:
    """Learn to reproduce spectra (n, pixels); fewer than `INPUTS` have as many components."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    count = min(INPUTS, *flux.shape)
    components = PCA(count, svd_solver="randomized", random_state=settings.seed).fit(flux)
    mean, vectors = components.mean_, components.components_
    # The leading component then has a standard deviation of 1, which suits tanh.
    scale = np.sqrt(components.explained_variance_[0])
    inputs = reduced(flux, mean, vectors, scale)
    network = MLPRegressor(
        hidden_layer_sizes=(settings.hidden, settings.n_components, settings.hidden),
        activation="tanh",
        max_iter=settings.epochs,
        n_iter_no_change=settings.epochs,  # the epochs are a setting: no early end
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(inputs, inputs)
    layers = [np.vstack(each) for each in zip(network.coefs_, network.intercepts_, strict=True)]
    slopes = mean_slopes(inputs, *layers[:2]) @ vectors / scale
    return Autoencoder(slopes, flux.std(axis=0), mean, vectors, np.asarray(scale), *layers)
