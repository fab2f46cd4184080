"""The figure of the search: every point, its place, and which was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.report import alternatives
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.search import MARKERS, RING, search
from tests.report.reading import changed, marked, words


def columns(figure: Figure) -> list[list[Axes]]:
    """Return the axes of each classifier, top down."""
    return [figure.axes[column::3] for column in range(3)]


def points(axes: Axes, origin: str) -> set[tuple[float, float]]:
    lines = [
        line
        for line in marked(axes, MARKERS[origin])
        if line.get_markersize() != RING["markersize"]
    ]
    return {(float(x), float(y)) for line in lines for x, y in line.get_xydata()}


def ringed(axes: Axes) -> set[tuple[float, float]]:
    rings = [line for line in axes.lines if line.get_markersize() == RING["markersize"]]
    return {(float(x), float(y)) for line in rings for x, y in line.get_xydata()}


def with_trials(report: TrainingReport, trials: list[dict[str, Any]]) -> TrainingReport:
    search = {"all 20": {"points": len(trials), "fits": 0, "trials": trials}}
    return changed(report, search=search)


def test_trials_are_at_their_setting_and_the_best_is_ringed(full_report: TrainingReport) -> None:
    figure = search(full_report)
    assert figure is not None
    (f1, agn_f1, seconds), (svc, *_), _ = columns(figure)
    zero = 0.0004 / 10  # of log axes, a decade below the least setting
    assert points(f1, "grid") == {(zero, 0.930), (0.001, 0.933), (0.1, 0.890)}
    assert points(f1, "random") == {(0.0004, 0.933)}
    assert points(agn_f1, "random") == {(0.0004, 0.72)}
    assert points(seconds, "grid") == {(zero, 4.0), (0.001, 3.0), (0.1, 1.5)}
    assert ringed(f1) == {(0.001, 0.933)}  # of equals the first
    assert ringed(agn_f1) == {(0.001, 0.71)}
    assert seconds.get_xscale() == seconds.get_yscale() == "log"
    assert seconds.get_xticklabels()[0].get_text() == "0"
    assert svc.get_xscale() == "linear"  # a factor of ten only
    for each in (f1, agn_f1, seconds):
        low, high = each.get_ylim()
        assert all(low < y < high for _, y in points(each, "grid"))


def test_trials_of_several_settings_are_in_the_order_of_f1(full_report: TrainingReport) -> None:
    figure = search(full_report)
    assert figure is not None
    (f1, agn_f1, _) = columns(figure)[2]
    assert points(f1, "grid") == {(2.0, 0.910)}
    assert points(f1, "random") == {(1.0, 0.915), (3.0, 0.900)}
    assert points(agn_f1, "random") == {(1.0, 0.57), (3.0, 0.49)}
    assert "rank (varied: maxDepth,\nminInstancesPerNode)" in words(figure)


def test_number_of_features_is_a_setting(full_report: TrainingReport) -> None:
    trials = [
        {"classifier": "linear_svc", "origin": "grid", "n_features": count, "chosen": {},
         "f1": 0.9 + count / 1000, "agn_f1": 0.5, "seconds": 1.0}
        for count in (5, 10, 20)
    ]  # fmt: skip
    figure = search(with_trials(full_report, trials))
    assert figure is not None
    assert points(figure.axes[0], "grid") == {(5.0, 0.905), (10.0, 0.91), (20.0, 0.92)}
    assert "n_features" in words(figure).split(" | ")


@pytest.mark.parametrize("values", [["gini", "entropy"], [True, False], [None, 3]])
def test_settings_that_are_no_numbers_are_ranked(values, full_report: TrainingReport) -> None:
    trials = [
        {"classifier": "random_forest", "origin": "grid", "n_features": 20,
         "chosen": {} if value is None else {"setting": value},
         "f1": f1, "agn_f1": 0.5, "seconds": 1.0}
        for value, f1 in zip(values, (0.8, 0.9), strict=True)
    ]  # fmt: skip
    figure = search(with_trials(full_report, trials))
    assert figure is not None
    assert points(figure.axes[0], "grid") == {(2.0, 0.8), (1.0, 0.9)}


def test_a_single_trial_is_drawn(full_report: TrainingReport) -> None:
    (trial, *_) = full_report.metrics.features["pca"].search["all 20"].trials
    figure = search(with_trials(full_report, [trial.model_dump()]))
    assert figure is not None
    assert points(figure.axes[0], "grid") == {(0.0, 0.930)}
    assert np.diff(figure.axes[0].get_xlim()) > 0


def test_key_tells_marks_apart(full_report: TrainingReport) -> None:
    figure = search(full_report)
    assert figure is not None
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == [
        "all 20 features", "best 10 features", "of the grid", "drawn at random", "chosen",
    ]  # fmt: skip


def test_words_have_what_was_chosen_and_what_it_took(full_report: TrainingReport) -> None:
    text = alternatives.search(full_report)
    assert "logistic regression, all 20: 4 tried, fits of 12 s; chosen regParam 0.001" in text
    assert "weighted F1 of 0.933 and an AGN F1 of 0.710" in text


def test_run_without_a_search_has_no_figure(full_report: TrainingReport) -> None:
    assert search(changed(full_report, search={})) is None
