"""One visit of the spectrograph to each object: light, calibration errors, noise, masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.sdss_masks import PIXEL_MASK
from galspec_spark.simulate import continuum, sky
from galspec_spark.simulate.dust import cardelli, transmission
from galspec_spark.simulate.emission import BROAD, LINES, WAVELENGTHS, draw
from galspec_spark.simulate.kinds import Kind
from galspec_spark.simulate.population import Population
from galspec_spark.spectrum.arrays import Array

LIGHT_SPEED = 299792.458  # km/s

#: Broad lines of a quasar: rest wavelength, equivalent width in A, sigma in km/s.
QUASAR_LINES = (
    (1215.67, 80.0, 2600.0),
    (1549.5, 35.0, 2300.0),
    (1908.7, 22.0, 2800.0),
    (2799.5, 35.0, 1900.0),
    (2500.0, 30.0, 9000.0),
    (4341.7, 15.0, 1700.0),
    (4862.7, 45.0, 1700.0),
    (5008.2, 14.0, 350.0),
)
#: Telluric bands: limits in A, and scatter that their correction leaves.
TELLURIC = (
    (6868, 6910, 0.010),
    (7160, 7340, 0.012),
    (7594, 7690, 0.020),
    (8120, 8340, 0.010),
    (8940, 9300, 0.018),
)


class Visits(NamedTuple):
    """Input of the pipeline: n spectra on the grid of `sky`; shape (n, PIXELS) unless noted."""

    flux: npt.NDArray[np.float32]
    ivar: npt.NDArray[np.float32]
    and_mask: npt.NDArray[np.int32]
    or_mask: npt.NDArray[np.int32]
    sky: npt.NDArray[np.float32]
    model: npt.NDArray[np.float32]  #: the light, free of noise and calibration errors
    continuum: npt.NDArray[np.float32]  #: the light without emission lines
    line_flux: Array  #: (n, lines) true narrow flux, 1e-17 erg/s/cm2
    broad_flux: Array  #: (n, len(BROAD)) true broad flux
    first: npt.NDArray[np.int64]  #: (n,) first pixel of the spectrograph's window
    stop: npt.NDArray[np.int64]  #: (n,) pixel after the last


def observe(rng: np.random.Generator, objects: Population) -> Visits:
    """Observe each of n objects once, with the block's random stream."""
    n = len(objects.kind)
    first = np.clip(np.rint(rng.normal(32, 13, n)), 2, 60).astype(np.int64)
    stop = np.clip(np.rint(rng.normal(3870, 9, n)), 3850, sky.PIXELS).astype(np.int64)
    bare, model, line_flux, broad_flux = _light(objects)
    sky_level = np.exp(0.18 * rng.normal(size=(n, 1)))
    airglow = np.exp(0.35 * rng.normal(size=(n, 1))) * sky.lines()
    night = sky_level * sky.continuum() + airglow
    ivar = _ivar(objects.sn, model, night, first, stop)
    flux = model * _calibration(rng, n) + _noise(rng, objects.sn, ivar, airglow)
    and_mask, or_mask, lost = _masks(rng, n, airglow)
    ivar[lost] = 0
    return Visits(
        flux=flux.astype(np.float32),
        ivar=ivar.astype(np.float32),
        and_mask=and_mask,
        or_mask=or_mask,
        sky=(night * (1 + 0.01 * rng.normal(size=night.shape))).astype(np.float32),
        model=model.astype(np.float32),
        continuum=bare.astype(np.float32),
        line_flux=line_flux,
        broad_flux=broad_flux,
        first=first,
        stop=stop,
    )


def instrument_sigma(wavelength: Array) -> Array:
    """Return the line-spread function's sigma in km/s at observed wavelengths in Angstrom."""
    points = np.array(sky.RESOLUTION)
    pixels = np.interp(wavelength, points[:, 0], points[:, 1])
    return np.asarray(pixels * continuum.KMS_PER_PIXEL)


def _light(objects: Population) -> tuple[Array, Array, Array, Array]:
    """Return continuum, continuum with lines (n, PIXELS), and the line fluxes, as observed."""
    grid = sky.loglam()
    wave = sky.wavelength()
    resolution = float(np.mean(sky.curve(sky.RESOLUTION))) * continuum.KMS_PER_PIXEL
    stars = continuum.continua(
        objects.light,
        objects.metallicity,
        objects.abundance,
        np.hypot(objects.dispersion, resolution),
        objects.redshift,
        objects.a_v,
        grid,
    )
    rest = wave / (1 + objects.redshift[:, None])
    nucleus = objects.power_law[:, None]
    bare = stars * (1 - nucleus) + nucleus * (rest / continuum.REFERENCE) ** -1.5
    quasars = objects.kind == Kind.QUASAR
    bare[quasars] = _quasars(wave, objects.redshift[quasars])
    bare *= transmission(cardelli(wave), objects.foreground[:, None])
    scale = (objects.flux / np.median(bare, axis=1))[:, None]
    bare = (bare * scale).astype(np.float32)
    level = _near(bare, grid, np.log10(6565.0 * (1 + objects.redshift)))
    line_flux = objects.line_ew * level[:, None] * (1 + objects.redshift[:, None])
    broad_ratio = np.array([0.12, 0.22, 0.40, 1.0])
    total = objects.broad_ew * level * (1 + objects.redshift)
    broad_flux = total[:, None] * broad_ratio
    model = bare.copy()
    _draw_lines(model, grid, objects, line_flux, broad_flux)
    return bare, model, line_flux, broad_flux


def _quasars(wave: Array, redshift: Array) -> Array:
    """Return a power law with broad lines, absorbed blueward of Lyman alpha."""
    rest = wave / (1 + redshift[:, None])
    flux = (rest / 3000.0) ** -1.5
    lines = np.zeros_like(flux)
    for centre, width, sigma in QUASAR_LINES:
        spread = centre * sigma / LIGHT_SPEED
        profile = np.exp(-0.5 * ((rest - centre) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        lines += width * profile
    return np.asarray(flux * (1 + lines) * np.where(rest < 1216, 0.7, 1.0))


def _near(spectrum: Array, grid: Array, loglam: Array) -> Array:
    """Return each spectrum's level around a wavelength, clipped to the grid."""
    at = np.rint((loglam - grid[0]) / sky.STEP).astype(np.int64)
    window = (at[:, None] + np.arange(-40, 41)).clip(0, spectrum.shape[1] - 1)
    return np.asarray(np.median(np.take_along_axis(spectrum, window, axis=1), axis=1))


def _draw_lines(
    model: npt.NDArray[np.float32],
    grid: Array,
    objects: Population,
    line_flux: Array,
    broad_flux: Array,
) -> None:
    shift = (1 + objects.redshift) * (1 + objects.line_velocity / LIGHT_SPEED)
    for i, name in enumerate(LINES):
        centre = WAVELENGTHS[name] * shift
        width = objects.line_sigma[:, 1 if name.startswith("h_") else 0]
        sigma = centre * np.hypot(width, instrument_sigma(centre)) / LIGHT_SPEED
        draw(model, grid, centre, line_flux[:, i], sigma, half_width=36)
    for i, name in enumerate(BROAD):
        centre = WAVELENGTHS[name] * shift
        draw(model, grid, centre, broad_flux[:, i], centre * objects.broad_sigma / LIGHT_SPEED, 160)


def _ivar(
    sn: Array, model: Array, night: Array, first: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]
) -> Array:
    """Return ivar from object, sky and read-out noise, scaled to the S/N; 0 outside the window."""
    efficiency = sky.curve(sky.EFFICIENCY)
    signal = np.maximum(model, 0)
    relative = efficiency / (signal + night + 4.0 / efficiency)
    reached = np.median(signal * np.sqrt(relative), axis=1)
    # A sky fibre has no signal to scale to and gets a typical exposure's depth.
    ivar = relative * np.where(reached > 0.1, (sn / reached.clip(0.1)) ** 2, 25.0)[:, None]
    pixel = np.arange(sky.PIXELS)
    return np.asarray(ivar * ((pixel >= first[:, None]) & (pixel < stop[:, None])))


def _calibration(rng: np.random.Generator, n: int) -> Array:
    """Draw flux-calibration errors: a tilt, waves of a few hundred Angstrom, telluric bands."""
    x = np.linspace(-1, 1, sky.PIXELS)
    nodes = np.linspace(-1, 1, 34)
    tilt = 0.06 * rng.normal(size=(n, 1)) * x + 0.02 * rng.normal(size=(n, 1)) * (x**2 - 1 / 3)
    weights = _hat(x, nodes)
    error = tilt + (0.006 * rng.normal(size=(n, len(nodes)))) @ weights
    error += 0.05 * rng.normal(size=(n, 1)) * np.clip((4050 - sky.wavelength()) / 270, 0, 1) ** 1.5
    wave = sky.wavelength()
    for low, high, scatter in TELLURIC:
        band = np.sin(np.pi * np.clip((wave - low) / (high - low), 0, 1))
        error += scatter * rng.normal(size=(n, 1)) * band
    return np.asarray(np.exp(error))


def _hat(x: Array, nodes: Array) -> Array:
    """Return cosine bumps that sum to 1, shape (nodes, pixels)."""
    distance = np.abs(x - nodes[:, None]) / (nodes[1] - nodes[0])
    return np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance.clip(0, 1)), 0.0)


def _noise(rng: np.random.Generator, sn: Array, ivar: Array, airglow: Array) -> Array:
    """Draw noise as in coadds, slightly correlated between neighbours, and sky residuals."""
    white = rng.standard_normal(ivar.shape, dtype=np.float32)
    noise = white * 0.977
    noise[:, 1:] += 0.11 * white[:, :-1]
    noise[:, :-1] += 0.11 * white[:, 1:]
    bright = np.clip((sn - 20.0) / 38.0, 0, 1)[:, None]
    scatter = 1.08 + bright * (sky.curve(sky.SCATTER) - 1.08)
    error = np.where(ivar > 0, 1 / np.sqrt(np.maximum(ivar, 1e-12)), 0)
    residual = 0.012 * rng.normal(size=(len(sn), 1)) * airglow
    residual += 0.012 * rng.normal(size=(len(sn), 1)) * np.gradient(airglow, axis=1)
    return np.asarray(noise * scatter * error + residual)


def _masks(
    rng: np.random.Generator, n: int, airglow: Array
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Return AND_MASK, OR_MASK and the pixels without information, as often as in SDSS-I/II."""
    bit = {name: np.int32(1 << number) for name, number in PIXEL_MASK.bits.items()}
    pixel = np.arange(sky.PIXELS)
    shape = (n, sky.PIXELS)
    u = rng.random(shape, dtype=np.float32)
    or_mask = np.zeros(shape, np.int32)
    bright = airglow > 55.0 * np.exp(0.5 * rng.normal(size=(n, 1)))
    or_mask |= np.where(bright, bit["BRIGHTSKY"], 0)
    or_mask |= np.where(u < 0.004, bit["NEARBADPIXEL"], 0)
    or_mask |= np.where((u > 0.97), bit["COMBINEREJ"], 0)
    or_mask |= np.where((u > 0.995), bit["FULLREJECT"] | bit["PARTIALREJECT"], 0)
    or_mask |= np.where((u > 0.5) & (u < 0.51 + 0.2 * bright), bit["BADSKYCHI"], 0)
    and_mask = np.where(bright & (u < 0.7), bit["BRIGHTSKY"], 0).astype(np.int32)
    for name, chance, length in (("NEARBADPIXEL", 0.3, 120), ("SCATTEREDLIGHT", 0.05, 90)):
        start = rng.integers(0, sky.PIXELS, (n, 1))
        run = rng.integers(4, 2 * length, (n, 1))
        hit = (rng.random((n, 1)) < chance) & (pixel >= start) & (pixel < start + run)
        and_mask |= np.where(hit, bit[name], 0)
    lost = rng.random((n, 1)) < 0.02
    start, run = rng.integers(0, sky.PIXELS, (n, 1)), rng.integers(20, 350, (n, 1))
    lost = lost & (pixel >= start) & (pixel < start + run)
    lost |= (rng.random((n, 1)) < 0.3) & (pixel == rng.integers(0, sky.PIXELS, (n, 1)))
    and_mask |= np.where(lost, bit["LOWFLAT"] | bit["SCATTEREDLIGHT"], 0)
    return and_mask, or_mask | and_mask, lost
