"""A batch of simulated spectra: objects drawn, observed, measured and classified.

Lines and SUBCLASS are what this package measures of the pixels with its own templates, as SDSS's
pipeline does with its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galspec_spark.config import SimulateConfig
from galspec_spark.lines.measures import Measures, measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import own_templates
from galspec_spark.readers.sdss_masks import PIXEL_MASK
from galspec_spark.simulate import sky
from galspec_spark.simulate.kinds import BLOCK, Kind
from galspec_spark.simulate.observe import Visits, observe
from galspec_spark.simulate.population import Population, draw_population
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.masks import ZWARNING_BITS, bit_mask

#: Blocks of fibres on a plate; number and date of the first plate.
BLOCKS_PER_PLATE = 4
FIRST_PLATE, FIRST_MJD = 266, 51630
#: Reduction whose files and lines are simulated.
RUN2D = "26"
#: Regions that seeds cycle through; plates and object numbers that each region has.
SEEDS, PLATES_OF_SEED, OBJECTS_OF_SEED = 9, 1000, 10_000_000


@dataclass(frozen=True)
class Identity:
    """Identifiers and positions of n spectra."""

    index: npt.NDArray[np.int64]  #: index in the survey
    object: npt.NDArray[np.int64]  #: index of the object's first spectrum
    plate: npt.NDArray[np.int64]
    mjd: npt.NDArray[np.int64]
    fiber: npt.NDArray[np.int64]
    ra: Array  #: degrees
    dec: Array


@dataclass(frozen=True)
class Batch:
    """n spectra with all that their files contain."""

    identity: Identity
    objects: Population
    visits: Visits
    lines: Measures
    cls: npt.NDArray[np.str_]
    subclass: npt.NDArray[np.str_]
    z: Array
    z_err: Array
    zwarning: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.z)

    def sn_median(self, low: float = 0.0, high: float = np.inf) -> Array:
        """Return the median S/N per pixel between two wavelengths in Angstrom, shape (n,)."""
        wave = sky.wavelength()
        part = slice(*np.searchsorted(wave, (low, high)))
        ivar = self.visits.ivar[:, part]
        sn = np.where(ivar > 0, self.visits.flux[:, part] * np.sqrt(ivar), np.nan)
        median = np.zeros(len(sn))
        some = (ivar > 0).any(axis=1)
        median[some] = np.nanmedian(sn[some], axis=1)
        return median


def simulate_block(
    block: int, config: SimulateConfig, selection: Array | None = None, count: int = BLOCK
) -> Batch:
    """Simulate the first `count` of the spectra block * BLOCK to (block + 1) * BLOCK - 1.

    Parameters
    ----------
    block
        Number of the block; block and seed fix all random numbers.
    config
        Seed, and the shares of repeats, stars, quasars and sky fibres.
    selection
        Redshifts and S/N, shape (m, 2): spectrum i takes row i modulo m. None draws both as in
        SDSS's main galaxy sample.
    count
        The others are observed, for their random numbers, but not measured.
    """
    rng = np.random.Generator(np.random.Philox(key=[config.seed, block]))
    index = block * BLOCK + np.arange(BLOCK)
    drawn = draw_population(
        rng, config, None if selection is None else selection[index % len(selection)]
    )
    source = _sources(drawn, round(config.repeats * BLOCK))
    objects = drawn.take(source)
    visits = observe(rng, objects)
    identity = _identity(rng, (config.seed - 1) % SEEDS, block, source, objects)
    return _pipeline(rng, identity, objects, visits, count)


def _sources(drawn: Population, repeats: int) -> npt.NDArray[np.intp]:
    """Return the object of each spectrum: the block's last spectra repeat earlier galaxies."""
    source = np.arange(BLOCK)
    galaxies = np.flatnonzero(drawn.kind[: BLOCK - repeats] < Kind.STAR)
    count = min(repeats, len(galaxies))
    source[BLOCK - count :] = galaxies[:count]
    return source


def _identity(
    rng: np.random.Generator,
    region: int,
    block: int,
    source: npt.NDArray[np.intp],
    objects: Population,
) -> Identity:
    """Assign plates: even numbers hold first visits, the next odd number their repeats."""
    slot = np.arange(BLOCK)
    repeat = source != slot
    plate = FIRST_PLATE + region * PLATES_OF_SEED + 2 * (block // BLOCKS_PER_PLATE) + repeat
    fiber = 1 + (block % BLOCKS_PER_PLATE) * BLOCK + slot
    mjd = FIRST_MJD + 3 * (block // BLOCKS_PER_PLATE) + 401 * repeat
    centre_ra = (11.0 * (block // BLOCKS_PER_PLATE) + 4.0 * region) % 360
    centre_dec = -8.0 + (17.0 * (block // BLOCKS_PER_PLATE)) % 70
    radius, angle = 1.49 * np.sqrt(objects.position[:, 0]), 2 * np.pi * objects.position[:, 1]
    offset = rng.normal(size=(2, BLOCK)) * 0.1 / 3600
    dec = centre_dec + radius * np.sin(angle) + offset[0]
    ra = centre_ra + (radius * np.cos(angle) + offset[1]) / np.cos(np.radians(dec))
    first = region * OBJECTS_OF_SEED + block * BLOCK
    return Identity(first + slot, first + source, plate, mjd, fiber, ra % 360, dec)


def _pipeline(
    rng: np.random.Generator, identity: Identity, objects: Population, visits: Visits, count: int
) -> Batch:
    """Assign redshift, warnings and class of the first spectra as SDSS's pipeline does."""
    noise, u = rng.normal(size=BLOCK)[:count], rng.random((4, BLOCK))[:, :count]
    identity = Identity(**{name: value[:count] for name, value in vars(identity).items()})
    objects, visits = objects.take(np.arange(count)), Visits._make(each[:count] for each in visits)
    kind = objects.kind
    galaxy = kind < Kind.STAR
    cls = np.where(galaxy, "GALAXY", np.where(kind == Kind.STAR, "STAR", "QSO")).astype("<U6")
    cls = np.where((kind == Kind.BROADLINE_AGN) & (objects.broad_ew > 30), "QSO", cls)
    z_err = 1.2e-5 + 1.5e-4 / np.maximum(objects.sn, 1.0)
    z = objects.redshift + z_err * noise
    lost = galaxy & (objects.sn < 5) & (u[0] < 0.25) | galaxy & (u[0] < 0.003)
    sky_fibre = kind == Kind.SKY
    nonsense = np.where(u[1] < 0.5, 0.9 * u[2], 7.0 * u[2])
    z = np.where(lost | sky_fibre, nonsense, z)
    cls = np.where(sky_fibre, np.array(["GALAXY", "STAR", "QSO"])[(3 * u[3]).astype(int)], cls)
    outliers = galaxy & (u[1] < 0.002 * np.maximum(objects.sn - 10, 0).clip(0, 20))
    warning = np.where(outliers, 1 << ZWARNING_BITS["MANY_OUTLIERS"], 0)
    warning |= np.where(lost | sky_fibre, 1 << ZWARNING_BITS["SMALL_DELTA_CHI2"], 0)
    warning |= np.where(sky_fibre, 1 << ZWARNING_BITS["SKY"], 0)
    z = z.astype(np.float32).astype(np.float64)  # as files have it
    lines = _measured(visits, z)
    tag = np.where(lines.broadline, " BROADLINE", "")
    subclass = np.where(galaxy, np.char.strip(np.char.add(lines.subclass, tag)), "").astype("<U21")
    star = np.array(["", "B8", "A0", "F5", "G2", "K3"])[np.argmax(objects.light, axis=1)]
    subclass = np.where(kind == Kind.STAR, star, subclass)
    subclass = np.where(kind == Kind.QUASAR, "BROADLINE", subclass)
    subclass = np.where(lost | sky_fibre, "", subclass)
    return Batch(identity, objects, visits, lines, cls, subclass, z, z_err, warning)


def _measured(visits: Visits, z: Array) -> Measures:
    n = len(z)
    bad_sky = visits.or_mask & bit_mask(PIXEL_MASK.bad_sky, PIXEL_MASK.bits) != 0
    flux, ivar = visits.flux.astype(np.float64), visits.ivar.astype(np.float64)
    spectra = Spectra.observed(flux, ivar, np.full(n, sky.LOGLAM0), z, bad_sky)
    return measure(spectra, z, np.full(n, RUN2D, object), own_templates())
