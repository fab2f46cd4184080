"""The figure of the label: shares of pairs with their intervals."""

from __future__ import annotations

import pytest

from galspec_spark.report import alternatives
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.label import label_agreement
from tests.report.reading import marked


def test_pairs_are_drawn_by_prediction_and_by_sn(
    full_report: TrainingReport, partial_report: TrainingReport
) -> None:
    figure = label_agreement(full_report)
    assert figure is not None
    left, right = figure.axes
    (agreeing,), (differing,) = marked(left, "o"), marked(right, "o")
    assert agreeing.get_xdata() == pytest.approx([0.61, 0.999])
    assert agreeing.get_ydata() == pytest.approx([5 / 8, 50 / 52])
    assert differing.get_ydata() == pytest.approx([0, 0.25])
    low, high = right.collections[0].get_segments()[1][:, 1]
    assert (low, high) == pytest.approx((0.112, 0.469), abs=1e-3)  # Wilson's of 5 in 20
    assert [text.get_text() for text in right.get_xticklabels()] == ["below 0\n40", "3 to 4\n20"]
    assert label_agreement(partial_report) is None


def test_words_have_the_pairs_of_every_bin(full_report: TrainingReport) -> None:
    text = alternatives.label_agreement(full_report)
    assert "0.5 to 0.7: 5 of 8; 0.99 on: 50 of 52; by the S/N of Hβ: below 0: 40 of 40" in text
