"""What the figures draw."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Annotation, Text

from galspec_spark.report import performance
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.flow import flow
from galspec_spark.report.importance import (
    feature_importance,
    line_pixels,
    wavelength_importance,
)
from galspec_spark.report.spectra import class_means, eigenspectra
from galspec_spark.report.style import ACCENT, spread, style
from galspec_spark.spectrum.lines import LINES
from tests.report.reading import changed, words


@pytest.mark.parametrize("draw", [eigenspectra, class_means, wavelength_importance])
def test_names_of_lines_are_complete_and_never_overlap(draw, full_report: TrainingReport) -> None:
    with style():
        figure = draw(full_report)
        figure.draw_without_rendering()
        names = [
            text
            for text in figure.axes[0].texts
            if isinstance(text, Annotation) and text.get_rotation() == 90
        ]
        boxes = [Text.get_window_extent(name) for name in names]
    assert {line.label for line in LINES} <= {name.get_text() for name in names}
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for name, line in ((name, line) for name in names for line in LINES):
        if name.get_text() == line.label:
            assert name.xy[0] == line.wavelength


def test_spread_keeps_what_is_far_apart_and_centres_what_is_close() -> None:
    positions = np.array([0.0, 10.0, 10.5, 11.0, 30.0])
    places = spread(positions, 2.0)
    assert places == pytest.approx([0.0, 8.5, 10.5, 12.5, 30.0])
    assert np.diff(places).min() >= 2.0 - 1e-9


def test_kept_components_are_coloured_and_ranked(full_report: TrainingReport) -> None:
    figure = feature_importance(full_report)
    assert figure is not None
    axes: Axes = figure.axes[0]
    best = list(full_report.metrics.features["pca"].importance.best or ())
    coloured = {
        round(bar.get_x() + bar.get_width() / 2) - 1
        for bar in axes.patches
        if to_hex(bar.get_facecolor()) == ACCENT
    }
    assert coloured == set(best)
    ranks = {text.get_text(): round(text.xy[0]) - 1 for text in axes.texts[: len(best)]}
    assert [ranks[str(place)] for place in range(1, len(best) + 1)] == best


def test_share_of_importance_at_the_lines_is_told(full_report: TrainingReport) -> None:
    inside = line_pixels(full_report.wavelength)
    assert inside[np.abs(full_report.wavelength - 5008.24).argmin()]
    assert not inside[np.abs(full_report.wavelength - 5500.0).argmin()]
    all_at_lines = np.where(inside, 1.0 / inside.sum(), 0.0)
    report = dataclasses.replace(full_report, wavelength_importance={"linear_svc": all_at_lines})
    figure = wavelength_importance(report)
    assert figure is not None
    assert "100% of it within 500 km/s" in figure.axes[1].get_title(loc="right")


def test_strongest_peaks_have_the_names_of_their_lines(full_report: TrainingReport) -> None:
    with style():
        figure = wavelength_importance(full_report)
        assert figure is not None
        figure.draw_without_rendering()
        for axes in figure.axes[1:]:
            names = [text for text in axes.texts if not isinstance(text, Annotation)]
            assert [name.get_text() for name in names] == ["[O III]5007", "5500 Å", "Hα + [N II]"]
            boxes = [name.get_window_extent() for name in names]
            assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
            assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)
            leaders = [text.xy for text in axes.texts if isinstance(text, Annotation)]
            assert sorted(x for x, _ in leaders) == [5008.4, 5500.0, 6564.5, 6585.7]
            relative = axes.lines[0].get_ydata()
            pixel = np.abs(full_report.wavelength - 6564.5).argmin()
            height = next(y for x, y in leaders if x == 6564.5)
            assert relative[pixel] <= height <= relative.max()
    alt = FIGURES["wavelength_importance"].alt(full_report)
    assert "random forest: Hα + [N II], [O III]5007, 5500 Å" in alt


def test_peaks_at_the_ends_are_named_within_the_axes(full_report: TrainingReport) -> None:
    peaks = [
        {"wavelength": wavelength, "importance": 0.1, "line": line, "distance": 1.0}
        for wavelength, line in ((3727.0, "[O II]"), (6718.0, "[S II]"), (6564.0, "Hα + [N II]"))
    ]
    importance = full_report.metrics.features["pca"].importance.model_dump() | {
        "peaks": {"linear_svc": peaks}
    }
    with style():
        figure = wavelength_importance(changed(full_report, importance=importance))
        assert figure is not None
        figure.draw_without_rendering()
        axes = figure.axes[2]
        boxes = [
            text.get_window_extent() for text in axes.texts if not isinstance(text, Annotation)
        ]
    assert len(boxes) == 3
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)
    assert not figure.axes[1].texts  # a classifier whose peaks are not known


def test_curves_have_areas_base_rate_and_decisions(full_report: TrainingReport) -> None:
    figure = performance.curves(full_report)
    assert figure is not None
    _, precision_recall, key = figure.axes
    assert len(key.get_legend().get_texts()) == 7
    assert "chance: 20 of 126\n(15.9%) are AGN" in words(figure)
    dots = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in precision_recall.lines
        if len(line.get_xdata()) == 1
    }
    shown = [r for r in full_report.metrics.results if r.kind == "pca"]
    expected = {(r.agn_recall, r.agn_precision) for r in shown}
    assert dots == expected


def test_a_curve_of_one_kind_only_is_drawn_alone(full_report: TrainingReport) -> None:
    name = "pca/random_forest/all 20"
    report = dataclasses.replace(
        full_report, curves={name: {"roc": full_report.curves[name]["roc"]}}
    )
    figure = performance.curves(report)
    assert figure is not None
    curved = [sum(len(line.get_xdata()) > 2 for line in axes.lines) for axes in figure.axes[:2]]
    assert curved == [1, 0]


def test_confusion_shows_counts_and_shares_of_the_true_class(full_report: TrainingReport) -> None:
    figure = performance.confusion_matrices(full_report)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["94.3%", "100", "5.7%", "6", "30.0%", "6", "70.0%", "14"]
    assert sum(axes.get_visible() for axes in figure.axes) == 6


def test_flow_shows_the_counts_times_and_losses_of_the_run(full_report: TrainingReport) -> None:
    shown = words(flow(full_report))
    for expected in (
        "700 | FITS files",
        "696 | spectra",
        "632 | labelled galaxies",
        "6.4 s",
        "zwarning",
        "31 (4.5%)",
        "506 spectra, of them 82 AGN (16.2%)",
        "126 spectra, of them 20 AGN (15.9%)",
    ):
        assert expected in shown


def test_flow_sums_the_reasons_it_has_no_room_for(full_report: TrainingReport) -> None:
    left_out = {f"reason {n}": 100 - n for n in range(10)}
    shown = words(flow(changed(full_report, left_out=left_out)))
    assert "reason 3" in shown
    assert "reason 4" not in shown
    rest = sum(100 - n for n in range(4, 10)) + 8 + 4  # and the unlabelled, the unreadable
    assert "8 other reasons" in shown
    assert f"{rest} (" in shown
