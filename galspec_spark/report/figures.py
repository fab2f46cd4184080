"""The figures of the report: how each is drawn, what it shows, and how to read it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from galspec_spark.report.contents import (
    TrainingReport,
    best_result,
    classifiers,
    count,
    decimals,
    duration,
    integer,
    losses,
    ordered_results,
    title,
)
from galspec_spark.report.flow import flow
from galspec_spark.report.importance import component_importance, wavelength_importance
from galspec_spark.report.performance import confusion_matrices, curves, stage_times
from galspec_spark.report.spectra import SHOWN, class_means, eigenspectra, explained_variance
from galspec_spark.report.style import style


@dataclass(frozen=True)
class FigureEntry:
    """One figure of the report."""

    draw: Callable[[TrainingReport], Figure | None]  #: None where the run has nothing to show
    alt: Callable[[TrainingReport], str]  #: what it shows, for those who cannot see it
    caption: str  #: how to read it


def draw(entry: FigureEntry, report: TrainingReport) -> bytes | None:
    """Return a figure as PNG; None where the run has nothing to show."""
    with style():
        figure = entry.draw(report)
        if figure is None:
            return None
        content = io.BytesIO()
        figure.savefig(content, format="png")
        return content.getvalue()


def _flow_alt(report: TrainingReport) -> str:
    def number(name: str) -> str:
        return integer(count(report.metrics, name))

    best = best_result(report.metrics) or {}
    return (
        f"Six steps from left to right: {number('files')} files, {number('spectra')} spectra, "
        f"{number('labelled')} labelled galaxies in the rest frame, "
        f"{len(report.components)} components, {len(classifiers(report.metrics))} classifiers, and "
        f"the result: weighted F1 {decimals(best.get('f1'), 3)}, F1 of the AGN class "
        f"{decimals(best.get('agn_f1'), 3)}. Below, what was left out "
        f"({integer(sum(losses(report.metrics).values()))} in all) and the split into "
        f"{number('train')} for training and {number('test')} for the test."
    )


def _curves_alt(report: TrainingReport) -> str:
    areas = "; ".join(
        f"{title(result['classifier'])}, {result['features']}: {decimals(result.get('roc_auc'), 3)}"
        f" and {decimals(result.get('pr_auc'), 3)}"
        for result in ordered_results(report.metrics)
    )
    return f"ROC curves and precision-recall curves. Areas under the two: {areas}."


def _confusion_alt(report: TrainingReport) -> str:
    cells = []
    for result in ordered_results(report.metrics):
        if result.get("confusion") is not None:
            (_, wrong), (missed, found) = result["confusion"]
            cells.append(
                f"{title(result['classifier'])}, {result['features']}: {found:,.0f} AGN found, "
                f"{missed:,.0f} missed, {wrong:,.0f} others called AGN"
            )
    return f"Confusion matrices. {'; '.join(cells)}."


def _component_alt(report: TrainingReport) -> str:
    best = (report.metrics.get("importance") or {}).get("best") or []
    kept = ", ".join(str(index + 1) for index in best)
    return f"Bars of the importance of each component. Kept, most important first: {kept}."


def _wavelength_alt(report: TrainingReport) -> str:
    peaks = [
        f"{title(name)}: {report.wavelength[share.argmax()]:.0f} Å"
        for name, share in report.wavelength_importance.items()
    ]
    return f"Importance against wavelength under the mean spectrum. Peaks: {', '.join(peaks)}."


def _eigenspectra_alt(report: TrainingReport) -> str:
    shown = min(SHOWN, len(report.components))
    return f"The mean spectrum and below it the first {shown} eigenspectra, with lines marked."


def _variance_alt(report: TrainingReport) -> str:
    ratios = report.metrics.get("explained_variance") or [0.0]
    return (
        f"Explained variance added up: {ratios[0]:.1%} with one component, {sum(ratios):.1%} with "
        f"all {len(ratios)}."
    )


def _means_alt(report: TrainingReport) -> str:
    return (
        f"Mean spectra of the classes {' and '.join(sorted(report.class_means))}, their "
        "difference, and both in a window around H beta and one around H alpha."
    )


def _times_alt(report: TrainingReport) -> str:
    seconds = report.metrics.get("seconds") or {}
    stages = ", ".join(f"{title(name)} {duration(value)}" for name, value in seconds.items())
    return f"Bars of the time that each stage took: {stages}."


#: By file name, in the order of the report.
FIGURES: dict[str, FigureEntry] = {
    "flow": FigureEntry(
        flow,
        _flow_alt,
        "From files to result, with this run's own counts and times. The small drawings are made "
        "of this run's spectra and scores. Below: what was left out on the way, and how the "
        "labelled galaxies were split (AGN in crimson).",
    ),
    "curves": FigureEntry(
        curves,
        _curves_alt,
        "Each curve shows what a classifier could do at any threshold, and its dot what it does at "
        "its own; hollow dots and dashes are the best components alone. With few AGN the right "
        "panel tells more than the left. Dotted: a classifier that knows nothing.",
    ),
    "confusion_matrices": FigureEntry(
        confusion_matrices,
        _confusion_alt,
        "Test split. Percentages and shades are shares of the row, that is of the true class; "
        "below each percentage the number of spectra. The lower right cell is the recall of the "
        "AGN class.",
    ),
    "component_importance": FigureEntry(
        component_importance,
        _component_alt,
        "How much each component contributes to the random forest's splits, as the share of the "
        "entropy that its splits remove. The components kept by the elimination are in colour, "
        "with their rank. Components are numbered by explained variance, from 1: what varies most "
        "between galaxies need not be what tells AGN from the others.",
    ),
    "wavelength_importance": FigureEntry(
        wavelength_importance,
        _wavelength_alt,
        "The importance of the components, mapped back through the eigenspectra to wavelength, as "
        "a multiple of the average pixel's (dashed; square-root scale). Peaks are what the "
        "classifier looks at. AGN are labelled by four lines: Hβ, [O III]5007, Hα and "
        "[N II]6583.",
    ),
    "eigenspectra": FigureEntry(
        eigenspectra,
        _eigenspectra_alt,
        "Mean spectrum of the training split and the first eigenspectra, each on its own scale, "
        "with the share of the variance that it explains. The sign of an eigenspectrum has no "
        "meaning; the grey line is zero.",
    ),
    "explained_variance": FigureEntry(
        explained_variance,
        _variance_alt,
        "Share of the training spectra's variance that each component explains, and the sum up "
        "to it. What is missing to 100 % is mostly noise.",
    ),
    "class_means": FigureEntry(
        class_means,
        _means_alt,
        "Top: mean spectrum of each class in the training split, in the flux unit of the "
        "features. Middle: AGN less other. Bottom: the same means around the lines that make the "
        "label.",
    ),
    "stage_times": FigureEntry(
        stage_times,
        _times_alt,
        "Wall-clock seconds of each stage of this run, and their share of the whole.",
    ),
}
