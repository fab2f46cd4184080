"""The run as a flow from files to result, with its own counts and times (the paper's Figure 1)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.report import flow_pictures
from galspec_spark.report.contents import (
    TrainingReport,
    classifiers,
    losses,
    marked_text,
    shown_kind,
    shown_record,
    title,
)
from galspec_spark.report.style import ACCENT, AGN, FAINT, MUTED, OTHER, PANEL, WIDTH
from galspec_spark.report.text import decimals, duration, integer

HEIGHT = 5.55  # inches, as all lengths here
LEFT, CARD, GAP = 0.08, 1.47, 0.204  # six cards and five gaps fill the width
CARD_BOTTOM, CARD_TOP = 2.2, 5.47
PANEL_BOTTOM, PANEL_TOP = 0.08, 1.92

#: Reasons with their own bar; the rest are summed.
REASONS_SHOWN = 5


@dataclass(frozen=True)
class _Card:
    name: str
    figures: tuple[tuple[str, str], ...]  # large number and its name
    details: tuple[str, ...]
    stages: tuple[str, ...]  # stages whose seconds the card shows
    picture: Callable[[Axes, TrainingReport], None]


def flow(report: TrainingReport) -> Figure:
    """Draw the flow of a run: six steps, what was left out, and how the rest was split."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.set_xlim(0, WIDTH)
    canvas.set_ylim(0, HEIGHT)
    canvas.axis("off")
    for index, card in enumerate(_cards(report)):
        _draw_card(figure, canvas, LEFT + index * (CARD + GAP), card, report)
        if index:
            _chevron(canvas, LEFT + index * (CARD + GAP) - GAP / 2)
    _draw_left_out(canvas, report.metrics)
    _draw_split(canvas, report.metrics)
    return figure


def _cards(report: TrainingReport) -> list[_Card]:
    metrics, grid = report.metrics, report.wavelength
    counts, best, shown = metrics.counts, metrics.best_result, shown_record(metrics)
    variance = shown.explained_variance
    others = [title(kind) for kind in metrics.features if kind != shown_kind(metrics)]
    kept = len(shown.importance.best or ())
    names = classifiers(metrics)
    return [
        _Card(
            "Files",
            ((integer(counts.files), "FITS files"),),
            tuple(textwrap.wrap(metrics.data, 21, max_lines=3, placeholder=" …")),
            ("simulate",),
            flow_pictures.files,
        ),
        _Card(
            "Spectra",
            ((integer(counts.spectra), "spectra"),),
            ("flux, inverse variance,", "masks, redshift, class"),
            ("ingest",),
            flow_pictures.observed,
        ),
        _Card(
            "Rest frame",
            ((integer(counts.labelled), "labelled galaxies"),),
            (
                f"of {counts.selected:,} selected,",
                f"{counts.objects:,} objects,",
                f"{grid[0]:.0f} to {grid[-1]:.0f} Å,",
                f"{grid.size:,} pixels",
            ),
            ("preprocess",),
            flow_pictures.classes,
        ),
        _Card(
            "Features",
            ((integer(len(shown.names)), title(shown_kind(metrics))),),
            (
                *((f"{sum(variance):.1%} of the variance",) if variance else ()),
                *(line for other in others for line in textwrap.wrap(f"and {other}", 22)),
                "fitted on training only",
            ),
            ("measure", "features"),
            flow_pictures.basis,
        ),
        _Card(
            "Classifiers",
            ((str(len(names)), "tuned and compared"),),
            (*(title(name) for name in names), *((f"again on the best {kept}",) if kept else ())),
            ("all features", "elimination", "evaluation"),
            flow_pictures.importance,
        ),
        _Card(
            "Result",
            (
                (decimals(best.agn_f1, 3), "F1 of the AGN class"),
                (decimals(best.f1, 3), "weighted F1"),
            ),
            (title(best.classifier), *textwrap.wrap(marked_text(report.metrics, best), 22)),
            (),
            flow_pictures.result,
        ),
    ]


def _draw_card(
    figure: Figure, canvas: Axes, left: float, card: _Card, report: TrainingReport
) -> None:
    _rounded(canvas, left, CARD_BOTTOM, CARD, CARD_TOP - CARD_BOTTOM, "white", FAINT)
    _rounded(canvas, left + 0.07, CARD_TOP - 1.22, CARD - 0.14, 0.82, PANEL, PANEL)
    inner = left + 0.12
    canvas.text(inner, CARD_TOP - 0.23, card.name, va="center", fontsize=10.5, fontweight="bold")
    picture = figure.add_axes(
        (
            (left + 0.14) / WIDTH,
            (CARD_TOP - 1.17) / HEIGHT,
            (CARD - 0.28) / WIDTH,
            0.72 / HEIGHT,
        )
    )
    picture.axis("off")
    card.picture(picture, report)
    height = CARD_TOP - 1.53
    for value, unit in card.figures:
        size = 19 if len(value) < 8 else 14
        ink = AGN if "AGN" in unit else ACCENT
        canvas.text(inner, height, value, va="center", fontsize=size, fontweight="bold", color=ink)
        canvas.text(inner, height - 0.25, unit, va="center", fontsize=8.5)
        height -= 0.62
    height += 0.62 - 0.5
    for line in card.details[:5]:
        canvas.text(inner, height, line, va="center", fontsize=7.8, color=MUTED)
        height -= 0.175
    seconds = report.metrics.seconds
    spent = [seconds[stage] for stage in card.stages if stage in seconds]
    if spent:
        canvas.plot([left, left + CARD], [CARD_BOTTOM + 0.36] * 2, color=FAINT, linewidth=0.7)
        verb = "simulated in" if card.stages == ("simulate",) else "took"
        canvas.text(inner, CARD_BOTTOM + 0.18, verb, va="center", fontsize=7.8, color=MUTED)
        canvas.text(
            left + CARD - 0.12,
            CARD_BOTTOM + 0.18,
            duration(sum(spent)),
            va="center",
            ha="right",
            fontsize=8.5,
            fontweight="bold",
        )


def _draw_left_out(canvas: Axes, metrics: Metrics) -> None:
    """Draw the panel under the first three cards: reasons with bars and counts."""
    left, width = LEFT, 3 * CARD + 2 * GAP
    _panel(canvas, left, width, "Left out, and why")
    found = losses(metrics)
    rows = list(found.items())[:REASONS_SHOWN]
    if len(found) > len(rows):
        rest = list(found.items())[REASONS_SHOWN - 1 :]
        rows = [*rows[:-1], (f"{len(rest)} other reasons", sum(n for _, n in rest))]
    if not rows:
        canvas.text(left + 0.14, PANEL_TOP - 0.58, "nothing was left out", color=MUTED)
    spectra, labelled = metrics.counts.spectra, metrics.counts.labelled
    _note(canvas, left, f"{labelled:,} of {spectra:,} spectra are used, {labelled / spectra:.1%}.")
    most = max((n for _, n in rows), default=1)
    for place, (reason, n) in enumerate(rows):
        middle = PANEL_TOP - 0.52 - place * 0.215
        label = textwrap.shorten(reason.replace("_", " "), 36, placeholder=" …")
        canvas.text(left + 0.14, middle, label, va="center", fontsize=8.2)
        start, full = left + 2.55, width - 2.55 - 0.95
        canvas.add_patch(Rectangle((start, middle - 0.065), full * n / most, 0.13, color=MUTED))
        amount = f"{n:,} ({n / spectra:.1%})"
        canvas.text(start + full * n / most + 0.07, middle, amount, va="center", fontsize=8.2)


def _draw_split(canvas: Axes, metrics: Metrics) -> None:
    """Draw the panel under the last three cards: training and test split with their AGN."""
    left, width = LEFT + 3 * (CARD + GAP), 3 * CARD + 2 * GAP
    _panel(canvas, left, width, "Split by object")
    counts = metrics.counts
    start, full = left + 0.78, width - 0.78 - 0.2
    for name, n, agn, middle in (
        ("train", counts.train, counts.train_agn, PANEL_TOP - 0.6),
        ("test", counts.test, counts.test_agn, PANEL_TOP - 1.04),
    ):
        length = full * n / max(counts.train, counts.test)
        canvas.text(left + 0.14, middle, name, va="center", fontweight="bold")
        canvas.add_patch(Rectangle((start, middle - 0.1), length, 0.2, color=OTHER))
        canvas.add_patch(Rectangle((start, middle - 0.1), length * agn / n, 0.2, color=AGN))
        canvas.text(
            start,
            middle - 0.2,
            f"{n:,} spectra, of them {agn:,} AGN ({agn / n:.1%})",
            va="center",
            fontsize=8.2,
        )
    _note(
        canvas,
        left,
        f"Settings chosen by cross-validation over {counts.folds} folds of the training split.",
    )


def _panel(canvas: Axes, left: float, width: float, name: str) -> None:
    _rounded(canvas, left, PANEL_BOTTOM, width, PANEL_TOP - PANEL_BOTTOM, PANEL, PANEL)
    canvas.text(left + 0.14, PANEL_TOP - 0.22, name, va="center", fontsize=9.5, fontweight="bold")
    for index in range(3):
        middle = left + CARD / 2 + index * (CARD + GAP)
        canvas.plot([middle] * 2, [PANEL_TOP, CARD_BOTTOM], color=FAINT, linewidth=1.4, zorder=0)


def _note(canvas: Axes, left: float, text: str) -> None:
    canvas.text(left + 0.14, PANEL_BOTTOM + 0.2, text, va="center", fontsize=8.2, color=MUTED)


def _rounded(
    canvas: Axes, left: float, bottom: float, width: float, height: float, face: str, edge: str
) -> None:
    box = "round,pad=0,rounding_size=0.08"
    canvas.add_patch(
        FancyBboxPatch(
            (left, bottom), width, height, boxstyle=box, facecolor=face, edgecolor=edge, linewidth=1
        )
    )


def _chevron(canvas: Axes, middle: float) -> None:
    centre, half = (CARD_BOTTOM + CARD_TOP) / 2, 0.09
    corners = [
        (middle - 0.05, centre + half),
        (middle + 0.06, centre),
        (middle - 0.05, centre - half),
    ]
    canvas.add_patch(Polygon(corners, closed=True, color=ACCENT))
