"""The figure of calibration: shares with intervals, counts, thresholds and Brier scores."""

from __future__ import annotations

import numpy as np

from galspec_spark.report import alternatives
from galspec_spark.report.calibration import reliability
from galspec_spark.report.contents import TrainingReport
from tests.report import sample
from tests.report.reading import marked, with_results, words


def test_shares_intervals_and_counts_are_drawn(full_report: TrainingReport) -> None:
    figure = reliability(full_report)
    top, below = figure.axes[0], figure.axes[3]
    full, hollow = marked(top, "o")
    assert full.get_xydata().tolist() == [[0.04, 0.05], [0.45, 0.5], [0.93, 1.0]]
    assert full.get_markerfacecolor() != hollow.get_markerfacecolor() == "white"
    bars = top.collections[0].get_segments()
    expected = [
        [[0.04, 0.02], [0.04, 0.11]],
        [[0.45, 0.24], [0.45, 0.76]],
        [[0.93, 0.8], [0.93, 1]],
    ]
    np.testing.assert_allclose(bars, expected)
    assert marked(below, "o")[0].get_ydata().tolist() == [101, 10, 15]
    assert below.get_yscale() == "log"
    thresholds = {line.get_xdata()[0] for line in below.lines if len(set(line.get_xdata())) == 1}
    assert thresholds == {0.3217}


def test_key_has_the_brier_scores(full_report: TrainingReport) -> None:
    figure = reliability(full_report)
    assert words(figure).count("all 20: Brier 0.055, skill 0.59") == 3
    assert words(figure).count("best 10: Brier 0.055, skill 0.59") == 3


def test_an_interval_that_rounding_put_beyond_its_share_is_drawn(
    full_report: TrainingReport,
) -> None:
    calibration = sample.calibration() | {"brier_skill": None}
    calibration["reliability"][-1]["high"] = 1 - 1e-16
    figure = reliability(with_results(full_report, calibration=calibration))
    assert "skill –" in words(figure)


def test_words_have_the_scores(full_report: TrainingReport) -> None:
    text = alternatives.reliability(full_report)
    assert "random forest, best 10: Brier score 0.055, skill 0.59" in text
