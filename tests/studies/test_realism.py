"""Realism against real spectra, with the kernels alone; and the statistics that measure it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.config import Config, SimulateConfig
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import spectra_table
from galspec_spark.readers.source import Source
from galspec_spark.simulate.batch import simulate_block
from galspec_spark.simulate.speclite import files
from studies.realism.page import (
    COMPONENTS,
    TOLERANCE,
    compare,
    energy_test,
    make_sample,
    usual,
    variance_curve,
)

CONFIG = Config().preprocess
BLOCKS = 8


def galaxies(contents: Iterable[bytes]) -> pa.Table:
    """Read files and select as preprocess does by default."""
    rows = [row for content in contents for row in read_spectra(Source("spec.fits", content))[1]]
    wanted = [
        {**row, "spectrum_id": "", "file": ""}
        for row in rows
        if row["class"] == "GALAXY"
        and row["zwarning"] & ~16 == 0
        and CONFIG.z_min <= row["z"] <= CONFIG.z_max
    ]
    return spectra_table(wanted, {"version": "", "run_id": "", "config_hash": ""})


@pytest.fixture(scope="module")
def numbers(real_spectra: Path) -> dict[str, Any]:
    real = galaxies(path.read_bytes() for path in sorted(real_spectra.rglob("spec-*.fits")))
    selection = np.stack([real["z"].to_numpy(), real["sn_median"].to_numpy()], axis=1)
    only_galaxies = SimulateConfig(repeats=0, stars=0, quasars=0, sky_fibres=0)
    blocks = (simulate_block(block, only_galaxies, selection) for block in range(BLOCKS))
    simulated = galaxies(content for block in blocks for _, content in files(block))
    return compare(make_sample(real, CONFIG), make_sample(simulated, CONFIG))


def test_cumulative_variance_is_that_of_real_galaxies(numbers: dict[str, Any]) -> None:
    """Within 2 %, or within twice the scatter of the real curve where that is larger (PC 1)."""
    part = numbers["cumulative_variance"]["trimmed"]
    difference = np.abs(np.subtract(part["real"], part["simulated"]))
    limit = np.maximum(TOLERANCE, 2 * np.array(part["real_bootstrap_sd"]))
    assert len(difference) == COMPONENTS
    assert (difference <= limit).all()
    assert (difference[3:] <= TOLERANCE).all()


def test_bpt_cloud_is_that_of_real_galaxies(numbers: dict[str, Any]) -> None:
    assert numbers["bpt"]["real"] > 100
    assert numbers["bpt"]["p_value"] > 0.05


def test_classes_are_as_frequent_as_among_real_galaxies(numbers: dict[str, Any]) -> None:
    real, simulated = (numbers["class_fractions"][kind] for kind in ("real", "simulated"))
    for name in real:
        assert simulated.get(name, 0) == pytest.approx(real[name], abs=0.05)


def test_energy_test_tells_clouds_apart() -> None:
    rng = np.random.default_rng(1)
    cloud, same = rng.normal(size=(2, 150, 2))
    assert energy_test(cloud, same)[1] > 0.05
    assert energy_test(cloud, same + np.array([0.6, 0]))[1] < 0.01


def test_variance_curve_is_that_of_a_singular_value_decomposition() -> None:
    flux = np.random.default_rng(2).normal(size=(60, 200)).astype(np.float32)
    flux[:, :50] *= np.linspace(1, 9, 60, dtype=np.float32)[:, None]
    kept = flux[usual(flux, 0.05)]
    assert len(kept) == 57
    singular = np.linalg.svd(kept - kept.mean(axis=0), compute_uv=False) ** 2
    expected = np.cumsum(singular)[:COMPONENTS] / singular.sum()
    np.testing.assert_allclose(variance_curve(flux, 60, 0.05), expected, rtol=1e-4)
