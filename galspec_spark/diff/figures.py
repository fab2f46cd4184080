"""The figures of a diff: rates by fibre, and examples of what changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.diff.contents import DiffReport, Example
from galspec_spark.diff.rates import MEASURES, Rate
from galspec_spark.report.page import FigureEntry
from galspec_spark.report.style import ACCENT, AGN, FAINT, INK, OTHER, new_figure
from galspec_spark.spectrum.grid import wavelength

#: Pixels that are drawn as one, their mean.
BLOCK = 3
#: Fibres named in the figure.
NAMED = 4


def rates_figure(report: DiffReport) -> Figure | None:
    """Draw the share of each fibre's spectra that changed, a panel a measure."""
    shown = [rate for rate in report.rates if rate.kind == "fibre" and rate.changed]
    if not shown:
        return None
    measures = [name for name in MEASURES if any(rate.measure == name for rate in shown)]
    figure = new_figure(0.5 + 1.7 * len(measures))
    panels = figure.subplots(len(measures), 1, squeeze=False, sharex=True)[:, 0]
    order = {name: at for at, name in enumerate(_fibres(report))}
    for axes, measure in zip(panels, measures, strict=True):
        _rates(axes, [r for r in report.rates if r.kind == "fibre" and r.measure == measure], order)
        axes.set_title(f"{measure}: {MEASURES[measure]}")
        axes.set_ylabel("share")
    numeric = all(name[1].isdecimal() for name in order)
    panels[-1].set_xlabel("fibre" if numeric else "fibre, in the order of their names")
    return figure


def examples_figure(report: DiffReport) -> Figure | None:
    """Draw both spectra of some pairs, a row each."""
    if not report.examples:
        return None
    figure = new_figure(0.4 + 1.75 * len(report.examples))
    panels = figure.subplots(len(report.examples), 1, squeeze=False, sharex=True)[:, 0]
    for number, (axes, example) in enumerate(zip(panels, report.examples, strict=True), 1):
        _example(axes, number, example, report)
    panels[-1].set_xlabel("Rest-frame wavelength (Å, vacuum)")
    figure.supylabel("Normalised flux", fontsize=9)
    return figure


def _fibres(report: DiffReport) -> list[tuple[str, str]]:
    """Return survey and name of all fibres, by number where names are numbers."""
    names = {(rate.survey, rate.name) for rate in report.rates if rate.kind == "fibre"}
    return sorted(names, key=lambda name: (name[0], len(name[1]), name[1]))


def _rates(axes: Axes, rates: list[Rate], order: Mapping[tuple[str, str], int]) -> None:
    numeric = len({survey for survey, _ in order}) == 1 and all(n.isdecimal() for _, n in order)

    def place(rate: Rate) -> int:
        return int(rate.name) if numeric else order[rate.survey, rate.name]

    for stands_out, ink in ((False, OTHER), (True, AGN)):
        chosen = [rate for rate in rates if rate.stands_out == stands_out]
        axes.plot(
            [place(rate) for rate in chosen],
            [rate.changed / rate.spectra for rate in chosen],
            "o", color=ink, markersize=5 if stands_out else 3.5, markeredgewidth=0,
        )  # fmt: skip
    for rate in [rate for rate in rates if rate.stands_out][:NAMED]:
        axes.annotate(
            f"fibre {rate.name}: {rate.changed} of {rate.spectra}",
            (place(rate), rate.changed / rate.spectra),
            (6, -3), textcoords="offset points", fontsize=8, color=AGN,
        )  # fmt: skip
    if rates:
        axes.axhline(rates[0].expected, color=INK, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_ylim(-0.05, 1.1)
    axes.grid(axis="y", color=FAINT, linewidth=0.4)


def _example(axes: Axes, number: int, example: Example, report: DiffReport) -> None:
    x = _blocks(wavelength())
    for flux, name, ink, width in (
        (example.old, report.releases[0], ACCENT, 1.5),
        (example.new, report.releases[1], AGN, 0.7),
    ):
        axes.plot(x, _blocks(flux), color=ink, linewidth=width, label=name)
    shown = np.concatenate([_blocks(example.old), _blocks(example.new)])
    if np.isfinite(shown).any():
        low, high = np.nanpercentile(shown, [0.3, 99.7])
        axes.set_ylim(low - 0.15 * (high - low), high + 0.15 * (high - low))
    axes.set_xlim(x[0], x[-1])
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.97), borderpad=0, ncols=2)
    row = example.row
    what = f"{row['old_class']} → {row['new_class']}" if row["kind"] == "flipped" else "changed"
    axes.set_title(f"{number}  {row['key']}: {what} ({', '.join(row['causes'])})", fontsize=8.5)


def _blocks(values: np.ndarray) -> np.ndarray:
    """Return means of `BLOCK` pixels; NaN where all of them are gaps."""
    whole = values[: len(values) // BLOCK * BLOCK].reshape(-1, BLOCK)
    good = np.isfinite(whole)
    total = np.where(good, whole, 0).sum(axis=1)
    return np.where(good.any(axis=1), total / np.maximum(good.sum(axis=1), 1), np.nan)


def _rates_alternative(report: DiffReport) -> str:
    fibres = [rate for rate in report.standing_out if rate.kind == "fibre"]
    named = ", ".join(f"{r.name} ({r.measure}, {r.changed} of {r.spectra})" for r in fibres[:NAMED])
    return f"Shares of changed spectra by fibre. These stand out: {named or 'none'}."


def _examples_alternative(report: DiffReport) -> str:
    keys = ", ".join(str(example.row["key"]) for example in report.examples)
    return f"Old and new spectra, one above the other, of {keys}."


FIGURES: dict[str, FigureEntry[DiffReport]] = {
    "rates": FigureEntry(
        rates_figure,
        _rates_alternative,
        "Share of the spectra of each fibre that changed, a dot a fibre; red ones stand out. The "
        "dashed line is the share of all of the survey.",
    ),
    "examples": FigureEntry(
        examples_figure,
        _examples_alternative,
        "Spectra of the old release (wide line) and the new one (narrow line), means of three "
        "pixels. Flips come first, those with the largest step of the probability before others; "
        "at most two of each cause are shown.",
    ),
}
