"""The arms of DESI's spectrographs: merged where they overlap, rebinned to steps of 1e-4 dex."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.checks import mask_pixels
from galspec_spark.readers.fits import ALL, BadFile, Content, Unit, image
from galspec_spark.readers.rows import Row
from galspec_spark.spectrum.rebin import overlap, rebin

#: Name endings of the units that every arm has.
PARTS = ("_WAVELENGTH", "_FLUX", "_IVAR")
#: Angstrom between pixels, in all arms; b, r and z are parts of one grid.
STEP = 0.8
#: Largest distance of a wavelength from the common grid, in pixels.
GRID_TOLERANCE = 0.005
#: Bounds of plausible wavelengths in Angstrom; DESI's are 3600 to 9824.
SHORTEST, LONGEST = 3000.0, 11000.0
#: Targets decoded at once: arrays of some 6 MB each.
BATCH = 100

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """One arm, for all targets of a file."""

    place: slice  #: of its pixels on the common grid
    flux: Unit
    ivar: Unit
    masked: npt.NDArray[np.bool_]  #: shape (targets, pixels)


def rebinned_spectra(content: Content, found: Mapping[str, Unit], targets: int) -> Iterator[Row]:
    """Decode the spectra of a coadd, a hundred at a time.

    Parameters
    ----------
    content
        The whole file.
    found
        Its units by name.
    targets
        Number of targets.

    Returns
    -------
    iterator of dict
        For each target ``loglam0``, and ``flux`` and ``ivar``, float32 of shape (pixels,).

    Raises
    ------
    BadFile
        If an image is missing or malformed, or the arms have no common grid.
    """
    first, arms = _arms(content, found, targets)
    pattern = overlap(first, STEP, max(arm.place.stop for arm in arms))
    for start in range(0, targets, BATCH):
        rows = slice(start, min(start + BATCH, targets))
        flux, ivar = rebin(pattern, *_merged(content, arms, rows))
        with np.errstate(over="ignore"):  # gives infinity, which quality flags
            batch = zip(flux.astype(np.float32), ivar.astype(np.float32), strict=True)
        for spectrum, weight in batch:
            yield {"loglam0": pattern.loglam0, "flux": spectrum, "ivar": weight}


def _merged(content: Content, arms: list[Arm], rows: slice) -> tuple[FloatArray, FloatArray]:
    """Return the mean flux of the arms, weighted by ivar, and the sum of their ivar."""
    shape = (rows.stop - rows.start, max(arm.place.stop for arm in arms))
    weighted, weight = np.zeros(shape), np.zeros(shape)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for arm in arms:
            flux = _floats(content, arm.flux, rows)
            ivar = _floats(content, arm.ivar, rows)
            good = (ivar > 0) & ~arm.masked[rows]
            weighted[:, arm.place] += np.where(good, flux * ivar, 0)
            weight[:, arm.place] += np.where(good, ivar, 0)
        return np.where(weight > 0, weighted / weight, 0), weight


def _floats(content: Content, unit: Unit, rows: slice = ALL) -> FloatArray:
    pixels = image(content, unit, rows)
    if pixels.dtype.kind != "f":
        message = f"{unit.layout.name} has type {pixels.dtype.name}, not a float type"
        raise BadFile("malformed", message)
    return pixels.astype(np.float64)


def _arms(content: Content, found: Mapping[str, Unit], targets: int) -> tuple[float, list[Arm]]:
    """Return the first wavelength of the common grid, and the arms: b, r, z, or all in one."""
    names = sorted({name.rpartition("_")[0] for name in found if name.endswith(PARTS)})
    if not names:
        raise BadFile("malformed", "the coadd has no unit of flux")
    wavelengths = {name: _wavelengths(content, found, name) for name in names}
    has_masks = any(f"{name}_MASK" in found for name in names)
    first = round(min(float(wavelength[0]) for wavelength in wavelengths.values()), 3)
    arms = []
    for name, wavelength in wavelengths.items():
        shape = (targets, len(wavelength))
        masked = np.zeros(shape, np.bool_)
        if has_masks:  # a compressed mask is decoded whole, so decode it once
            masked = mask_pixels(image(content, _unit(found, f"{name}_MASK", shape)), name) != 0
        flux, ivar = (_unit(found, f"{name}_{kind}", shape) for kind in ("FLUX", "IVAR"))
        arms.append(Arm(_place(wavelength, first), flux, ivar, masked))
    return first, arms


def _wavelengths(content: Content, found: Mapping[str, Unit], name: str) -> FloatArray:
    unit = found.get(f"{name}_WAVELENGTH")
    if unit is None or len(unit.layout.shape) != 1 or not unit.layout.shape[0]:
        raise BadFile("malformed", f"the coadd has no wavelength array {name}_WAVELENGTH")
    wavelength = _floats(content, unit)
    if not ((wavelength > SHORTEST) & (wavelength < LONGEST)).all():
        raise BadFile("irregular_grid", f"wavelengths are not within {SHORTEST} to {LONGEST} A")
    return wavelength


def _place(wavelength: FloatArray, first: float) -> slice:
    """Return the range of an arm's pixels on the common grid."""
    steps = (wavelength - first) / STEP
    start = round(float(steps[0]))
    if not np.abs(steps - start - np.arange(len(steps))).max() <= GRID_TOLERANCE:
        raise BadFile("irregular_grid", f"the arms are not on one grid of {STEP} A")
    return slice(start, start + len(steps))


def _unit(found: Mapping[str, Unit], name: str, shape: tuple[int, int]) -> Unit:
    unit = found.get(name)
    if unit is None or unit.layout.shape != shape:
        raise BadFile("malformed", f"the coadd has no image {name} of {shape[0]} x {shape[1]}")
    return unit
