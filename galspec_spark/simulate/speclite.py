"""SDSS's spec-lite files: a batch of simulated spectra as the bytes of FITS files.

The headers of the four HDUs are made once by astropy; a file is then those bytes, a few cards set in
place, and the big-endian rows of structured arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from galspec_spark import __version__
from galspec_spark.simulate import sky
from galspec_spark.simulate.batch import Batch
from galspec_spark.simulate.linefit import FITTED
from galspec_spark.simulate.population import Kind

RUN2D = "26"
BLOCK_BYTES, CARD_BYTES = 2880, 80

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
#: The columns of the real table that mean something here, in its order and types.
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
        ("SPECTROGRAPHID", ">i4"),
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
#: The filters u, g, r, i, z: limits in Angstrom of the part that the spectrum sees.
BANDS = ((3800, 3950), (3950, 5450), (5600, 6980), (6900, 8200), (8200, 9200))
#: PRIMTARGET of the main galaxy sample, and of a quasar, a star, a sky fibre.
TARGETS = (64, 64, 64, 64, 1 << 19, 2, 0)


def relative_path(plate: int, mjd: int, fiber: int) -> str:
    """Return where the archive keeps a spec-lite file, below the survey's folder."""
    folder = f"dr14/sdss/spectro/redux/{RUN2D}/spectra/lite/{plate:04d}"
    return f"{folder}/spec-{plate:04d}-{mjd:05d}-{fiber:04d}.fits"


def files(batch: Batch, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the relative path and the content of the files of the first `count` spectra."""
    who, visits = batch.identity, batch.visits
    coadd, specobj, spzline = _coadd(batch), _specobj(batch), _spzline(batch)
    for i in range(count):
        plate, mjd, fiber = int(who.plate[i]), int(who.mjd[i]), int(who.fiber[i])
        pixels = coadd[i, visits.first[i] : visits.stop[i]]
        content = (
            _primary(plate, mjd, fiber, float(who.ra[i]), float(who.dec[i]), int(visits.first[i])),
            _header(COADD, len(pixels), "COADD"),
            _padded(pixels.tobytes()),
            _header(SPECOBJ, 1, "SPECOBJ"),
            _padded(specobj[i].tobytes()),
            _header(SPZLINE, len(FITTED), "SPZLINE"),
            _padded(spzline[i].tobytes()),
        )
        yield relative_path(plate, mjd, fiber), b"".join(content)


def _coadd(batch: Batch) -> npt.NDArray[np.void]:
    visits = batch.visits
    rows = np.zeros(visits.flux.shape, COADD)
    rows["loglam"] = sky.loglam()
    rows["wdisp"] = sky.curve(sky.RESOLUTION)
    for name in ("flux", "ivar", "and_mask", "or_mask", "sky", "model"):
        rows[name] = getattr(visits, name)
    return rows


def _specobj(batch: Batch) -> npt.NDArray[np.void]:
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


def _spzline(batch: Batch) -> npt.NDArray[np.void]:
    who, lines = batch.identity, batch.fits
    rows = np.zeros((len(batch), len(FITTED)), SPZLINE)
    columns = {
        "PLATE": who.plate[:, None], "MJD": who.mjd[:, None], "FIBERID": who.fiber[:, None],
        "LINENAME": np.array([line.name for line in FITTED], dtype="S13"),
        "LINEWAVE": np.array([line.wavelength for line in FITTED]),
        "LINEZ": lines.z, "LINEZ_ERR": lines.z_err, "LINESIGMA": lines.sigma,
        "LINESIGMA_ERR": lines.sigma_err, "LINEAREA": lines.area, "LINEAREA_ERR": lines.area_err,
        "LINEEW": lines.ew, "LINEEW_ERR": lines.ew_err, "LINECONTLEVEL": lines.level,
        "LINECONTLEVEL_ERR": lines.level_err, "LINENPIXLEFT": lines.left,
        "LINENPIXRIGHT": lines.right, "LINEDOF": lines.dof, "LINECHI2": lines.chi2,
    }  # fmt: skip
    for name, value in columns.items():
        rows[name] = value
    return rows


def _chi2(batch: Batch) -> npt.NDArray[np.floating]:
    visits = batch.visits
    chi2 = ((visits.flux - visits.model) ** 2 * visits.ivar).sum(axis=1)
    return np.asarray(chi2 / np.maximum((visits.ivar > 0).sum(axis=1), 1))


def _band_fluxes(flux: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """Return fluxes in nanomaggies: f_nu / 3.631e-29 W/m2/Hz as a mean over each band."""
    wave = sky.wavelength()
    spectral = flux * (wave**2 / 2.998e18 / 3.631e-29 * 1e-17)
    return np.stack(
        [spectral[:, slice(*np.searchsorted(wave, band))].mean(axis=1) for band in BANDS], axis=1
    )


def _object_id(number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return SDSS's 64-bit photometric identifier: sky version, rerun, run, camera, field, object."""
    run, camera, field, item = (
        1000 + (number >> 20),
        1 + number % 6,
        number >> 8 & 0xFFF,
        number & 0xFF,
    )
    return np.asarray(2 << 59 | 301 << 48 | run << 32 | camera << 29 | field << 16 | item)


def _text(number: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.bytes_]:
    return np.char.rjust(number.astype("S22"), width)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK_BYTES)


@lru_cache(maxsize=256)
def _header(dtype: np.dtype[np.void], rows: int, name: str) -> bytes:
    header = fits.BinTableHDU(np.zeros(1, dtype), name=name).header
    header["NAXIS2"] = rows
    return bytes(header.tostring(), "ascii")


def _primary(plate: int, mjd: int, fiber: int, ra: float, dec: float, first: int) -> bytes:
    """Return the primary header: the shared one with this spectrum's cards set in place."""
    block, places = _primary_layout()
    header = bytearray(block)
    values = {
        "PLATEID": str(plate), "TILEID": str(plate), "MJD": str(mjd), "FIBERID": str(fiber),
        "RA": f"{ra:.6f}", "DEC": f"{dec:.6f}", "RADEG": f"{ra:.6f}", "DECDEG": f"{dec:.6f}",
        "PLUG_RA": f"{ra:.6f}", "PLUG_DEC": f"{dec:.6f}",
        "COEFF0": f"{sky.LOGLAM0 + first * sky.STEP:.4f}",
        "TAI": f"{86400.0 * (mjd + 0.3):.2f}",
    }  # fmt: skip
    for key, value in values.items():
        at = places[key]
        header[at + 10 : at + 30] = f"{value:>20}".encode("ascii")
    return bytes(header)


@lru_cache(maxsize=1)
def _primary_layout() -> tuple[bytes, dict[str, int]]:
    """Return a primary header to fill in, and where each card begins."""
    cards = [
        ("TAI", 0.0, "seconds since Nov 17 1858"),
        ("RA", 0.0, "right ascension of the plate"),
        ("DEC", 0.0, "declination of the plate"),
        ("EQUINOX", 2000.0, ""),
        ("RADESYS", "FK5", ""),
        ("TIMESYS", "tai", "TAI, not UTC"),
        ("MJD", 0, "MJD of observation"),
        ("TELESCOP", "SDSS 2.5-M", "as in the Sloan Digital Sky Survey"),
        ("NEXP_B1", 3, "b1 camera number of exposures"),
        ("NEXP_R1", 3, "r1 camera number of exposures"),
        ("EXPTIME", 2700.0, "Minimum of exposure times for all cameras"),
        ("FLAVOR", "science", "exposure type"),
        ("QUALITY", "excellent", "night/image quality"),
        ("RADEG", 0.0, "Right Ascension (degrees)"),
        ("DECDEG", 0.0, "Declination (degrees)"),
        ("PLATEID", 0, "Plate Id"),
        ("TILEID", 0, "Tile Id"),
        ("VERS2D", "simulated", f"galspec_spark {__version__}, not an observation"),
        ("RUN2D", RUN2D, "reduction whose layout this follows"),
        ("VACUUM", True, "Wavelengths are in vacuum"),
        ("NWORDER", 2, "Linear-log10 coefficients"),
        ("WFITTYPE", "LOG-LINEAR", "Linear-log10 dispersion"),
        ("COEFF0", 0.0, "Central wavelength (log10) of first pixel"),
        ("COEFF1", 1e-4, "Log10 dispersion per pixel"),
        ("DC-FLAG", 1, "Log-linear flag"),
        ("BUNIT", "1E-17 erg/cm^2/s/Ang", ""),
        ("PLUG_RA", 0.0, "RA of object [deg]"),
        ("PLUG_DEC", 0.0, "dec of object [deg]"),
        ("FIBERID", 0, "Fiber number (1-640)"),
    ]
    header = fits.PrimaryHDU().header
    for card in cards:
        header.append(card, end=True)
    block = header.tostring()
    places = {card.keyword: CARD_BYTES * i for i, card in enumerate(header.cards)}
    return bytes(block, "ascii"), places
