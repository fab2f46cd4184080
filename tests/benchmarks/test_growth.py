"""The table of growth leads on along a line, and Spark's log tells what went between machines."""

from __future__ import annotations

import json

from benchmarks.growth import _events, growth_table


def result(spectra: int, cpu: float, peak: float) -> dict:
    return {
        "stage": "train",
        "spectra": spectra,
        "seconds": cpu / 2,
        "cpu_seconds": cpu,
        "peak_gibibytes": peak,
        "parts": spectra // 100_000,
        "tasks": 10,
        "shuffled_mb": 0.0,
        "returned_mb": 1.0,
    }


def test_time_and_memory_are_led_on_along_a_line():
    table = growth_table([result(100_000, 20, 1.0), result(1_000_000, 110, 1.9)])
    *_, large, led_on = table.splitlines()
    assert large.endswith("| 0.74 |")  # log10(110 / 20)
    cells = [cell.strip() for cell in led_on.strip("|").split("|")]
    assert cells[:6] == ["*train, led on*", "10,000,000", "", "1,010", "10.9", "100"]


def test_other_results_make_no_table():
    assert growth_table([{"work": "w", "spectra": 5}]) == ""


def test_the_log_of_spark_tells_what_was_shuffled(tmp_path):
    task = {
        "Event": "SparkListenerTaskEnd",
        "Task Metrics": {
            "Result Size": 2_000_000,
            "Shuffle Write Metrics": {"Shuffle Bytes Written": 500_000},
        },
    }
    lines = [task, {"Event": "SparkListenerJobEnd"}, task, {"Event": "SparkListenerTaskEnd"}]
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (tmp_path / "log").write_text(text)
    assert _events(tmp_path / "log") == {"tasks": 3, "shuffled_mb": 1.0, "returned_mb": 4.0}
