"""The line fits of SPZLINE, and the class that SDSS's pipeline reads from them.

A fitted line is the true line, plus the noise of its pixels projected on a Gaussian of known place
and width, plus the stellar absorption under the line that the templates leave.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate import sky
from galspec_spark.simulate.emission import BROAD, LINES
from galspec_spark.simulate.observe import LIGHT_SPEED, Visits, instrument_sigma
from galspec_spark.simulate.population import Population
from galspec_spark.spectrum.arrays import Array


class FittedLine(NamedTuple):
    """A line of SPZLINE."""

    name: str  #: LINENAME
    wavelength: float  #: vacuum, A
    lines: tuple[str, ...] = ()  #: the `emission.LINES` that fall into it
    residual: float = 0.0  #: EW in A that the templates leave behind
    scatter: float = 0.15  #: of the residual, from galaxy to galaxy
    balmer: bool = False  #: width tied to the Balmer lines (SDSS ties H gamma elsewhere)


#: In the order of the real table.
FITTED: tuple[FittedLine, ...] = (
    FittedLine("Ly_alpha", 1215.67),
    FittedLine("N_V 1240", 1240.81),
    FittedLine("C_IV 1549", 1549.48),
    FittedLine("He_II 1640", 1640.42),
    FittedLine("C_III] 1908", 1908.734),
    FittedLine("Mg_II 2799", 2800.3151836549728),
    FittedLine("[O_II] 3725", 3727.091726797987, ("oii_3726",), 0.2, 0.8),
    FittedLine("[O_II] 3727", 3729.875447997208, ("oii_3729",), 0.2, 0.8),
    FittedLine("[Ne_III] 3868", 3869.8567972272717, ("neiii_3869",), 1.5, 0.8),
    FittedLine("H_epsilon", 3890.1510799166767, ("h_8",), -1.2, 0.4, balmer=True),
    FittedLine("[Ne_III] 3970", 3971.1231872114904, ("neiii_3968", "h_epsilon"), -4.5, 1.0),
    FittedLine("H_delta", 4102.891630872568, ("h_delta",), -1.95, 0.35, balmer=True),
    FittedLine("H_gamma", 4341.684312649426, ("h_gamma",), -0.75, 0.35),
    FittedLine("[O_III] 4363", 4364.435300399844, ("oiii_4363",), 0.0, 0.25),
    FittedLine("He_II 4685", 4686.991444195157, ("heii_4686",), 0.1, 0.2),
    FittedLine("H_beta", 4862.682993731257, ("h_beta",), -0.95, 0.25, balmer=True),
    FittedLine("[O_III] 4959", 4960.2949014467185, ("oiii_4959",), 0.0, 0.08),
    FittedLine("[O_III] 5007", 5008.239637728127, ("oiii_5007",), 0.0, 0.12),
    FittedLine("He_II 5411", 5413.024422565308, (), -0.05, 0.15),
    FittedLine("[O_I] 5577", 5578.887703795193, (), 0.0, 0.1),
    FittedLine("[O_I] 6300", 6302.046376726897, ("oi_6300",), 0.02, 0.12),
    FittedLine("[S_III] 6312", 6313.805532906624, (), 0.0, 0.1),
    FittedLine("[O_I] 6363", 6365.535419574267, ("oi_6363",), 0.0, 0.1),
    FittedLine("[N_II] 6548", 6549.858929253789, ("nii_6548",), 0.0, 0.15),
    FittedLine("H_alpha", 6564.613894333284, ("h_alpha",), -0.15, 0.2, balmer=True),
    FittedLine("[N_II] 6583", 6585.2684452471885, ("nii_6583",), 0.0, 0.2),
    FittedLine("[S_II] 6716", 6718.29420811581, ("sii_6716",), 0.0, 0.15),
    FittedLine("[S_II] 6730", 6732.678076327587, ("sii_6731",), 0.05, 0.15),
    FittedLine("[Ar_III] 7135", 7137.757103334721, ("ariii_7136",), -0.1, 0.15),
)
INDEX = {line.name: i for i, line in enumerate(FITTED)}


class Fits(NamedTuple):
    """Columns of SPZLINE, float32 (n, len(FITTED)); outside the window zero, with errors of -1."""

    z: Array
    z_err: Array
    sigma: Array
    sigma_err: Array
    area: Array
    area_err: Array
    ew: Array
    ew_err: Array
    level: Array
    level_err: Array
    left: Array
    right: Array
    dof: Array
    chi2: Array


def fit_lines(rng: np.random.Generator, objects: Population, visits: Visits) -> Fits:
    """Measure the lines of n visits."""
    n = len(objects.kind)
    rest = np.array([line.wavelength for line in FITTED])
    centre = rest * (1 + objects.redshift[:, None])
    sigma, noise_sigma = _true_widths(rng, objects, visits)
    total = np.hypot(sigma, instrument_sigma(centre))
    area, area_err, level, chi2 = _amplitudes(visits, centre, total)
    seen = np.isfinite(area_err)
    true, broad = _true_areas(visits)
    residual = np.array([line.residual for line in FITTED]) + rng.normal(size=(n, len(FITTED))) * [
        line.scatter for line in FITTED
    ]
    stellar = (1 - objects.power_law)[:, None] * (objects.dispersion > 20)[:, None]
    width_factor = np.sqrt(sigma.clip(60, 400) / 250)
    area = area + true + broad + residual * stellar * level * width_factor
    sigma, sigma_err = _fitted_widths(rng, sigma, noise_sigma, total, area, area_err, seen)
    pixels = 2.9 * total / sky.STEP / LIGHT_SPEED / np.log(10)
    left = np.rint(pixels + rng.uniform(-0.5, 0.5, pixels.shape))
    right = np.rint(pixels + rng.uniform(-0.5, 0.5, pixels.shape))
    z_err = (
        0.5 * np.min(np.where(seen, sigma_err, np.inf), axis=1, initial=300)[:, None] / LIGHT_SPEED
    )
    z = objects.redshift[:, None] + objects.line_velocity[:, None] / LIGHT_SPEED
    level_err = level * 0.4 / objects.sn[:, None]
    safe = np.where(seen & (level > 0), level, 1.0)
    columns = [
        (z + 0 * rest, z_err + 0 * rest),
        (sigma, sigma_err),
        (area, area_err),
        (area / safe, area_err / np.abs(safe)),
        (level, level_err),
    ]
    flat: list[Array] = []
    for value, error in columns:
        flat += [np.where(seen, value, 0), np.where(seen, error, -1)]
    flat += [np.where(seen, count, 0) for count in (left, right, left + right - 1.1)]
    flat.append(np.where(seen, chi2, -1))
    return Fits(*(np.asarray(column, dtype=np.float32) for column in flat))


def classify(fits: Fits) -> npt.NDArray[np.str_]:
    """Return SUBCLASS of n galaxies by SDSS's rule on the fitted lines, shape (n,).

    With [O III]5007, H beta, H alpha and [N II]6583 each above 3 sigma: AGN where
    OIII * NII^1.2 > 10^0.22 * Hbeta * Halpha^1.2, else STARBURST where the equivalent width of
    H alpha is above 50 A by 3 sigma, else STARFORMING. BROADLINE is appended where a line above
    10 sigma has sigma - 5 sigma_err > 200 km/s.
    """
    four = [INDEX[name] for name in ("[O_III] 5007", "H_beta", "H_alpha", "[N_II] 6583")]
    area, error = fits.area.astype(np.float64), fits.area_err.astype(np.float64)
    detected = np.all((area > 3 * error)[:, four] & (error > 0)[:, four], axis=1)
    oiii, h_beta, h_alpha, nii = (np.maximum(area[:, i], 0) for i in four)
    agn = oiii * nii**1.2 > 10**0.22 * h_beta * h_alpha**1.2
    width = INDEX["H_alpha"]
    burst = fits.ew[:, width] - 3 * fits.ew_err[:, width] > 50
    subclass = np.where(agn, "AGN", np.where(burst, "STARBURST", "STARFORMING"))
    subclass = np.where(detected, subclass, "")
    strong = (error > 0) & (area > 10 * error) & (fits.sigma - 5 * fits.sigma_err > 200)
    tag = np.where(np.any(strong, axis=1), " BROADLINE", "")
    return np.char.strip(np.char.add(subclass, tag))


def _true_areas(visits: Visits) -> tuple[Array, Array]:
    narrow = np.zeros((len(visits.flux), len(FITTED)))
    broad = np.zeros_like(narrow)
    for i, line in enumerate(FITTED):
        for name in line.lines:
            narrow[:, i] += visits.line_flux[:, LINES.index(name)]
            if name in BROAD:
                broad[:, i] += visits.broad_flux[:, BROAD.index(name)]
    return narrow, broad


def _true_widths(
    rng: np.random.Generator, objects: Population, visits: Visits
) -> tuple[Array, Array]:
    """Return the lines' widths, and the widths that a fit to noise alone finds, in km/s."""
    n = len(objects.kind)
    balmer = np.array([line.balmer for line in FITTED])
    sigma = np.where(balmer, objects.line_sigma[:, 1:], objects.line_sigma[:, :1])
    narrow, broad = _true_areas(visits)
    share = np.divide(broad, narrow + broad, out=np.zeros_like(broad), where=broad > 0)
    sigma = sigma + share * (objects.broad_sigma[:, None] - sigma)
    metal_noise = 400 * np.exp(0.15 * rng.normal(size=(n, 1)))
    balmer_noise = 275 * np.exp(0.2 * rng.normal(size=(n, 1)))
    return sigma, np.where(balmer, balmer_noise, metal_noise)


def _amplitudes(visits: Visits, centre: Array, sigma: Array) -> tuple[Array, Array, Array, Array]:
    """Project the noise of the pixels around each line on its profile.

    Returns the area that noise adds, the area's error (infinite outside the window), the continuum
    level, and the chi-square of the pixels; each (n, lines).
    """
    n, m = centre.shape
    out = [np.zeros((n, m)), np.full((n, m), np.inf), np.zeros((n, m)), np.zeros((n, m))]
    for j in range(m):
        at = np.rint((np.log10(centre[:, j]) - sky.LOGLAM0) / sky.STEP).astype(np.int64)
        inside = np.flatnonzero((at >= visits.first + 3) & (at < visits.stop - 3))
        if not len(inside):
            continue
        half = int(np.ceil(2.6 * np.median(sigma[inside, j]) / LIGHT_SPEED / np.log(10) / sky.STEP))
        columns = (at[inside, None] + np.arange(-half, half + 1)).clip(0, sky.PIXELS - 1)
        pick = (inside[:, None], columns)
        wave = sky.wavelength()[columns]
        spread = (centre[inside, j] * sigma[inside, j] / LIGHT_SPEED)[:, None]
        profile = np.exp(-0.5 * ((wave - centre[inside, j, None]) / spread) ** 2)
        profile /= spread * np.sqrt(2 * np.pi)
        ivar, model = visits.ivar[pick], visits.model[pick]
        noise = visits.flux[pick] - model
        noise = noise - np.median(noise, axis=1, keepdims=True)  # the fit has its own background
        information = np.sum(profile**2 * ivar, axis=1)
        informed = information > 0
        where = inside[informed], np.full(int(informed.sum()), j)
        out[0][where] = np.sum(profile * ivar * noise, axis=1)[informed] / information[informed]
        out[1][where] = 1.15 / np.sqrt(information[informed])
        out[2][where] = np.median(visits.continuum[pick], axis=1)[informed]
        out[3][where] = np.sum(noise**2 * ivar, axis=1)[informed]
    return out[0], out[1], out[2], out[3]


def _fitted_widths(
    rng: np.random.Generator,
    sigma: Array,
    noise_sigma: Array,
    total: Array,
    area: Array,
    area_err: Array,
    seen: npt.NDArray[np.bool_],
) -> tuple[Array, Array]:
    """Fit one width to each of the two groups; strong lines make its error small."""
    balmer = np.array([line.balmer for line in FITTED])
    strength = np.where(seen, np.maximum(area, 0) / area_err, 0.0)
    fitted, error = np.zeros_like(sigma), np.zeros_like(sigma)
    for group in (balmer, ~balmer):
        sn = np.sqrt(np.sum((strength[:, group] * (strength[:, group] > 3)) ** 2, axis=1)).clip(1.5)
        width = np.median(sigma[:, group], axis=1)
        if group is balmer:
            width = np.max(sigma[:, group], axis=1)
        weak = np.exp(-((sn / 12) ** 2))
        width = width * (1 - weak) + np.median(noise_sigma[:, group], axis=1) * weak
        spread = 0.8 * np.median(total[:, group], axis=1) ** 2 / (width.clip(40) * sn)
        width = np.abs(width + spread * rng.normal(size=len(sn)))
        fitted[:, group], error[:, group] = width[:, None], spread[:, None]
    return fitted, error
