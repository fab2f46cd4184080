"""Why a class flipped: rules, in the order in which they are tried.

What comes first can bring about what follows: another redshift moves every pixel, another mask may
leave too few of them, and another flux makes other lines. Two reductions of one exposure share its
photons, so the limits of the flux are in units of the noise, but that of its rms far below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galspec_spark.diff.narrow import AREAS, ERRORS, Flags, Pairs
from galspec_spark.diff.pixels import PixelChanges
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Shift of the rest frame that counts: half a pixel, 35 km/s.
SHIFT = LOGLAM_STEP / 2
#: Share of the grid that is good in one release only.
MASKED = 0.01
#: Mean square difference of the flux, in units of its noise: an rms of 0.1 sigma.
FLUX_CHI2 = 0.01
#: Difference of one pixel, in sigma: lines are few pixels among many.
FLUX_PIXEL = 3.0
#: Difference of one of the formula's four lines, in sigma.
LINE = 3.0
#: The causes, in the order in which they are tried, and what each means. ``none`` is of flips only.
CAUSES = {
    "model": "another model classified it",
    "redshift": "the redshift moves the spectrum by more than half a pixel, 35 km/s",
    "mask": "more than 1 % of the pixels are good in one release only",
    "flux": "the flux over its median differs by more than 0.1 sigma rms, or 3 sigma in a pixel",
    "selection": "preprocess left it out of one release, or for another reason",
    "lines": "one of the formula's lines differs by more than 3 sigma, the flux less",
    "label": "the label is another; a label decides no class",
    "none": "none of these: the class was near the model's threshold",
}


@dataclass(frozen=True)
class Found:
    """What changed of each pair."""

    flipped: Flags  #: whether both have a class, and another one
    causes: dict[str, Flags]  #: each of `CAUSES` but none, in their order
    line_change: Doubles  #: the largest of the four lines in sigma; NaN where not measured

    @property
    def changed(self) -> Flags:
        """Which pairs differ at all; another model alone is no change of the spectrum."""
        own = [flags for name, flags in self.causes.items() if name != "model"]
        return np.asarray(self.flipped | np.any(own, axis=0))

    def names(self, row: int) -> list[str]:
        """Return all causes of a pair, the first of them the one that counts."""
        found = [name for name, flags in self.causes.items() if flags[row]]
        return found or ["none"]


def find_causes(pairs: Pairs, pixels: PixelChanges, *, same_model: bool) -> Found:
    """Try all causes on all pairs."""
    old_z, new_z = pairs.numbers("z")
    has_class = [table["class"].is_valid().to_numpy() for table in (pairs.old, pairs.new)]
    flipped = pairs.unequal("class") & np.all(has_class, axis=0)
    line_change = _line_change(pairs, pixels)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.abs(np.log10(1 + new_z) - np.log10(1 + old_z))
        flux = (pixels.chi2 > FLUX_CHI2) | (pixels.largest > FLUX_PIXEL)
        causes = {
            "model": np.full(len(pairs), not same_model) & flipped,
            "redshift": (shift > SHIFT) | (np.isnan(old_z) != np.isnan(new_z)),
            "mask": pixels.masked > MASKED,
            "flux": flux,
            "selection": pairs.unequal("reason"),
            "lines": (line_change > LINE) & ~flux,
            "label": pairs.unequal("label"),
        }
    return Found(flipped, causes, line_change)


def _line_change(pairs: Pairs, pixels: PixelChanges) -> Doubles:
    """Return the largest change of the formula's lines beyond the scale of the flux, in sigma."""
    scale = np.where(np.isfinite(pixels.scale), pixels.scale, 1.0)
    old, new = (
        np.array([[pairs.numbers(name)[which] for name in names] for names in (AREAS, ERRORS)])
        for which in (0, 1)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        sizes = np.abs(new[0] - scale * old[0]) / np.hypot(scale * old[1], new[1])
    largest = np.nan_to_num(sizes, nan=-1.0, posinf=-1.0).max(axis=0, initial=-1)
    return np.where(largest < 0, np.nan, largest)
