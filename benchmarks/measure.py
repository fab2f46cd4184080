"""Times of the same work done in several ways, as a table with ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def measure(
    work: str, way: str, repeat: int, action: Callable[[], Any], *, warm: bool = True
) -> dict[str, Any]:
    """Return the median time of an action over several runs.

    Parameters
    ----------
    work, way
        What is done, and how; our way begins with ``ours``.
    repeat
        Number of runs that count.
    warm
        Run it once before, which does not count.
    """
    if warm:
        action()
    runs = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        runs.append(round(time.perf_counter() - started, 4))
    return {"work": work, "way": way, "seconds": statistics.median(runs), "runs": runs}


def as_table(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown; the ratio is to our way of the same work."""
    rows = [
        "| work | way | seconds | min to max | ratio to ours | F1 |",
        "|---|---|---|---|---|---|",
    ]
    ours: dict[str, float] = {
        r["work"]: r["seconds"] for r in results if r["way"].startswith("ours")
    }
    for r in results:
        ratio = f"{r['seconds'] / ours[r['work']]:.3g}" if r["work"] in ours else ""
        span = f"{min(r['runs']):.3g} to {max(r['runs']):.3g}"
        rows.append(
            f"| {r['work']} | {r['way']} | {r['seconds']:.3g} | {span} | {ratio} | {_f1(r)} |"
        )
    return "\n".join(rows) + "\n"


def _f1(result: dict[str, Any]) -> str:
    found = result.get("f1") or {}
    return ", ".join(f"{name} {value:.4f}" for name, value in found.items())
