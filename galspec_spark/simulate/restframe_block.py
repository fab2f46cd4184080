"""A block of simulated spectra at rest: galaxies drawn, exposed, classified.

Block b of seed s has its own random streams and is always drawn whole, so spectrum i depends
neither on the number of spectra nor on the division of the work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from galspec_spark.config import Config
from galspec_spark.simulate import kinds, sky
from galspec_spark.simulate.population import Population, draw_population
from galspec_spark.simulate.restframe_light import light_of
from galspec_spark.simulate.restframe_lines import classify, fit_lines
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.spectrum.normalise import normalise

Spectra = npt.NDArray[np.float32]

#: Spectra drawn from one random stream: arrays of some 10 MB.
BLOCK = 7 * kinds.BLOCK
#: EW of broad H alpha, in Angstrom, above which SDSS calls a galaxy a QSO.
BROAD_EW_MAX = 30.0
#: Flux of a typical galaxy and airglow that masks a pixel, 1e-17 erg/s/cm2/A.
TYPICAL_FLUX, BRIGHT_SKY = 11.0, 55.0
#: Scatter of the noise relative to the sigma of ivar.
SCATTER = 1.08
#: Bits that ivar keeps of a float32: sign, exponent and 8 significant bits, 0.4 %. The others
#: would be half of the bytes of the compressed column, without information.
IVAR_BITS = np.uint32(0xFFFF0000)


@dataclass(frozen=True)
class Block:
    """BLOCK spectra; arrays of shape (BLOCK,) unless noted."""

    index: npt.NDArray[np.int64]  #: index in the survey
    object: npt.NDArray[np.int64]  #: index of the object's first spectrum
    ra: Array  #: degrees
    dec: Array
    z: Array
    sn_median: Array
    subclass: npt.NDArray[np.str_]
    flux: Spectra  #: (BLOCK, PIXELS) normalised; undefined where not good
    ivar: Spectra  #: (BLOCK, PIXELS) 0 where not good
    good: npt.NDArray[np.bool_]  #: (BLOCK, PIXELS)


def simulate_block(block: int, config: Config, selection: Array | None = None) -> Block:
    """Simulate spectra block * BLOCK to (block + 1) * BLOCK - 1.

    Parameters
    ----------
    block
        Number of the block.
    config
        The sections simulate (seed, share of repeats) and preprocess.
    selection
        Redshifts and S/N, shape (m, 2): spectrum i takes row i modulo m. None draws both as in
        SDSS's main galaxy sample.
    """
    rng = np.random.Generator(np.random.SFC64([config.simulate.seed, block]))
    index = block * BLOCK + np.arange(BLOCK)
    source = sources(config.simulate.repeats)
    objects = _galaxies(
        rng, config, None if selection is None else selection[index % len(selection)]
    )
    objects = objects.take(source)
    light = light_of(rng, objects)
    noise, ivar, seen_ivar = _expose(rng, objects, light.model)
    subclass = classify(fit_lines(rng, objects, light, noise, seen_ivar))
    good = ivar > 0
    flux, ivar, _ = normalise(config.preprocess.normalise, light.model + noise, ivar, good)
    return Block(
        index=index,
        object=index[source],
        ra=360 * objects.position[:, 0],
        dec=np.degrees(np.arcsin(2 * objects.position[:, 1] - 1)),
        z=objects.redshift,
        sn_median=objects.sn,
        subclass=subclass,
        flux=flux,
        ivar=(ivar.view(np.uint32) & IVAR_BITS).view(np.float32),
        good=good,
    )


def sources(repeats: float) -> npt.NDArray[np.intp]:
    """Return the spectrum of the block that first observed each spectrum's object.

    A share of the spectra, evenly spread, repeats the objects of the others, in turn.
    """
    slot = np.arange(BLOCK)
    is_repeat = np.floor((slot + 1) * repeats) > np.floor(slot * repeats)
    is_repeat[0] = False
    first = np.flatnonzero(~is_repeat)
    slot[is_repeat] = first[np.arange(np.count_nonzero(is_repeat)) % len(first)]
    return slot


def _galaxies(rng: np.random.Generator, config: Config, selection: Array | None) -> Population:
    """Draw BLOCK galaxies whose redshifts preprocess accepts."""
    galaxies = config.simulate.model_copy(update={"stars": 0, "quasars": 0, "sky_fibres": 0})
    drawn = [
        draw_population(
            rng, galaxies, None if selection is None else selection[first : first + kinds.BLOCK]
        )
        for first in range(0, BLOCK, kinds.BLOCK)
    ]
    names = vars(drawn[0])
    objects = Population(
        **{name: np.concatenate([getattr(part, name) for part in drawn]) for name in names}
    )
    return replace(
        objects,
        redshift=objects.redshift.clip(config.preprocess.z_min, config.preprocess.z_max),
        broad_ew=objects.broad_ew.clip(0, BROAD_EW_MAX),
    )


def _expose(
    rng: np.random.Generator, objects: Population, model: Spectra
) -> tuple[Spectra, Spectra, Spectra]:
    """Expose each of n galaxies once, each at its own redshift and S/N.

    Returns
    -------
    noise, ivar : ndarray of float32, shape (n, PIXELS)
        Interpolated from the observed pixels: neighbours share noise, and the mean of two pixels
        has less noise than either. Both are 0 outside the spectrograph's window and under the
        brightest airglow.
    seen_ivar : ndarray of float32, shape (n, PIXELS)
        Before interpolation, as a fit of many pixels reaches.
    """
    n = len(model)
    shift = (LOGLAM0 + np.log10(1 + objects.redshift) - sky.LOGLAM0) / LOGLAM_STEP
    first = np.floor(shift).astype(np.int64)
    weight = (shift - first).astype(np.float32)[:, None]
    level = np.median(model[:, ::16], axis=1)
    depth = ((objects.sn / level) ** 2).astype(np.float32)[:, None]
    windows = np.lib.stride_tricks.sliding_window_view(_depth_curve(), PIXELS)
    seen_ivar = windows[first + PIXELS] * depth
    start = np.clip(np.rint(rng.normal(32, 13, n)), 2, 40) - first
    seen_ivar *= np.arange(PIXELS, dtype=np.float32) >= start.astype(np.float32)[:, None]
    white = rng.standard_normal((n, PIXELS + 1), dtype=np.float32)
    noise = weight * white[:, 1:] + (1 - weight) * white[:, :-1]
    sigma = np.float32(SCATTER) / np.sqrt(np.where(seen_ivar > 0, seen_ivar, np.float32(np.inf)))
    return noise * sigma, seen_ivar / (weight**2 + (1 - weight) ** 2), seen_ivar


@lru_cache(maxsize=1)
def _depth_curve() -> Spectra:
    """Return ivar along the observed grid at a median S/N of 1, with PIXELS zeros on either side.

    Photon noise of a typical galaxy, of the sky and of read-out.
    """
    efficiency = sky.curve(sky.EFFICIENCY)
    night = sky.continuum() + sky.lines()
    depth = efficiency / (TYPICAL_FLUX + night + 4.0 / efficiency)
    depth /= np.median(depth)
    masked = sky.lines() > BRIGHT_SKY
    masked[:-1] |= masked[1:]
    depth[masked] = 0  # with the pixel before, which interpolation would mix in
    return np.pad(depth, PIXELS).astype(np.float32)
