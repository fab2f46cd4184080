"""The tables of a spec-lite file: COADD, SPECOBJ and SPZLINE for a batch, in SDSS's own types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.linelist import all_lines, line_lists, reductions_of
from galspec_spark.simulate import sky
from galspec_spark.simulate.batch import RUN2D, Batch
from galspec_spark.simulate.kinds import Kind
from galspec_spark.spectrum.arrays import Array

COADD = np.dtype(
    [
        ("flux", ">f4"),
        ("loglam", ">f4"),
        ("ivar", ">f4"),
        ("and_mask", ">i4"),
        ("or_mask", ">i4"),
        ("wdisp", ">f4"),
        ("sky", ">f4"),
        ("model", ">f4"),
    ]
)
#: The columns of the real table that a simulation can fill, in its order and types.
SPECOBJ = np.dtype(
    [
        ("SURVEY", "S6"),
        ("INSTRUMENT", "S4"),
        ("CHUNK", "S16"),
        ("PROGRAMNAME", "S23"),
        ("PLATERUN", "S16"),
        ("PLATEQUALITY", "S8"),
        ("PLATESN2", ">f4"),
        ("SPECPRIMARY", "u1"),
        ("SPECLEGACY", "u1"),
        ("SPECBOSS", "u1"),
        ("SPECOBJID", "S22"),
        ("FLUXOBJID", "S19"),
        ("BESTOBJID", "S19"),
        ("PLATEID", "S19"),
        ("NSPECOBS", ">i2"),
        ("FIRSTRELEASE", "S3"),
        ("RUN2D", "S3"),
        ("RUN1D", "S1"),
        ("CX", ">f8"),
        ("CY", ">f8"),
        ("CZ", ">f8"),
        ("SOURCETYPE", "S19"),
        ("TARGETTYPE", "S8"),
        ("PRIMTARGET", ">i4"),
        ("SECTARGET", ">i4"),
        ("LEGACY_TARGET1", ">i4"),
        ("LEGACY_TARGET2", ">i4"),
        ("SPECTROGRAPHID", ">i2"),
        ("PLATE", ">i4"),
        ("TILE", ">i4"),
        ("MJD", ">i4"),
        ("FIBERID", ">i4"),
        ("PLUG_RA", ">f8"),
        ("PLUG_DEC", ">f8"),
        ("CLASS", "S6"),
        ("SUBCLASS", "S21"),
        ("Z", ">f4"),
        ("Z_ERR", ">f4"),
        ("RCHI2", ">f4"),
        ("DOF", ">i4"),
        ("RCHI2DIFF", ">f4"),
        ("VDISP", ">f4"),
        ("VDISP_ERR", ">f4"),
        ("WAVEMIN", ">f4"),
        ("WAVEMAX", ">f4"),
        ("WCOVERAGE", ">f4"),
        ("ZWARNING", ">i4"),
        ("SN_MEDIAN_ALL", ">f4"),
        ("SN_MEDIAN", ">f4", (5,)),
        ("CHI68P", ">f4"),
        ("SPECTROFLUX", ">f4", (5,)),
        ("ANYANDMASK", ">i4"),
        ("ANYORMASK", ">i4"),
    ]
)
SPZLINE = np.dtype(
    [("PLATE", ">i4"), ("MJD", ">i4"), ("FIBERID", ">i4"), ("LINENAME", "S13"), ("LINEWAVE", ">f8"),
     ("LINEZ", ">f4"), ("LINEZ_ERR", ">f4"), ("LINESIGMA", ">f4"), ("LINESIGMA_ERR", ">f4"),
     ("LINEAREA", ">f4"), ("LINEAREA_ERR", ">f4"), ("LINEEW", ">f4"), ("LINEEW_ERR", ">f4"),
     ("LINECONTLEVEL", ">f4"), ("LINECONTLEVEL_ERR", ">f4"), ("LINENPIXLEFT", ">i4"),
     ("LINENPIXRIGHT", ">i4"), ("LINEDOF", ">f4"), ("LINECHI2", ">f4")]
)  # fmt: skip
#: Columns of SPZLINE that have errors, and the measures in them.
VALUES = {"LINESIGMA": "sigma", "LINEAREA": "area", "LINEEW": "ew", "LINECONTLEVEL": "continuum"}
FLOAT32 = np.finfo(np.float32).min, np.finfo(np.float32).max
#: The lines of SPZLINE.
LINES = line_lists()[reductions_of(RUN2D)]
#: The filters u, g, r, i, z: limits in Angstrom of the part in the spectrum.
BANDS = ((3800, 3950), (3950, 5450), (5600, 6980), (6900, 8200), (8200, 9200))
#: PRIMTARGET of the main galaxy sample, and of a quasar, a star, a sky fibre.
TARGETS = (64, 64, 64, 64, 1 << 19, 2, 0)


def coadd(batch: Batch) -> npt.NDArray[np.void]:
    """Return the rows of COADD on the whole observed grid, shape (n, PIXELS)."""
    visits = batch.visits
    rows = np.zeros(visits.flux.shape, COADD)
    rows["loglam"] = sky.loglam()
    rows["wdisp"] = sky.curve(sky.RESOLUTION)
    for name in ("flux", "ivar", "and_mask", "or_mask", "sky", "model"):
        rows[name] = getattr(visits, name)
    return rows


def specobj(batch: Batch) -> npt.NDArray[np.void]:
    """Return the row of SPECOBJ of each spectrum, shape (n,)."""
    who, objects, visits = batch.identity, batch.objects, batch.visits
    rows = np.zeros(len(batch), SPECOBJ)
    galaxy = objects.kind < Kind.STAR
    constant = {
        "SURVEY": "sdss", "INSTRUMENT": "SDSS", "CHUNK": "chunk1", "PROGRAMNAME": "legacy",
        "PLATERUN": "simulated", "PLATEQUALITY": "good", "PLATESN2": 20.0, "SPECLEGACY": 1,
        "FIRSTRELEASE": "dr7", "RUN2D": RUN2D, "RCHI2DIFF": 1.0, "WCOVERAGE": 0.38,
    }  # fmt: skip
    right_ascension, declination = np.radians(who.ra), np.radians(who.dec)
    first, stop = visits.first, visits.stop
    chi2 = _chi2(batch)
    measured = {
        "SPECPRIMARY": who.object == who.index,
        "SPECOBJID": _text(who.plate << 50 | who.fiber << 38 | who.mjd - 50000 << 24, 22),
        "PLATEID": _text(who.plate << 50 | who.mjd - 50000 << 24, 19),
        "BESTOBJID": _text(_object_id(who.object), 19),
        "FLUXOBJID": _text(_object_id(who.object), 19),
        "NSPECOBS": 1 + (who.object != who.index),
        "CX": np.cos(declination) * np.cos(right_ascension),
        "CY": np.cos(declination) * np.sin(right_ascension),
        "CZ": np.sin(declination),
        "SOURCETYPE": np.array(["GALAXY"] * 4 + ["STAR_BHB", "QSO", "SKY"])[objects.kind],
        "TARGETTYPE": np.where(objects.kind == Kind.SKY, "SKY", "SCIENCE"),
        "PRIMTARGET": np.array(TARGETS)[objects.kind],
        "LEGACY_TARGET1": np.array(TARGETS)[objects.kind],
        "SECTARGET": np.where(objects.kind == Kind.SKY, 16, 0),
        "LEGACY_TARGET2": np.where(objects.kind == Kind.SKY, 16, 0),
        "SPECTROGRAPHID": 1 + (who.fiber > 320),
        "PLATE": who.plate, "TILE": who.plate, "MJD": who.mjd, "FIBERID": who.fiber,
        "PLUG_RA": who.ra, "PLUG_DEC": who.dec,
        "CLASS": batch.cls, "SUBCLASS": batch.subclass, "Z": batch.z, "Z_ERR": batch.z_err,
        "RCHI2": chi2, "CHI68P": np.sqrt(chi2), "DOF": stop - first - 30,
        "VDISP": np.where(galaxy, objects.dispersion, 0.0),
        "VDISP_ERR": np.where(galaxy, 170.0 / np.maximum(objects.sn, 1), 0.0),
        "WAVEMIN": sky.wavelength()[first], "WAVEMAX": sky.wavelength()[stop - 1],
        "ZWARNING": batch.zwarning,
        "SN_MEDIAN_ALL": batch.sn_median(),
        "SN_MEDIAN": np.stack([batch.sn_median(*band) for band in BANDS], axis=1),
        "SPECTROFLUX": _band_fluxes(visits.flux),
        "ANYANDMASK": np.bitwise_or.reduce(visits.and_mask, axis=1),
        "ANYORMASK": np.bitwise_or.reduce(visits.or_mask, axis=1),
    }  # fmt: skip
    for name, value in (constant | measured).items():
        rows[name] = value
    return rows


def spzline(batch: Batch) -> npt.NDArray[np.void]:
    """Return the rows of SPZLINE, shape (n, lines); a line without a measure has zeros."""
    who, measured = batch.identity, batch.lines
    index = [all_lines().index(name) for name in LINES.names]
    found = {name: np.nan_to_num(values[:, index]) for name, values in measured.lines.items()}
    seen = found["area_err"] > 0
    rows = np.zeros(seen.shape, SPZLINE)
    left = found["pixels"] // 2
    columns = {
        "PLATE": who.plate[:, None], "MJD": who.mjd[:, None], "FIBERID": who.fiber[:, None],
        "LINENAME": np.array(LINES.linenames, dtype="S13"), "LINEWAVE": LINES.wavelength,
        "LINEZ": np.nan_to_num(measured.z)[:, None],
        "LINEZ_ERR": np.where(seen, np.nan_to_num(measured.z_err)[:, None], -1),
        "LINENPIXLEFT": left, "LINENPIXRIGHT": found["pixels"] - left,
        "LINEDOF": np.maximum(found["pixels"] - 1.1, 0), "LINECHI2": found["chi2"],
    }  # fmt: skip
    for column, name in VALUES.items():
        columns[column] = found[name]
        columns[f"{column}_ERR"] = np.where(seen, found[f"{name}_err"], found["area_err"])
    for name, value in columns.items():
        rows[name] = np.clip(value, *FLOAT32) if SPZLINE[name].kind == "f" else value
    return rows


def _chi2(batch: Batch) -> Array:
    visits = batch.visits
    chi2 = ((visits.flux - visits.model) ** 2 * visits.ivar).sum(axis=1)
    return np.asarray(chi2 / np.maximum((visits.ivar > 0).sum(axis=1), 1))


def _band_fluxes(flux: npt.NDArray[np.float32]) -> Array:
    """Return fluxes in nanomaggies: f_nu / 3.631e-29 W/m2/Hz as a mean over each band."""
    wave = sky.wavelength()
    spectral = flux * (wave**2 / 2.998e18 / 3.631e-29 * 1e-17)
    return np.stack(
        [spectral[:, slice(*np.searchsorted(wave, band))].mean(axis=1) for band in BANDS], axis=1
    )


def _object_id(number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return SDSS's 64-bit photometric identifier: version, rerun, run, camera, field, object."""
    run, camera, field, item = (
        1000 + (number >> 20),
        1 + number % 6,
        number >> 8 & 0xFFF,
        number & 0xFF,
    )
    return np.asarray(2 << 59 | 301 << 48 | run << 32 | camera << 29 | field << 16 | item)


def _text(number: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.bytes_]:
    return np.char.rjust(number.astype("S22"), width)
