"""The figures of time: the stages of the run, and the algorithms beside each other."""

from __future__ import annotations

import pytest

from galspec_spark.report import alternatives
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.times import run_times, seconds_text, stage_times
from tests.report.reading import changed, marked, with_results, words


def test_stages_add_up_and_have_names(full_report: TrainingReport) -> None:
    figure = stage_times(full_report)
    assert "Seconds (2 min 13 s in all)" in words(figure)
    for name in ("search and train with all", "again with the best alone", "evaluation"):
        assert name in words(figure).split(" | ")


def test_each_algorithm_has_its_three_times(full_report: TrainingReport) -> None:
    figure = run_times(full_report)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    for marker, seconds in (("v", 0.04), ("o", 1.2), ("s", 12.3)):
        assert [line.get_xdata()[0] for line in marked(axes, marker)] == [seconds] * 6
    shown = words(figure).split(" | ")
    assert [shown.count(text) for text in ("0.04 s", "1.2 s", "12 s")] == [6, 6, 6]
    assert "logistic regression, best 10" in shown


def test_times_of_zero_are_left_out(full_report: TrainingReport) -> None:
    results = [result.model_dump() for result in full_report.metrics.results]
    results[0]["seconds"] = {"search": 0.0, "fit": 2.5, "predict": 0.0}
    results[1]["seconds"] = {"search": 0.0, "fit": 0.0, "predict": 0.0}
    report = changed(full_report, results=results)
    figure = run_times(report)
    assert figure is not None
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "logistic regression, all 20", "linear SVM, all 20", "linear SVM, best 10",
        "random forest, all 20", "random forest, best 10",
    ]  # fmt: skip
    assert len(marked(figure.axes[0], "o")) == 5
    assert len(marked(figure.axes[0], "s")) == len(marked(figure.axes[0], "v")) == 4


def test_words_have_the_seconds(full_report: TrainingReport) -> None:
    text = alternatives.run_times(full_report)
    assert "linear SVM, all 20: predict 0.04 s, fit 1.2 s, search 12 s" in text
    assert "evaluation 3.0 s" in alternatives.stage_times(full_report)


def test_run_of_no_time_has_no_figure(full_report: TrainingReport) -> None:
    seconds = {"search": 0.0, "fit": 0.0, "predict": 0.0}
    assert run_times(with_results(full_report, seconds=seconds)) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "0.012 s"), (5.91, "5.9 s"), (9.97, "10 s"), (1540.4, "1,540 s")]
)
def test_seconds_as_text(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
