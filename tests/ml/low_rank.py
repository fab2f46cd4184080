"""Spectra that a few known components make, with gaps and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.linalg import subspace_angles

from galspec_spark.ml.features.components import Components
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.spectrum.arrays import lists_of
from tests.warehouses import in_parts, labelled, write_tables

FOLDS = 3


def truth(pixels: int, k: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return a mean spectrum near 1 and k smooth orthonormal vectors."""
    random = np.random.default_rng(seed)
    kernel = np.exp(-0.5 * (np.arange(-15, 16) / 5) ** 2)
    smooth = [np.convolve(random.normal(size=pixels), kernel, "same") for _ in range(k)]
    vectors = np.linalg.qr(np.transpose(smooth))[0].T
    return 1 + 0.3 * np.sin(np.arange(pixels) / 30), vectors


def spectra(rows: int, mean: np.ndarray, vectors: np.ndarray, seed: int = 2) -> np.ndarray:
    """Return rows whose coefficients have variances that fall by half, each to the next."""
    random = np.random.default_rng(seed)
    strengths = 2 * 0.5 ** (np.arange(len(vectors)) / 2)
    return mean + random.normal(size=(rows, len(vectors))) * strengths @ vectors


def ordinary(flux: np.ndarray, k: int) -> Components:
    """Return the components of a singular value decomposition."""
    mean = flux.mean(axis=0)
    _, singular, vectors = np.linalg.svd(flux - mean, full_matrices=False)
    return Components(mean, vectors[:k], singular[:k] ** 2 / (singular**2).sum())


def mean_filled(flux: np.ndarray, good: np.ndarray) -> np.ndarray:
    mean = np.where(good, flux, 0).sum(axis=0) / good.sum(axis=0)
    return np.where(good, flux, mean)


def largest_angle(ours: np.ndarray, other: np.ndarray) -> float:
    """Return the largest angle between two subspaces in degrees."""
    return float(np.degrees(subspace_angles(ours.T, other.T)[0]))


def labelled_spectra(
    root: Path, flux: np.ndarray, ivar: np.ndarray, fold: np.ndarray | None = None, parts: int = 2
) -> LabelledSpectra:
    """Write spectra as a warehouse; row i is of fold i % FOLDS unless told."""
    number = np.arange(len(flux))
    table = pa.table(
        {
            "spectrum_id": [f"spectrum-{i:04d}" for i in number],
            "object_id": [f"spectrum-{i:04d}" for i in number],
            "split": ["train"] * len(flux),
            "label": number % 2,
            "fold": number % FOLDS if fold is None else fold,
            "flux": lists_of(flux.astype(np.float32)),
            "ivar": lists_of(ivar.astype(np.float32)),
        }
    )
    write_tables(root, in_parts(table, parts))
    return labelled(root, flux.shape[1], parts)


def dataframe(spark, flux: np.ndarray, ivar: np.ndarray, partitions: int = 2):
    """Return a DataFrame with id, flux, ivar (float32) and fold; row i is of fold i % FOLDS."""
    number = np.arange(len(flux))
    columns = {
        "id": number,
        "fold": pa.array(number % FOLDS, pa.int32()),
        "flux": pa.array(list(flux.astype(np.float32))),
        "ivar": pa.array(list(ivar.astype(np.float32))),
    }
    return spark.createDataFrame(pa.table(columns)).repartition(partitions)
