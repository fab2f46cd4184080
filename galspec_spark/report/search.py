"""The figure of the search: every point tried, its score and its time."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from galspec_spark.ml.evaluation.metrics import Setting, TrialScores
from galspec_spark.report.contents import (
    FloatArray,
    TrainingReport,
    chosen_trial,
    feature_sets,
    searched,
    title,
)
from galspec_spark.report.style import INK, Look, colour, dot, new_figure


@dataclass(frozen=True)
class _Row:
    """A row of the figure, and the value of each trial in it."""

    label: str
    value: Callable[[TrialScores], float | None]
    height: float  #: share of the figure's height


ROWS = (
    _Row("Weighted F1", lambda trial: trial.f1, 1.0),
    _Row("F1 of the AGN class", lambda trial: trial.agn_f1, 1.0),
    _Row("Seconds of its fits", lambda trial: trial.seconds, 0.75),
)
MARKERS = {"grid": "o", "random": "D"}
ORIGINS = {"grid": "of the grid", "random": "drawn at random"}
RING: Look = {"marker": "o", "markersize": 11, "color": INK, "markerfacecolor": "none"}
#: Settings that span more than this factor get a log axis.
LOG_SPAN = 20.0
#: At most this many values of a setting have a tick each.
FEW_VALUES = 6

Trials = Sequence[TrialScores]


@dataclass(frozen=True)
class _Places:
    """Positions of a classifier's trials along x."""

    name: str  #: of the axis
    values: dict[str, FloatArray]  #: by set of features, for each trial
    by_value: bool  #: whether by the value of a setting; else by rank
    zero: float | None = None  #: position of the setting 0 on a log axis


def search(report: TrainingReport) -> Figure | None:
    """Draw the scores and the time of every trial against its setting, a column per classifier.

    The points of a grid are joined. If several settings vary, the trials are in the order of their
    weighted F1.
    """
    found = searched(report.metrics)
    if not found:
        return None
    figure = new_figure(6.4)
    grid = figure.subplots(
        len(ROWS),
        max(3, len(found)),
        sharex="col",
        sharey="row",
        squeeze=False,
        height_ratios=[row.height for row in ROWS],
    )
    for axes in grid[:, len(found) :].flat:
        axes.set_visible(False)
    for column, (name, of_sets) in zip(grid.T, found.items(), strict=False):
        places = _places(of_sets)
        for axes, row in zip(column, ROWS, strict=True):
            for features, trials in of_sets.items():
                _draw_trials(axes, row, name, features, trials, places)
        column[0].set_title(title(name), color=colour(name))
        _setting_axis(column[-1], places)
    for axes, row in zip(grid[:, 0], ROWS, strict=True):
        axes.set_ylabel(row.label)
        axes.margins(y=0.14)  # for the rings
    grid[-1, 0].set_yscale("log")
    grid[-1, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    grid[-1, 0].yaxis.set_major_formatter("{x:g}")
    grid[-1, 0].yaxis.set_minor_locator(NullLocator())
    figure.align_ylabels(grid[:, 0])
    _key(figure, feature_sets(report.metrics))
    return figure


def _places(of_sets: Mapping[str, Trials]) -> _Places:
    names = _varied(of_sets)
    if len(names) == 1:
        (name,) = names
        values = {
            features: [trial.settings.get(name) for trial in trials]
            for features, trials in of_sets.items()
        }
        if all(_is_number(value) for each in values.values() for value in each):
            return _by_value(
                name, {features: np.array(each, float) for features, each in values.items()}
            )
    label = "\n".join(textwrap.wrap(f"rank (varied: {', '.join(names)})", 40))
    return _Places(label, {features: _ranks(trials) for features, trials in of_sets.items()}, False)


def _varied(of_sets: Mapping[str, Trials]) -> list[str]:
    """Return the settings that differ between trials of a set; the first of a single trial."""
    searches = [[trial.settings for trial in trials] for trials in of_sets.values()]
    names = list(dict.fromkeys(name for trials in searches for trial in trials for name in trial))
    varied = [
        name
        for name in names
        if any(len({str(trial.get(name)) for trial in trials}) > 1 for trials in searches)
    ]
    return varied or names[:1]


def _by_value(name: str, values: dict[str, FloatArray]) -> _Places:
    all_values = np.concatenate(list(values.values()))
    positive = all_values[all_values > 0]
    if all_values.min() < 0 or not positive.size or positive.max() <= LOG_SPAN * positive.min():
        return _Places(name, values, True)
    zero = positive.min() / 10
    on_axis = {features: np.where(each == 0, zero, each) for features, each in values.items()}
    return _Places(name, on_axis, True, zero)


def _ranks(trials: Trials) -> FloatArray:
    """Return ranks by weighted F1, 1 for the best; of equals the first."""
    order = np.argsort([-trial.f1 for trial in trials], kind="stable")
    ranks = np.empty(len(trials))
    ranks[order] = np.arange(1, len(trials) + 1)
    return ranks


def _is_number(value: Setting | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _draw_trials(
    axes: Axes, row: _Row, classifier: str, features: str, trials: Trials, places: _Places
) -> None:
    x = places.values[features]
    y = np.array([row.value(trial) for trial in trials], np.float64)  # NaN where undefined
    origin = np.array([trial.origin for trial in trials])
    joined = np.flatnonzero(origin == "grid") if places.by_value else np.arange(len(x))
    joined = joined[np.argsort(x[joined], kind="stable")]
    axes.plot(x[joined], y[joined], color=colour(classifier), linewidth=0.8, alpha=0.5)
    for name, marker in MARKERS.items():
        is_drawn = origin == name
        axes.plot(
            x[is_drawn], y[is_drawn], linestyle="", **dot(classifier, features, marker, 5), zorder=3
        )
    best = trials.index(chosen_trial(trials))
    axes.plot(x[best], y[best], **RING, zorder=4)


def _setting_axis(axes: Axes, places: _Places) -> None:
    axes.set_xlabel(places.name)
    all_values = np.concatenate(list(places.values.values()))
    if places.zero is None:
        axes.margins(x=0.08)
        if len(set(all_values)) <= FEW_VALUES:
            axes.set_xticks(sorted(set(all_values)))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=bool((all_values % 1 == 0).all())))
        axes.xaxis.set_major_formatter("{x:g}")
        return
    axes.set_xscale("log")
    low, high = all_values.min(), all_values.max()
    axes.set_xlim(low / 2.5, high * 2.5)
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = {at: f"{at:g}" for at in decades if low / 2.5 <= at <= high * 2.5}
    if places.zero in all_values:
        ticks = {places.zero: "0", **{at: text for at, text in ticks.items() if at > 2 * low}}
    axes.set_xticks(list(ticks), ticks.values(), rotation=35, ha="right", rotation_mode="anchor")
    axes.xaxis.set_minor_locator(NullLocator())


def _key(figure: Figure, names: Sequence[str]) -> None:
    """Explain the marks in the figure's foot: full or hollow, round or not, ringed."""
    look = {
        (origin, features): Line2D([], [], linestyle="", **dot("", features, marker))
        for origin, marker in MARKERS.items()
        for features in names
    }
    ring = Line2D([], [], linestyle="", **RING)
    handles: dict[str, Any] = {
        **{
            f"{features} features": tuple(look[origin, features] for origin in MARKERS)
            for features in names
        },
        **{ORIGINS[origin]: tuple(look[origin, each] for each in names) for origin in MARKERS},
        "chosen": ring,
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=len(handles),
        handler_map={tuple: HandlerTuple(ndivide=None)},
    )
