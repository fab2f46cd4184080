"""The gas of galaxies: strengths, ratios and widths of its lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate.emission import LINES, intrinsic_fluxes, redden
from galspec_spark.simulate.kinds import BLOCK, Kind
from galspec_spark.spectrum.arrays import Array


def line_strengths(rng: np.random.Generator, kind: npt.NDArray[np.int8]) -> tuple[Array, Array]:
    """Draw the EW of H alpha in Angstrom from young stars, and from a nucleus or old stars."""
    young = np.array([-1.1, 1.20, 0.30, 0.9, -9, -9, -9])[kind]
    spread = np.array([0.45, 0.42, 0.5, 0.4, 0, 0, 0])[kind]
    hard = np.array([-0.08, -0.10, 0.40, 1.1, -9, -9, -9])[kind]
    gas_free = (kind == Kind.QUIESCENT) & (rng.random(BLOCK) < 0.45)
    tail = rng.exponential(0.14, BLOCK) * (kind == Kind.STARFORMING)
    log_young = young + spread * rng.normal(size=BLOCK) + tail
    log_hard = (
        hard
        - 0.9 * gas_free
        + np.array([0.40, 0.40, 0.58, 0.5, 0, 0, 0])[kind] * rng.normal(size=BLOCK)
    )
    return 10 ** np.minimum(log_young, 2.9), 10 ** np.minimum(log_hard, 2.2)


def nebula(
    rng: np.random.Generator,
    kind: npt.NDArray[np.int8],
    star_formation: Array,
    nucleus: Array,
    luminosity: Array,
    a_v: Array,
) -> Array:
    """Draw all lines as flux over the continuum at H alpha, Angstrom, shape (BLOCK, len(LINES)).

    The lines are of H II regions plus a harder source: a Seyfert nucleus, a LINER, or old stars.
    Their sum makes the composites.
    """
    g = rng.normal(size=(10, BLOCK))
    regions = _h_ii_regions(rng, g[:5], star_formation, luminosity)
    seyfert = (rng.random(BLOCK) < 0.35) & (kind != Kind.QUIESCENT) | (kind == Kind.BROADLINE_AGN)
    seyfert |= nucleus > 12
    hard = _hard_source(rng, g[5:], seyfert)
    ebv_young = a_v / 4.05 / 0.44 + 0.28 * np.exp(0.6 * rng.normal(size=BLOCK))
    ebv_hard = np.where(seyfert, 0.35, 0.25) * np.exp(0.5 * rng.normal(size=BLOCK))
    h_alpha = LINES.index("h_alpha")
    total = np.zeros((BLOCK, len(LINES)))
    for strength, flux, ebv in ((star_formation, regions, ebv_young), (nucleus, hard, ebv_hard)):
        dimmed = redden(flux, ebv)
        total += strength[:, None] * dimmed / dimmed[:, h_alpha, None]
    return np.where((kind >= Kind.STAR)[:, None], 0.0, total)


def _h_ii_regions(
    rng: np.random.Generator, g: Array, star_formation: Array, luminosity: Array
) -> Array:
    """Return the lines of H II regions relative to H beta, before dust.

    The ratios lie on the ridge of Kewley et al. (2013); metallicity sets the place on it. `g` is
    their scatter in sigma, shape (5, BLOCK).
    """
    starburst = np.log10(star_formation.clip(1) / 30).clip(0)
    log_nii = np.clip(
        -0.33
        + 0.12 * luminosity.clip(-2, 1)
        - 0.12 * starburst
        - 0.9 * (starburst - 0.5).clip(0)
        + 0.10 * g[0],
        -2.0,
        -0.14,
    )
    log_oiii = np.maximum(0.61 / (log_nii + 0.08) + 1.10, -0.75) + 0.12 * g[1]
    low = (-0.4 - log_nii).clip(0, 1.2)
    return intrinsic_fluxes(
        log_nii,
        log_oiii,
        -0.54 - 0.10 * starburst + 0.10 * low - 0.35 * (low - 0.5).clip(0) + 0.13 * g[2],
        -1.55 - 0.3 * starburst + 0.25 * low - 0.3 * (low - 0.7).clip(0) + 0.13 * g[3],
        0.35 + 0.30 * low - 0.35 * (low - 0.6).clip(0) + 0.18 * g[4],
        np.full(BLOCK, -0.95),
        np.full(BLOCK, -2.6),
        np.full(BLOCK, -1.05),
        rng.uniform(0, 0.4, BLOCK),
    )


def _hard_source(rng: np.random.Generator, g: Array, seyfert: npt.NDArray[np.bool_]) -> Array:
    """Return the lines of a harder source relative to H beta, before dust; `g` as above."""
    return intrinsic_fluxes(
        np.where(seyfert, 0.00, 0.17) + 0.10 * g[0],
        np.where(seyfert, 0.80, 0.28) + 0.16 * g[1],
        np.where(seyfert, -0.25, 0.00) + 0.13 * g[2],
        np.where(seyfert, -0.90, -0.62) + 0.16 * g[3],
        np.where(seyfert, 0.60, 0.72) + 0.18 * g[4],
        np.full(BLOCK, -0.95),
        np.where(seyfert, -0.8, -1.7),
        np.full(BLOCK, -1.0),
        rng.uniform(0.2, 0.8, BLOCK),
    )


def gas_widths(rng: np.random.Generator, kind: npt.NDArray[np.int8], dispersion: Array) -> Array:
    """Return the widths of forbidden and of Balmer lines in km/s, shape (BLOCK, 2)."""
    return np.stack(
        [_group_width(rng, kind, dispersion, forbidden) for forbidden in (True, False)], axis=1
    )


def _group_width(
    rng: np.random.Generator, kind: npt.NDArray[np.int8], dispersion: Array, forbidden: bool
) -> Array:
    """Draw widths near the stars' dispersion; forbidden lines are wider, most so in old hosts."""
    ratio = np.array(
        [1.55, 1.22, 1.6, 1.5, 1, 1, 1] if forbidden else [1.2, 1.12, 1.3, 1.2, 1, 1, 1]
    )
    width = dispersion * ratio[kind] * np.exp(0.20 * rng.normal(size=BLOCK))
    return np.asarray(np.clip(width, 40, 500))
