"""Table 1: this run's scores; the paper's, of other data, apart."""

from __future__ import annotations

from collections.abc import Sequence

from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.report.contents import all_results, commonest, marked_text, seen_note, title
from galspec_spark.report.headline import agn_counts, by_construction
from galspec_spark.report.origin import Simulated
from galspec_spark.report.paper import paper_rows
from galspec_spark.report.text import decimals, interval, share_of

#: The first columns of each table, and those of the AGN class.
FIRST = ("classifier", "features")
OF_AGN = ("F1", "95 % interval of F1", "found", "wrong", "missed", "precision", "recall")
#: The rule of three (Hanley and Lippman-Hand 1983, JAMA 249, 1743).
PERFECT = (
    "Of a perfect score they have no width, which is no certainty: n AGN of which none was missed "
    "still allow that 3 / n of all are missed (95 %)."
)
MCC_OF_FOLDS = "MCC, cross-validated"


def table1(metrics: Metrics) -> str:
    """Return Table 1 as Markdown.

    Returns
    -------
    str
        The scores of the AGN class with its counts; the class-weighted averages, and the scores of
        each class where there are more than two; the scores that weigh all classes alike; those of
        the AGN class at the chosen threshold; the score of calling everything "other", or the
        commonest class; the paper's own figures, apart and not beside simulated data; and how to
        read them.
    """
    results = all_results(metrics)
    both = alike(metrics).capitalize()
    simulated = Simulated(metrics.counts.simulated, metrics.counts.spectra)
    everything = _row(f"everything “{commonest(metrics)}”", *"–––", metrics.majority_f1, "–", None)
    parts = (
        f"# {simulated.titled('Table 1')}",
        simulated.note,
        _split(metrics),
        _section(
            "The AGN class itself",
            (*OF_AGN, "F1, cross-validated"),
            [_agn_row(metrics, result) for result in results],
        ),
        by_construction(metrics),
        _section(
            "Class-weighted averages",
            ("precision", "recall", "F1", "95 % interval of F1", "F1, cross-validated"),
            [*(_weighted_row(metrics, result) for result in results), everything],
        ),
        _each_class(metrics, results),
        _section(
            f"{both} classes alike",
            ("balanced accuracy", "its 95 % interval", "MCC", "its 95 % interval", MCC_OF_FOLDS),
            [_balanced_row(metrics, result) for result in results],
        ),
        _section(
            "The AGN class at the chosen threshold",
            ("probability", *OF_AGN, "F1, expected", "MCC"),
            [_threshold_row(metrics, result) for result in results],
        ),
        _paper(metrics),
        seen_note(metrics),
        intervals_note(metrics),
        reading(metrics),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def alike(metrics: Metrics) -> str:
    """Return "both" or "all": how many classes there are."""
    return "both" if len(metrics.classes) == 2 else "all"


def intervals_note(metrics: Metrics) -> str:
    """Return the text that says where intervals and thresholds come from."""
    return (
        f"Intervals are by a bootstrap over the objects of the test split. {PERFECT} MCC is the "
        "correlation of prediction and label (Matthews); it and the balanced accuracy treat "
        f"{alike(metrics)} classes alike. The threshold on the calibrated probability, and what to "
        "expect of it, come from the held-out folds of the training split; the other scores are of "
        "each classifier’s own threshold."
    )


def reading(metrics: Metrics) -> str:
    """Return the text that says what the weighted average hides."""
    name = commonest(metrics)
    other = share_of(metrics.best_result.by_class[name].spectra, metrics.counts.test)
    return (
        f"The weighted average is dominated by the majority class, “{name}” "
        f"with {other} test spectra: calling every galaxy “{name}” finds no AGN at all and "
        f"still scores a weighted F1 of {decimals(metrics.majority_f1)}. The F1 of the AGN class "
        "itself is the one to judge by."
    )


def _split(metrics: Metrics) -> str:
    counts = metrics.counts
    return (
        f"Trained on {counts.train:,} ({counts.train_agn:,} AGN) spectra, tested on "
        f"{counts.test:,} ({counts.test_agn:,} AGN); cross-validated over {counts.folds} folds of "
        "the training split. No object is in two splits or folds."
    )


def _paper(metrics: Metrics) -> str:
    """Return the paper's figures as a section of their own; empty beside simulated data."""
    rows = [
        _row(title(classifier), features, scores.precision, scores.recall, scores.f1)
        for classifier, features, scores in paper_rows(metrics)
    ]
    if not rows:
        return ""
    return _section(
        "The paper's own figures, of other data",
        ("precision", "recall", "F1"),
        rows,
        "Class-weighted averages on 10,000 galaxies of SDSS DR14 that the paper chose. This run's "
        "galaxies are others, so a difference is one of data as much as of method.",
    )


def _weighted_row(metrics: Metrics, result: Result) -> list[str]:
    return _row(
        *_first(metrics, result),
        result.precision,
        result.recall,
        result.f1,
        interval(result.intervals.f1, 3),
        result.cv_f1,
    )


def _agn_row(metrics: Metrics, result: Result) -> list[str]:
    return _row(
        *_first(metrics, result),
        result.agn_f1,
        interval(result.intervals.agn_f1),
        *_counts(result.confusion),
        result.agn_precision,
        result.agn_recall,
        result.cv_agn_f1,
    )


def _each_class(metrics: Metrics, results: Sequence[Result]) -> str:
    """Return the scores of every class as a section; empty where the others have told all."""
    if len(metrics.classes) == 2:
        return ""
    rows = [
        _row(
            *_first(metrics, result),
            name,
            f"{each.spectra:,}",
            each.precision,
            each.recall,
            each.f1,
            interval(each.f1_interval),
        )
        for result in results
        for name, each in result.by_class.items()
    ]
    header = ("class", "spectra", "precision", "recall", "F1", "95 % interval of F1")
    return _section("Each class", header, rows)


def _balanced_row(metrics: Metrics, result: Result) -> list[str]:
    return _row(
        *_first(metrics, result),
        result.balanced_accuracy,
        interval(result.intervals.balanced_accuracy),
        result.mcc,
        interval(result.intervals.mcc),
        result.cv_mcc,
    )


def _threshold_row(metrics: Metrics, result: Result) -> list[str]:
    threshold = result.threshold
    return _row(
        *_first(metrics, result),
        threshold.probability,
        threshold.test.agn_f1,
        interval(threshold.intervals.agn_f1),
        *_counts(threshold.confusion),
        threshold.test.agn_precision,
        threshold.test.agn_recall,
        threshold.f1,
        threshold.test.mcc,
    )


def _counts(confusion: tuple[tuple[int, ...], ...]) -> tuple[str, str, str]:
    """Return how many AGN were found, wrongly called so, and missed."""
    counts = agn_counts(confusion)
    return f"{counts.found:,}", f"{counts.wrong:,}", f"{counts.missed:,}"


def _first(metrics: Metrics, result: Result) -> tuple[str, str]:
    return title(result.classifier), marked_text(metrics, result)


def _row(*cells: str | float | None) -> list[str]:
    return [cell.replace("|", "\\|") if isinstance(cell, str) else decimals(cell) for cell in cells]


def _section(
    heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]], text: str = ""
) -> str:
    """Return a heading, text and a table, whose first columns are `FIRST`."""
    parts = (f"## {heading}", text, _markdown((*FIRST, *columns), rows))
    return "\n\n".join(filter(None, parts))


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns also line up as plain text."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, rule, *rows)
    )
