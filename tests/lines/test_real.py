"""SDSS's own measurements of the real spectra, number for number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.lines.formula import FORMULA_LINES
from galspec_spark.lines.linelist import line_lists, reductions_of
from galspec_spark.lines.measures import Measures, measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import read_templates
from galspec_spark.readers import read_spectra
from galspec_spark.readers.source import Source

#: BADSKYCHI and REDMONSTER, by their numbers in SDSS's documentation.
BAD_SKY = 1 << 27 | 1 << 28
#: Every so many files are opened with astropy, which takes its time.
ASTROPY = 12

Row = dict[str, Any]


@pytest.fixture(scope="module")
def paths(real_spectra: Path) -> list[Path]:
    return sorted(real_spectra.rglob("spec-*.fits"))


@pytest.fixture(scope="module")
def rows(paths: list[Path]) -> list[Row]:
    return [read_spectra(Source(path.name, path.read_bytes()))[1][0] for path in paths]


@pytest.fixture(scope="module")
def measures(rows: list[Row]) -> Measures:
    folder = os.environ.get("GALSPEC_TEMPLATES")
    if not folder:
        pytest.skip("GALSPEC_TEMPLATES is not set")
    path = Path(folder) / "spEigenElodie.fits"
    longest = max(len(row["flux"]) for row in rows)

    def matrix(name: str) -> np.ndarray:
        padded = [np.pad(row[name].astype("f8"), (0, longest - len(row[name]))) for row in rows]
        return np.stack(padded)

    z, loglam0 = (np.array([row[name] for row in rows]) for name in ("z", "loglam0"))
    bad_sky = matrix("or_mask").astype(np.int64) & BAD_SKY != 0
    spectra = Spectra.observed(matrix("flux"), matrix("ivar"), loglam0, z, bad_sky)
    run2d = np.array([row["run2d"] for row in rows], object)
    return measure(spectra, z, run2d, read_templates(path.read_bytes(), path.name))


def of_sdss(rows: list[Row], column: str) -> np.ndarray:
    """Return a value of SPZLINE, NaN where SDSS did not measure the line."""
    return np.array([row[column] for row in rows], "f8")


def test_the_lists_of_lines_are_those_of_the_files(paths: list[Path], rows: list[Row]) -> None:
    for path, row in list(zip(paths, rows, strict=True))[::ASTROPY]:
        own = line_lists()[reductions_of(row["run2d"])]
        theirs = fits.getdata(path, 3)["LINEWAVE"]
        np.testing.assert_allclose(theirs, own.wavelength, rtol=3e-8)


@pytest.mark.parametrize("line", FORMULA_LINES)
def test_lines_are_sdss_s(line: str, rows: list[Row], measures: Measures) -> None:
    area, area_err = (of_sdss(rows, f"{line}_{value}") for value in ("area", "area_err"))
    ours, there = measures.line(line), np.isfinite(area)
    assert (ours["area_err"][~there] < 0).all()
    difference = (ours["area"] / ours["area_err"] - area / area_err)[there]
    assert (np.abs(difference) < 0.05).mean() >= 0.98
    assert np.median(np.abs(ours["area"] - area)[there] / area_err[there]) < 0.01
    assert abs(np.median(ours["area_err"][there] / area_err[there]) - 1) < 0.001
    width = ours["sigma_err"] / of_sdss(rows, f"{line}_sigma_err")
    assert abs(np.median(width[there]) - 1) < 0.001


def test_labels_are_sdss_s(rows: list[Row], measures: Measures) -> None:
    subclass = [row["subclass"] or "" for row in rows]
    theirs = [name.replace("BROADLINE", "").strip() for name in subclass]
    assert list(measures.subclass) == theirs
    assert theirs.count("AGN") == 63
    broad = np.array(["BROADLINE" in name for name in subclass])
    assert measures.broadline[broad].all()
    # SDSS saw the pixels of the whole plate; a file leaves out bad ones at its ends.
    assert (measures.broadline & ~broad).sum() <= 9


def test_dispersions_are_sdss_s(paths: list[Path], measures: Measures) -> None:
    catalogue = [fits.getdata(path, 2)[0] for path in paths[::ASTROPY]]
    theirs, error = (np.array([r[name] for r in catalogue]) for name in ("VDISP", "VDISP_ERR"))
    found, found_err = measures.velocity_dispersion, measures.velocity_dispersion_err
    there = (error > 0) & np.isfinite(found_err[::ASTROPY])
    assert there.sum() > 40
    difference = np.abs(found[::ASTROPY] - theirs)[there]
    assert np.percentile(difference, 98) < 0.2  # km/s
    ratio = found_err[::ASTROPY][there] / error[there]
    assert np.percentile(np.abs(ratio - 1), 98) < 0.001
