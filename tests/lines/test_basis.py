"""Our own templates, as they are shipped."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits

from galspec_spark.lines.templates import OWN, own_templates
from studies.basis.scores import agn_scores, measured, offsets
from studies.basis.training import read_training

FILE = files("galspec_spark.lines").joinpath(OWN)


def test_the_file_is_small_and_says_what_it_is() -> None:
    assert len(FILE.read_bytes()) < 260_000
    with FILE.open("rb") as opened, fits.open(opened) as hdus:
        image, header = hdus[0].data, hdus[0].header
        assert image.shape == (24, 2169)
        assert image.dtype == np.dtype(">f4")
        assert (header["COEFF0"], header["COEFF1"]) == (3.6155, 1e-4)
        assert header["NSPECTRA"] >= 600
        assert "SPZLINE" in str(header["COMMENT"])
        assert np.linalg.cond(image) < 10
        assert len(own_templates().seen) == header["NSPECTRA"]


def test_it_is_package_data() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["galspec_spark.lines"]
    assert any(fnmatch(OWN, pattern) for pattern in patterns)


def test_it_is_read_once() -> None:
    assert own_templates() is own_templates()
    assert own_templates().version.startswith("basis.fits ")
    assert own_templates().pixels == 2168


def test_spectra_that_it_has_seen(real_spectra: Path) -> None:
    """It was learned from these: no measure of its accuracy, but a worse file would fail here."""
    galaxies = read_training(real_spectra)
    assert set(galaxies.key) == own_templates().seen
    some = (galaxies.subclass == "AGN") | (np.arange(len(galaxies)) % 4 == 0)
    seen = galaxies.take(np.flatnonzero(some))
    found = measured(seen, own_templates())
    assert agn_scores(seen, found)["f1"] >= 0.95
    h_beta = offsets(seen, found)["h_beta"]
    assert abs(h_beta["offset_sigma"]) < 0.1
    assert h_beta["scatter_sigma"] < 0.3
