"""Kinds of targets, and the number of targets drawn at once."""

from __future__ import annotations

from enum import IntEnum

#: Spectra drawn from one random stream, and measured together: a fourth of a plate.
BLOCK = 160


class Kind(IntEnum):
    """Target of a fibre."""

    QUIESCENT = 0
    STARFORMING = 1
    AGN = 2
    BROADLINE_AGN = 3
    STAR = 4
    QUASAR = 5
    SKY = 6
