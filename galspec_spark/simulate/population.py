"""The survey's objects, drawn at random: kinds, redshifts, fluxes, stellar populations, nebulae.

Objects are drawn in blocks of BLOCK. Block b of seed s has its own random stream, so object i
depends neither on the number of objects nor on the division of the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galspec_spark.config import SimulateConfig
from galspec_spark.simulate.continuum import ABUNDANCES, AGES
from galspec_spark.simulate.gas import gas_widths, line_strengths, nebula
from galspec_spark.simulate.kinds import BLOCK, Kind
from galspec_spark.spectrum.arrays import Array


@dataclass(frozen=True)
class Population:
    """The objects of one block, before observation; arrays of shape (n,) unless noted."""

    kind: npt.NDArray[np.int8]
    redshift: Array
    sn: Array  #: median S/N per pixel that one visit reaches
    flux: Array  #: median flux, 1e-17 erg/s/cm2/A
    light: Array  #: (n, ages) share of the light at 5500 A
    metallicity: Array
    abundance: Array  #: (n, abundances) strength minus 1
    dispersion: Array  #: stellar velocity dispersion, km/s
    a_v: Array  #: attenuation of the starlight, mag
    foreground: Array  #: A_V of our own Galaxy
    line_ew: Array  #: (n, lines) each line's flux over the continuum level at H alpha, A
    line_sigma: Array  #: (n, 2) width of forbidden and Balmer lines, km/s
    line_velocity: Array  #: gas against stars, km/s
    broad_ew: Array  #: broad H alpha, A
    broad_sigma: Array  #: km/s
    power_law: Array  #: share of the light at 5500 A from the nucleus
    position: Array  #: (n, 2) in the unit square

    def take(self, rows: npt.NDArray[np.intp]) -> Population:
        """Return the chosen objects."""
        return Population(**{name: value[rows] for name, value in vars(self).items()})


def draw_population(
    rng: np.random.Generator, config: SimulateConfig, selection: Array | None
) -> Population:
    """Draw BLOCK objects.

    Parameters
    ----------
    rng
        The block's random stream.
    config
        Shares of stars, quasars and sky fibres.
    selection
        Redshift and S/N of each object, shape (BLOCK, 2); None draws both as in SDSS's main galaxy
        sample.
    """
    redshift, sn = _main_sample(rng) if selection is None else selection.T.copy()
    scatter = rng.normal(size=BLOCK)
    flux = 11.0 * (sn / 15.0) ** 1.70 * 10 ** (0.16 * scatter)
    kind = _kinds(rng, config, redshift, sn, flux)
    redshift, sn, flux = _replace_others(rng, kind, redshift, sn, flux)
    star_formation, nucleus = line_strengths(rng, kind)
    light = _star_formation_history(rng, kind, star_formation)
    luminosity = np.log10(flux * redshift.clip(1e-4) ** 2 / (11.0 * 0.01))
    dispersion = _dispersions(rng, kind, luminosity)
    metallicity = _stellar_metallicity(rng, kind, dispersion)
    a_v, foreground = _dust(rng, kind)
    line_ew = nebula(rng, kind, star_formation, nucleus, luminosity, a_v)
    broad = kind == Kind.BROADLINE_AGN
    return Population(
        kind=kind,
        redshift=redshift,
        sn=sn,
        flux=flux,
        light=light,
        metallicity=metallicity,
        abundance=_abundances(rng, dispersion),
        dispersion=dispersion,
        a_v=a_v,
        foreground=foreground,
        line_ew=line_ew,
        line_sigma=gas_widths(rng, kind, dispersion),
        line_velocity=30.0 * rng.normal(size=BLOCK),
        broad_ew=np.where(broad, 10 ** (1.35 + 0.3 * rng.normal(size=BLOCK)), 0.0),
        broad_sigma=10 ** (3.15 + 0.15 * rng.normal(size=BLOCK)),
        power_law=np.where(broad, rng.uniform(0.05, 0.45, BLOCK), 0.0),
        position=rng.random((BLOCK, 2)),
    )


def _main_sample(rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw redshift and S/N of galaxies to r = 17.77, with medians near 0.1 and 15."""
    redshift = 0.094 * rng.gamma(4.6, 1 / 4.0, BLOCK)
    redshift = np.clip(redshift, 0.004, 0.45)
    log_sn = 1.175 - 0.25 * np.log10(redshift / 0.1) + 0.16 * rng.normal(size=BLOCK)
    return redshift, np.clip(10**log_sn, 3.0, 60.0)


def _kinds(
    rng: np.random.Generator, config: SimulateConfig, redshift: Array, sn: Array, flux: Array
) -> npt.NDArray[np.int8]:
    """Draw kinds: luminous galaxies, and those of high S/N, are mostly quiescent."""
    luminosity = np.log10(flux * redshift.clip(1e-4) ** 2 / (11.0 * 0.01))
    density = np.log10(sn / 15.0)
    quiescent = 1 / (1 + np.exp(-(-0.15 + 1.6 * luminosity + 3.55 * density)))
    active = 0.25 + 0.06 * luminosity.clip(-1.5, 1.5) + 0.38 * density.clip(0, 0.7)
    u = rng.random((3, BLOCK))
    kind = np.where(u[0] < quiescent, Kind.QUIESCENT, Kind.STARFORMING)
    kind = np.where((kind == Kind.STARFORMING) & (u[1] < active), Kind.AGN, kind)
    kind = np.where((kind == Kind.QUIESCENT) & (u[1] < 0.035), Kind.AGN, kind)
    kind = np.where((kind == Kind.AGN) & (u[1] < 0.005), Kind.BROADLINE_AGN, kind)
    shares = np.cumsum([config.stars, config.quasars, config.sky_fibres])
    for share, other in zip(shares[::-1], (Kind.SKY, Kind.QUASAR, Kind.STAR), strict=True):
        kind = np.where(u[2] < share, other, kind)
    return kind.astype(np.int8)


def _replace_others(
    rng: np.random.Generator, kind: npt.NDArray[np.int8], redshift: Array, sn: Array, flux: Array
) -> tuple[Array, Array, Array]:
    """Give stars and quasars their own redshifts; a sky fibre has no signal."""
    star, quasar, sky = (kind == k for k in (Kind.STAR, Kind.QUASAR, Kind.SKY))
    redshift = np.where(star, 2e-4 * rng.normal(size=BLOCK), redshift)
    redshift = np.where(quasar, 0.3 + 2.2 * rng.random(BLOCK), redshift)
    sn = np.where(quasar, np.minimum(sn, 12.0), np.where(sky, 0.15, sn))
    return redshift, sn, np.where(sky, 0.05, flux)


def _star_formation_history(
    rng: np.random.Generator, kind: npt.NDArray[np.int8], star_formation: Array
) -> Array:
    """Draw the share of light by age: the stronger H alpha, the younger the stars."""
    activity = np.clip((np.log10(star_formation + 0.1) - 0.2) / 1.8, 0, 1.2)[:, None]
    old = np.array([0.000, 0.002, 0.006, 0.03, 0.24, 0.72])
    mid = np.array([0.020, 0.060, 0.130, 0.26, 0.28, 0.25])
    young = np.array([0.330, 0.300, 0.190, 0.10, 0.05, 0.03])
    light = np.where(
        activity < 0.5,
        old + (mid - old) * activity / 0.5,
        mid + (young - mid) * (activity - 0.5) / 0.5,
    ).clip(0)
    light = light * np.exp(rng.normal(size=(BLOCK, len(AGES))) * [0.8, 0.8, 1.0, 0.9, 0.4, 0.3])
    light /= light.sum(axis=1, keepdims=True)
    quiescent = (kind == Kind.QUIESCENT)[:, None]
    bulge = (1 - activity).clip(0.1, 1) * rng.beta(1.0, 1.4, (BLOCK, 1)) * ~quiescent
    recent = 0.8 * rng.beta(0.28, 2.4, (BLOCK, 1)) * quiescent
    green = np.array([0.01, 0.06, 0.25, 0.45, 0.20, 0.03])
    light = (1 - bulge - recent) * light + bulge * old + recent * green
    stars = np.eye(len(AGES))[rng.integers(1, len(AGES), BLOCK)]
    light = np.where((kind == Kind.STAR)[:, None], stars, light)
    return np.asarray(light / light.sum(axis=1, keepdims=True))


def _dispersions(rng: np.random.Generator, kind: npt.NDArray[np.int8], luminosity: Array) -> Array:
    """Draw velocity dispersions by the Faber-Jackson relation: discs lie below, stars near 0."""
    base = np.array([2.24, 2.01, 2.20, 2.18, 0.3, 2.0, 2.0])[kind]
    log_sigma = base + 0.10 * luminosity.clip(-1.5, 1.5)
    log_sigma += np.where(kind == Kind.STARFORMING, 0.09, 0.12) * rng.normal(size=BLOCK)
    return 10 ** np.minimum(log_sigma, 2.60)


def _stellar_metallicity(
    rng: np.random.Generator, kind: npt.NDArray[np.int8], dispersion: Array
) -> Array:
    base = np.where(kind == Kind.QUIESCENT, 0.78, 0.60)
    return base + 0.5 * np.log10(dispersion.clip(30) / 170) + 0.10 * rng.normal(size=BLOCK)


def _abundances(rng: np.random.Generator, dispersion: Array) -> Array:
    """Draw abundances: Mg, Na and N rise with velocity dispersion, each with its own scatter."""
    trend = np.log10(dispersion.clip(30) / 170)[:, None] * [0.0, 0.5, 0.9, 0.7, 0.1, 0.3, 0.0]
    scatter = [0.03, 0.07, 0.18, 0.12, 0.05, 0.15, 0.06]
    return np.asarray(trend + rng.normal(size=(BLOCK, len(ABUNDANCES))) * scatter)


def _dust(rng: np.random.Generator, kind: npt.NDArray[np.int8]) -> tuple[Array, Array]:
    median = np.array([0.12, 0.45, 0.30, 0.20, 0.0, 0.0, 0.0])[kind]
    spread = np.array([0.95, 0.85, 0.75, 0.5, 0.0, 0.0, 0.0])[kind]
    own = np.minimum(median * np.exp(spread * rng.normal(size=BLOCK)), 2.5)
    return own, 0.13 * np.exp(0.63 * rng.normal(size=BLOCK))
