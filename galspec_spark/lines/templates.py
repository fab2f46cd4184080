"""The stellar templates that the continuum is made of, broadened by each velocity dispersion.

SDSS's own are spEigenElodie.fits of idlspec2d. The file derives from the ELODIE archive, whose
terms forbid redistribution, so users bring it. Our own, basis.fits, are learned (studies/basis)
from what SDSS measured of galaxies; nothing of SDSS's templates is in them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
from astropy.io import fits
from scipy.fft import next_fast_len
from scipy.interpolate import make_lsq_spline

from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Speed of light in km/s.
LIGHT_SPEED = 299792.458
#: Samples of a broadened template for each pixel.
OVERSAMPLING = 10
#: Velocity dispersions that are tried, in km/s.
DISPERSIONS = 25.0 * np.arange(35)
#: Templates of a file that are used.
TEMPLATES = 24
#: Table of a file that names the spectra that its templates learned from, and its column.
SEEN, KEY = "SEEN", "KEY"
#: File of our own templates.
OWN = "basis.fits"
#: km/s from one sample of a broadened template to the next.
SAMPLE_VELOCITY = LIGHT_SPEED * (10**LOGLAM_STEP - 1) / OVERSAMPLING
#: Pixels between the knots of the spline that oversamples a template.
KNOT_SPACING = 1.2
SPLINE_DEGREE = 2


@dataclass(frozen=True, eq=False)
class Templates:
    """Spectra of stars at rest, or combinations of them; the same if from the same file."""

    name: str
    sha256: str  #: of the file
    loglam0: float  #: log10 of the first wavelength in A, vacuum
    vectors: Doubles  #: (TEMPLATES, pixels), in steps of 1e-4 dex
    seen: frozenset[str] = frozenset()  #: keys of the SDSS spectra that they learned from

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Templates) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def pixels(self) -> int:
        """Pixels in which a template is compared with a spectrum, at any phase."""
        return int(self.vectors.shape[1]) - 1

    @property
    def version(self) -> str:
        """Name and checksum, which identify the templates in every table."""
        return f"{self.name} {self.sha256[:12]}"

    def at(self, dispersion: int, phase: int) -> Doubles:
        """Return the templates at one dispersion, sampled from a phase on.

        Parameters
        ----------
        dispersion
            Index in DISPERSIONS.
        phase
            Sample of the first pixel, 0 to OVERSAMPLING.

        Returns
        -------
        ndarray of shape (TEMPLATES, pixels)
        """
        samples = slice(phase, phase + OVERSAMPLING * self.pixels, OVERSAMPLING)
        return broadened(self)[dispersion, :, samples].astype(np.float64)


@lru_cache(maxsize=2)
def broadened(templates: Templates) -> Floats:
    """Return templates at each dispersion, float32 (DISPERSIONS, TEMPLATES, samples)."""
    fine = _oversampled(templates.vectors)
    return _smoothed(fine, [v / SAMPLE_VELOCITY for v in DISPERSIONS])


@cache
def own_templates() -> Templates:
    """Return the templates of this package, which come near to SDSS's lines.

    They have `seen` 631 of SDSS's spectra: figures measured on these say nothing of others.
    """
    return read_templates(files(__package__).joinpath(OWN).read_bytes(), OWN)


def read_templates(content: bytes, name: str) -> Templates:
    """Read templates from a FITS file as SDSS's spEigenElodie.fits, perhaps with a table SEEN.

    Raises
    ------
    UserError
        If the content is no image of at least TEMPLATES spectra in steps of 1e-4 dex.
    """
    try:
        with fits.open(io.BytesIO(content)) as opened:
            image, header = np.asarray(opened[0].data), opened[0].header
            loglam0, step = float(header["COEFF0"]), float(header["COEFF1"])
            seen = opened[SEEN].data[KEY].tolist() if SEEN in opened else []
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{name} has no templates: {error}") from error
    if image.ndim != 2 or len(image) < TEMPLATES or abs(step - LOGLAM_STEP) > 1e-9:
        raise UserError(f"{name} has no {TEMPLATES} templates in steps of {LOGLAM_STEP:g} dex")
    vectors = image[:TEMPLATES].astype(np.float64)
    sha256 = hashlib.sha256(content).hexdigest()
    return Templates(name, sha256, loglam0, vectors, frozenset(seen))


def _oversampled(vectors: Doubles) -> Doubles:
    """Return the least-squares quadratic splines through the templates, (TEMPLATES, samples)."""
    pixels = np.arange(vectors.shape[1], dtype=np.float64)
    spline = make_lsq_spline(pixels, vectors.T, spline_knots(len(pixels)), k=SPLINE_DEGREE)
    return np.asarray(spline(np.arange(OVERSAMPLING * len(pixels)) / OVERSAMPLING)).T


def spline_knots(pixels: int) -> Doubles:
    """Return the knots of the splines through templates of so many pixels."""
    last = float(pixels - 1)
    knots = np.linspace(0, last, int(last / KNOT_SPACING) + 1)
    ends = [knots[0]] * SPLINE_DEGREE, [knots[-1]] * SPLINE_DEGREE
    return np.concatenate([ends[0], knots, ends[1]])


def _smoothed(fine: Doubles, sigmas: Sequence[float]) -> Floats:
    """Convolve with Gaussians of so many samples, float32 (sigmas, TEMPLATES, samples).

    The first and last sample are repeated beyond the edges.
    """
    reach = len(gaussian(max(sigmas))) // 2
    padded = np.pad(fine, ((0, 0), (reach, reach)), mode="edge")
    length = next_fast_len(padded.shape[1], real=True)
    transform = np.fft.rfft(padded, length)
    smoothed = np.empty((len(sigmas), *fine.shape), np.float32)
    for place, sigma in zip(smoothed, sigmas, strict=True):
        if sigma == 0:
            place[:] = fine
            continue
        kernel = gaussian(sigma)
        first = reach - len(kernel) // 2
        product = np.fft.irfft(transform * np.conj(np.fft.rfft(kernel, length)), length)
        place[:] = product[:, first : first + fine.shape[1]]
    return smoothed


def gaussian(sigma: float) -> Doubles:
    """Return the kernel of sigma samples, which ends at 4 sigma + 1, from minus that on."""
    reach = round(4 * sigma + 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())
