"""Table 1: this run's scores beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from galspec_spark.report.contents import (
    count,
    decimals,
    integer,
    interval,
    ordered_results,
    title,
)

#: Scores in the paper's Table 1, by classifier, with all 20 components and with the best 10.
PAPER: dict[str, dict[str, dict[str, float]]] = {
    "logistic_regression": {
        "all": {"precision": 0.9293, "recall": 0.9283, "f1": 0.9284},
        "best": {"precision": 0.9293, "recall": 0.9283, "f1": 0.9284},
    },
    "linear_svc": {
        "all": {"precision": 0.9227, "recall": 0.9212, "f1": 0.9214},
        "best": {"precision": 0.9289, "recall": 0.9272, "f1": 0.9274},
    },
    "random_forest": {
        "all": {"precision": 0.9215, "recall": 0.9215, "f1": 0.9215},
        "best": {"precision": 0.9255, "recall": 0.9255, "f1": 0.9255},
    },
}

#: The three scores that the paper gives.
SCORES = ("precision", "recall", "f1")

#: The first columns of each table.
FIRST = ("classifier", "components")

#: Where intervals and thresholds come from.
INTERVALS = (
    "Intervals are by a bootstrap over the objects of the test split. MCC is the correlation of "
    "prediction and label (Matthews); it and the balanced accuracy treat both classes "
    "alike. The threshold on the calibrated probability, and what to expect of it, come from the "
    "held-out folds of the training split; the other scores are of each classifier’s own threshold."
)


def table1(metrics: Mapping[str, Any]) -> str:
    """Return Table 1 as Markdown.

    Parameters
    ----------
    metrics
        The content of ``metrics.json``.

    Returns
    -------
    str
        The class-weighted averages beside the paper's, the scores of the AGN class itself, those
        that weigh both classes alike, and those of the AGN class at the chosen threshold; the score
        of calling everything "other"; and how to read them.
    """
    results = ordered_results(metrics)
    parts = [
        "# Table 1",
        _split(metrics),
        "## Class-weighted averages, this run / the paper",
        _markdown(
            (*FIRST, "precision", "recall", "F1", "95 % interval of F1", "F1, cross-validated"),
            [_weighted_row(result) for result in results]
            + [_row("everything “other”", *"–––", metrics.get("majority_f1"), "–", None)],
        ),
        "## The AGN class itself",
        _markdown(
            (*FIRST, "precision", "recall", "F1", "95 % interval of F1", "F1, cross-validated"),
            [_agn_row(result) for result in results],
        ),
        "## Both classes alike",
        _markdown(
            (
                *FIRST,
                "balanced accuracy",
                "its 95 % interval",
                "MCC",
                "its 95 % interval",
                "MCC, cross-validated",
            ),
            [_balanced_row(result) for result in results],
        ),
    ]
    if any(result.get("threshold") for result in results):
        parts += [
            "## The AGN class at the chosen threshold",
            _markdown(
                (
                    *FIRST,
                    "probability",
                    "precision",
                    "recall",
                    "F1",
                    "95 % interval of F1",
                    "F1, expected",
                    "MCC",
                ),
                [_threshold_row(result) for result in results],
            ),
        ]
    return "\n\n".join((*parts, INTERVALS, reading(metrics))) + "\n"


def reading(metrics: Mapping[str, Any]) -> str:
    """Return the sentence that says what the weighted average hides."""
    test, agn = count(metrics, "test"), count(metrics, "test_agn")
    share = f" ({1 - agn / test:.0%} of the test split)" if test and agn is not None else ""
    baseline = decimals(metrics.get("majority_f1"))
    still = f" and still scores a weighted F1 of {baseline}" if baseline != "–" else ""
    return (
        f"The weighted average is dominated by the majority class, “other”{share}: calling every "
        f"galaxy “other” finds no AGN at all{still}. The F1 of the AGN class itself is the one to "
        "judge by."
    )


def paper_scores(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the paper's scores for the same classifier and set of features; empty if none."""
    kind = str(result["features"]).split(" ", 1)[0]
    return PAPER.get(result["classifier"], {}).get(kind, {})


def _split(metrics: Mapping[str, Any]) -> str:
    def part(name: str) -> str:
        return f"{integer(count(metrics, name))} ({integer(count(metrics, f'{name}_agn'))} AGN)"

    return (
        f"Trained on {part('train')} spectra, tested on {part('test')}; cross-validated over "
        f"{integer(count(metrics, 'folds'))} folds of the training split. No object is in two "
        "splits or folds."
    )


def _weighted_row(result: Mapping[str, Any]) -> list[str]:
    paper = paper_scores(result)
    scores = [f"{decimals(result.get(name))} / {decimals(paper.get(name))}" for name in SCORES]
    return _row(*_first(result), *scores, interval(result, "f1", 3), result.get("cv_f1"))


def _agn_row(result: Mapping[str, Any]) -> list[str]:
    return _row(
        *_first(result),
        *(result.get(f"agn_{name}") for name in SCORES),
        interval(result, "agn_f1"),
        result.get("cv_agn_f1"),
    )


def _balanced_row(result: Mapping[str, Any]) -> list[str]:
    return _row(
        *_first(result),
        result.get("balanced_accuracy"),
        interval(result, "balanced_accuracy"),
        result.get("mcc"),
        interval(result, "mcc"),
        result.get("cv_mcc"),
    )


def _threshold_row(result: Mapping[str, Any]) -> list[str]:
    threshold = result.get("threshold") or {}
    test = threshold.get("test") or {}
    return _row(
        *_first(result),
        threshold.get("probability"),
        *(test.get(f"agn_{name}") for name in SCORES),
        interval(threshold, "agn_f1"),
        threshold.get("f1"),
        test.get("mcc"),
    )


def _first(result: Mapping[str, Any]) -> tuple[str, str]:
    return title(result["classifier"]), str(result["features"])


def _row(*cells: str | float | None) -> list[str]:
    return [cell.replace("|", "\\|") if isinstance(cell, str) else decimals(cell) for cell in cells]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns also line up as plain text."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, rule, *rows)
    )
