"""The figure of permutation importance: drops with their spread, beside the forest's own."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.report import alternatives
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.permutation import permutation_importance
from tests.report.reading import changed, words


def test_drops_have_error_bars_and_stand_beside_the_forests_own(
    full_report: TrainingReport,
) -> None:
    figure = permutation_importance(full_report)
    assert figure is not None
    first, _, _, own = figure.axes
    assert [bar.get_width() for bar in first.patches] == pytest.approx(0.4 / np.arange(1, 21))
    middle = [bar.get_y() + bar.get_height() / 2 for bar in first.patches]
    assert middle == pytest.approx(np.arange(1, 21))
    spread = first.collections[0].get_segments()[1]
    assert spread[:, 0] == pytest.approx([0.2 - 0.02, 0.2 + 0.02])
    importance = full_report.metrics.features["pca"].importance.features
    assert [bar.get_width() for bar in own.patches] == pytest.approx(importance)
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low > 20 > 1 > high  # the first component on top


def test_components_that_a_classifier_does_not_use_are_left_blank(
    full_report: TrainingReport,
) -> None:
    importance = full_report.metrics.features["pca"].importance.model_dump()
    importance["features"] = None
    importance["permutation"] = {"linear_svc": importance["permutation"]["linear_svc"][4:6]}
    report = changed(full_report, importance=importance)
    figure = permutation_importance(report)
    assert figure is not None
    (axes,) = figure.axes
    assert [bar.get_y() + bar.get_height() / 2 for bar in axes.patches] == pytest.approx([5, 6])
    assert "entropy" not in words(figure)
    assert "linear SVM: 5 (0.08), 6 (0.07)." in alternatives.permutation_importance(report)


def test_words_have_the_largest_drops(full_report: TrainingReport) -> None:
    text = alternatives.permutation_importance(full_report)
    assert "random forest: 1 (0.40), 2 (0.20), 3 (0.13)" in text


def test_run_without_permutation_has_no_figure(full_report: TrainingReport) -> None:
    importance = full_report.metrics.features["pca"].importance.model_dump() | {"permutation": {}}
    assert permutation_importance(changed(full_report, importance=importance)) is None
