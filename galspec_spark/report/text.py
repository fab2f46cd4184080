"""Numbers as people read them: scores, counts, shares and times."""

from __future__ import annotations

import numpy as np

from galspec_spark.ml.evaluation.record import Interval


def decimals(value: float | None, digits: int = 4) -> str:
    """Return a metric as text; a dash if undefined."""
    return f"{value:.{digits}f}" if value is not None and np.isfinite(value) else "–"


def interval(ends: Interval | None, digits: int = 2) -> str:
    """Return the 95 % interval of a score as text; a dash if undefined."""
    return f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if ends else "–"


def percent(value: float | None) -> str:
    """Return a share as a whole percentage; a dash if undefined."""
    return f"{value:.0%}" if value is not None and np.isfinite(value) else "–"


def out_of(part: int, whole: int) -> str:
    """Return a count and the count that it is a part of, for example "12 of 20"."""
    return f"{part:,} of {whole:,}"


def share_of(part: int, whole: int) -> str:
    """Return a count with its share, for example "12 of 20 (60%)"."""
    share = f" ({part / whole:.0%})" if whole else ""
    return f"{out_of(part, whole)}{share}"


def integer(value: float | None) -> str:
    """Return a count as text with thousands separated; a dash if unknown."""
    return f"{int(value):,}" if value is not None and np.isfinite(value) else "–"


def duration(seconds: float | None) -> str:
    """Return a time as text, such as ``0.4 s``, ``38 s``, ``2 min 05 s`` or ``1 h 02 min``."""
    if seconds is None or not np.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
