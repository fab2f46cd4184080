"""Synthetic rest-frame spectra, smooth, whose lines carry the label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.config import PreprocessConfig
from galspec_spark.spectrum.grid import PIXELS, wavelength
from tests.warehouses import in_parts, write_tables

FOLDS = 3


def spectra(labels: npt.NDArray[Any], seed: int = 1) -> npt.NDArray[np.float32]:
    """Return spectra of shape (n, PIXELS): [N II] and [O III] are strong where the label is 1."""
    random = np.random.default_rng(seed)
    angstrom = wavelength()
    n = len(labels)
    slope, break_4000, noise = random.normal(0, [[0.5], [0.2], [0.0]], (3, n))
    x = (angstrom - 5250) / 1550
    flux = 1 + slope[:, None] * x + break_4000[:, None] * np.tanh((angstrom - 4000) / 40)
    for centre, of_agn in ((4862.7, 0.2), (5008.2, 1.5), (6564.6, 0.4), (6585.3, 1.2)):
        strength = np.abs(random.normal(0.3, 0.2, n)) + of_agn * labels * random.uniform(0.3, 1, n)
        flux += strength[:, None] * np.exp(-0.5 * ((angstrom - centre) / 5) ** 2)
    flux += random.normal(0, 0.1, flux.shape) + noise[:, None]
    return flux.astype(np.float32)


def restframe(n: int = 180, seed: int = 1, agn: float = 0.3) -> pa.Table:
    """Return n rows, of which the first tenth is left out and every fifth other is for the test."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < agn).astype(int)
    left_out = np.arange(n) < n // 10
    is_test = (np.arange(n) % 5 == 0) & ~left_out
    split = np.where(is_test, "test", "train")
    fold = np.arange(n) % FOLDS
    flux = spectra(labels, seed)
    offsets = np.arange(0, flux.size + 1, PIXELS, dtype=np.int32)
    lists, ones = (
        pa.ListArray.from_arrays(offsets, values.ravel(), mask=pa.array(left_out))
        for values in (flux, np.ones_like(flux))
    )
    return pa.table(
        {
            "spectrum_id": [f"spectrum-{i:04d}" for i in range(n)],
            "object_id": [f"object-{i:04d}" for i in range(n)],
            "z": random.uniform(0.02, 0.2, n),
            "sn_median": random.uniform(5, 30, n).astype(np.float32),
            "label": pa.array(labels, pa.int32(), mask=left_out),
            "split": pa.array(split, pa.string(), mask=left_out),
            "fold": pa.array(fold, pa.int32(), mask=left_out | is_test),
            "coverage": np.where(left_out, 0.5, 1).astype(np.float32),
            "reason": pa.array(np.full(n, "coverage"), pa.string(), mask=~left_out),
            "flux": lists,
            "ivar": ones,
        }
    )


def write_warehouse(root: Path, table: pa.Table, parts: int = 2) -> Path:
    """Write rows as a warehouse, in so many parts, and return its folder."""
    return write_tables(root, in_parts(table, parts), PreprocessConfig(folds=FOLDS))
