"""Releases as a table: what an early and a late one cost, in one application and alone."""

from __future__ import annotations

from typing import Any

from benchmarks.releases import draw_releases, releases_table


def within(release: int, seconds: float) -> dict[str, Any]:
    steps = {"ingest": seconds / 4, "report": 3 * seconds / 4}
    return {"release": release, "seconds": seconds, "steps": steps, "peak_gibibytes": 2.0}


def alone(release: int, seconds: float, peak: float) -> dict[str, Any]:
    return {"release": release, "seconds": seconds, "peak_gibibytes": peak}


RESULTS = [
    within(4, 8.0), alone(5, 20.0, 1.0), within(6, 8.4),
    within(34, 11.0), alone(35, 22.0, 1.1), within(36, 9.5),
    {"work": "another comparison"},
]  # fmt: skip


def test_a_probe_has_the_median_of_its_neighbours_and_its_own_command() -> None:
    lines = releases_table(RESULTS).splitlines()
    assert lines[0].startswith("| release | CPU s | ingest | report |")
    assert lines[2:4] == [
        "| 5 | 8.20 | 2.05 | 6.15 | 20.0 | 1.00 |",
        "| 35 | 10.25 | 2.56 | 7.69 | 22.0 | 1.10 |",
    ]
    assert lines[-1] == (
        "- Release 35 takes 1.25 times the CPU time of release 5 in one application, 1.10 times "
        "with the start of Spark, in 1.10 times the memory."
    )
    assert releases_table(RESULTS[-1:]) == ""


def test_the_curve_is_a_picture() -> None:
    assert draw_releases(RESULTS).startswith(b"\x89PNG")
