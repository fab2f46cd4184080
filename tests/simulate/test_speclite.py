from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.lines.measures import measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import own_templates
from galspec_spark.simulate.batch import Batch
from galspec_spark.simulate.kinds import BLOCK
from galspec_spark.simulate.speclite import files

SF_FILE = "simulated/sdss/spectro/redux/26/spectra/lite/*/spec-*.fits"


@pytest.fixture(scope="module")
def batch(survey: list[Batch]) -> Batch:
    return survey[4]


@pytest.fixture(scope="module")
def opened(batch: Batch) -> list[tuple[str, fits.HDUList]]:
    """All files of a block, opened by astropy with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = []
        for path, content in files(batch):
            hdus = fits.open(io.BytesIO(content), lazy_load_hdus=False)
            hdus.verify("exception")
            result.append((path, hdus))
    return result


def test_astropy_reads_what_was_simulated(batch: Batch, opened: Any) -> None:
    assert len(opened) == BLOCK
    for i, (path, hdus) in enumerate(opened):
        window = slice(batch.visits.first[i], batch.visits.stop[i])
        coadd, specobj = hdus["COADD"].data, hdus["SPECOBJ"].data[0]
        for name in ("flux", "ivar", "and_mask", "or_mask", "sky", "model"):
            np.testing.assert_array_equal(coadd[name], getattr(batch.visits, name)[i, window])
        np.testing.assert_allclose(np.diff(coadd["loglam"]), 1e-4, atol=1e-6)
        assert hdus[0].header["COEFF0"] == pytest.approx(coadd["loglam"][0], abs=1e-6)
        assert specobj["CLASS"] == batch.cls[i]
        assert specobj["SUBCLASS"] == batch.subclass[i]
        assert specobj["Z"] == pytest.approx(batch.z[i], rel=1e-6)
        plate, mjd, fiber = (hdus[0].header[key] for key in ("PLATEID", "MJD", "FIBERID"))
        assert (plate, mjd, fiber) == tuple(specobj[key] for key in ("PLATE", "MJD", "FIBERID"))
        assert Path(path).match(SF_FILE)
        assert path.endswith(f"/{plate:04d}/spec-{plate:04d}-{mjd}-{fiber:04d}.fits")


def test_subclass_is_the_rule_on_the_written_lines(opened: Any) -> None:
    seen = set()
    for _, hdus in opened:
        specobj = hdus["SPECOBJ"].data[0]
        if specobj["CLASS"] != "GALAXY" or specobj["ZWARNING"] & 5:
            continue
        assert specobj["SUBCLASS"] == subclass_of(hdus["SPZLINE"].data)
        seen.add(specobj["SUBCLASS"])
    assert {"", "STARFORMING"} <= seen


def above(line: Any, sigmas: float) -> bool:
    return bool(line["LINEAREA_ERR"] > 0 and line["LINEAREA"] > sigmas * line["LINEAREA_ERR"])


def subclass_of(lines: Any) -> str:
    """SDSS's rule, written down once more, one galaxy at a time."""
    line = {row["LINENAME"].strip(): row for row in lines}
    oiii, hb, ha, nii = (line[n] for n in ("[O_III] 5007", "H_beta", "H_alpha", "[N_II] 6583"))
    words = []
    if all(above(row, 3) for row in (oiii, hb, ha, nii)):
        left = float(oiii["LINEAREA"]) * float(nii["LINEAREA"]) ** 1.2
        right = 10**0.22 * float(hb["LINEAREA"]) * float(ha["LINEAREA"]) ** 1.2
        if left > right:
            words.append("AGN")
        elif ha["LINEEW"] > max(50, 3 * ha["LINEEW_ERR"]):
            words.append("STARBURST")
        else:
            words.append("STARFORMING")
    if any(above(r, 10) and r["LINESIGMA"] - 5 * r["LINESIGMA_ERR"] > 200 for r in lines):
        words.append("BROADLINE")
    return " ".join(words)


def test_the_written_lines_are_measured_again(opened: Any) -> None:
    for _, hdus in opened[:6]:
        coadd, z = hdus["COADD"].data, np.array([hdus["SPECOBJ"].data["Z"][0]], np.float64)
        flux, ivar, mask = (coadd[name][None] for name in ("flux", "ivar", "or_mask"))
        bad_sky = mask & (1 << 27 | 1 << 28) != 0
        spectra = Spectra.observed(
            flux.astype(float), ivar.astype(float), np.array([hdus[0].header["COEFF0"]]), z, bad_sky
        )
        found = measure(spectra, z, np.array(["26"], object), own_templates())
        written = hdus["SPZLINE"].data
        for name, label in (("h_beta", "H_beta"), ("nii_6583", "[N_II] 6583")):
            (row,) = (row for row in written if row["LINENAME"].strip() == label)
            error = found.line(name)["area_err"][0]
            assert row["LINEAREA_ERR"] == pytest.approx(error, rel=1e-3)
            area = np.nan_to_num(found.line(name)["area"][0])
            assert row["LINEAREA"] == pytest.approx(area, abs=0.01 * abs(error))


def test_repeats_share_the_object_and_not_the_spectrum(batch: Batch, opened: Any) -> None:
    repeats = np.flatnonzero(batch.identity.object != batch.identity.index)
    rows = [hdus["SPECOBJ"].data[0] for _, hdus in opened]
    for i in repeats:
        first = rows[batch.identity.object[i] - batch.identity.index[0]]
        assert rows[i]["BESTOBJID"] == first["BESTOBJID"]
        assert rows[i]["SPECOBJID"] != first["SPECOBJID"]
    others = [row["BESTOBJID"] for i, row in enumerate(rows) if i not in repeats]
    assert len(set(others)) == len(others)


def test_layout_is_the_archives_own(real_spectra: Path, opened: Any) -> None:
    real_file = next(real_spectra.glob("dr14/sdss/spectro/redux/26/spectra/lite/*/*.fits"))
    ours = opened[0][1]
    with fits.open(real_file) as real:
        assert [hdu.name for hdu in ours] == [hdu.name for hdu in real][:4]
        for name in ("COADD", "SPZLINE"):
            assert ours[name].columns.names == real[name].columns.names
            assert ours[name].columns.formats == real[name].columns.formats
        theirs = {column.name: column.format for column in real["SPECOBJ"].columns}
        for column in ours["SPECOBJ"].columns:
            text = column.format.endswith("A")  # widths of text differ from file to file
            assert theirs[column.name][-1 if text else 0 :] == column.format[-1 if text else 0 :]
        np.testing.assert_allclose(
            ours["SPZLINE"].data["LINEWAVE"], real["SPZLINE"].data["LINEWAVE"]
        )
        named = [[n.strip() for n in hdus["SPZLINE"].data["LINENAME"]] for hdus in (ours, real)]
        assert named[0] == named[1]
