"""The figure of bins: scores with intervals where they are defined, and what the bins are."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.ml.evaluation.metrics import Bin
from galspec_spark.report import alternatives
from galspec_spark.report.bins import STEP, bin_range, scores_by_bin
from galspec_spark.report.contents import TrainingReport
from tests.report import sample
from tests.report.reading import changed, marked, words


def test_scores_stand_side_by_side_where_they_are_defined(full_report: TrainingReport) -> None:
    figure = scores_by_bin(full_report)
    assert figure is not None
    f1, _, recall, _ = figure.axes
    assert len(marked(f1, "o")) == 3  # with all components only
    for place, line in enumerate(marked(f1, "o")):
        assert line.get_xdata() == pytest.approx(np.array([0, 2]) + STEP * (place - 1))
        assert line.get_ydata().tolist() == [0.66, 0.66]
    bar = f1.collections[0].get_segments()[0]
    assert bar[:, 1] == pytest.approx([0.48, 0.80])
    assert marked(recall, "o")[0].get_ydata().tolist() == [0.62, 0.62]


def test_bins_say_their_limits_and_counts(full_report: TrainingReport) -> None:
    figure = scores_by_bin(full_report)
    assert figure is not None
    redshift = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert redshift == [
        "0.012\nto 0.06\n60\n12 AGN",
        "0.06\nto 0.29\n60\n0 AGN",
        "not\nknown\n9\n8 AGN",
    ]
    assert len(figure.axes[3].get_xticklabels()) == 2
    for name in ("Redshift", "Median S/N of a pixel"):
        assert f"{name}; spectra, and AGN among them" in words(figure)


def test_limits_have_two_digits_and_no_exponent() -> None:
    assert bin_range(Bin(low=21.04, high=137.6, count=1, agn=0)) == "21 to 140"


def test_scores_are_those_of_the_result_at_that_place(full_report: TrainingReport) -> None:
    results = full_report.metrics.results
    order = [3, 2, 5, 0, 1, 4]  # the forest with all components is the last
    bins = {
        "z": [
            {"low": 0.1, "high": 0.2, "count": 9, "agn": 5}
            | {
                f"prediction_{i}": sample.UNSHOWN | {
                    "agn_f1": 0.1 * (1 + i), "agn_f1_interval": [0, 1],
                    "agn_recall": 0.5, "agn_recall_interval": [0, 1],
                }
                for i in range(6)
            }
        ]
    }  # fmt: skip
    report = changed(full_report, results=[results[i] for i in order], bins=bins)
    figure = scores_by_bin(report)
    assert figure is not None
    drawn = [line.get_ydata()[0] for line in marked(figure.axes[0], "o")]
    assert drawn == pytest.approx([0.4, 0.2, 0.6])  # logistic regression, SVM, forest
    assert "logistic regression 0.40; linear SVM 0.20; random forest 0.60" in (
        alternatives.scores_by_bin(report)
    )


def test_words_have_the_scores_of_every_bin(full_report: TrainingReport) -> None:
    text = alternatives.scores_by_bin(full_report)
    assert "F1 by Redshift 0.012 to 0.06, 0.06 to 0.29, not known: " in text
    assert "linear SVM 0.66, –, 0.66" in text


def test_run_without_bins_has_no_figure(full_report: TrainingReport) -> None:
    assert scores_by_bin(changed(full_report, bins={})) is None
