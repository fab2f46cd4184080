"""The figure of prediction sets: shares with intervals where a class has spectra."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.report import alternatives
from galspec_spark.report.bins import STEP
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.coverage import coverage_by_sn
from tests.report.reading import marked, words


def test_coverage_is_drawn_by_class_where_it_is_defined(full_report: TrainingReport) -> None:
    figure = coverage_by_sn(full_report)
    agn, other = figure.axes
    assert (agn.get_title(), other.get_title()) == ("AGN", "other")
    assert len(marked(agn, "o")) == 3  # classifiers with all features
    for place, (line, of_other) in enumerate(
        zip(marked(agn, "o"), marked(other, "o"), strict=True)
    ):
        assert line.get_xdata() == pytest.approx(np.array([0, 2]) + STEP * (place - 1))
        assert line.get_ydata().tolist() == [1.0, 0.8]
        assert of_other.get_ydata() == pytest.approx([50 / 56, 47 / 50])
    assert agn.collections[0].get_segments()[1][:, 1] == pytest.approx([0.490, 0.943], abs=1e-3)
    labels = [label.get_text() for label in agn.get_xticklabels()]
    assert labels == ["3.2\nto 12\n10", "12\nto 41\n0", "not\nknown\n10"]
    assert "Median S/N of a pixel; AGN spectra" in words(figure)
    assert any(line.get_ydata()[0] == 0.9 for line in agn.lines if line.get_marker() == "None")


def test_words_have_the_shares_of_every_bin(full_report: TrainingReport) -> None:
    text = alternatives.coverage_by_sn(full_report)
    assert "by Median S/N of a pixel 3.2 to 12, 12 to 41, not known. " in text
    assert "linear SVM: AGN 1.00, –, 0.80; other 0.89, 0.94, –." in text
