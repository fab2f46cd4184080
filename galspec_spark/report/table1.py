"""Table 1: this run's scores beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from galspec_spark.ml.intervals import f1_interval
from galspec_spark.report.contents import count, decimals, integer, ordered_results, title

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


def table1(metrics: Mapping[str, Any]) -> str:
    """Return Table 1 as Markdown.

    Parameters
    ----------
    metrics
        The content of ``metrics.json``.

    Returns
    -------
    str
        The class-weighted averages beside the paper's, the scores of the AGN class itself, the
        cross-validated F1 of both, the score of calling everything "other", and how to read them.
    """
    results = ordered_results(metrics)
    return (
        "\n\n".join(
            (
                "# Table 1",
                _split(metrics),
                "## Class-weighted averages, this run / the paper",
                _markdown(
                    (
                        "classifier",
                        "components",
                        "precision",
                        "recall",
                        "F1",
                        "F1, cross-validated",
                    ),
                    [_weighted_row(result) for result in results]
                    + [_row("everything “other”", "–", "–", "–", metrics.get("majority_f1"), None)],
                ),
                "## The AGN class itself",
                _markdown(
                    (
                        "classifier",
                        "components",
                        "precision",
                        "recall",
                        "F1",
                        "95 % interval of F1",
                        "F1, cross-validated",
                    ),
                    [_agn_row(result) for result in results],
                ),
                reading(metrics),
            )
        )
        + "\n"
    )


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


def interval_text(confusion: Sequence[Sequence[float]] | None) -> str:
    """Return the interval of the AGN class's F1 as text; a dash where it is not defined."""
    interval = f1_interval(confusion)
    return f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "–"


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
    return _row(title(result["classifier"]), result["features"], *scores, result.get("cv_f1"))


def _agn_row(result: Mapping[str, Any]) -> list[str]:
    return _row(
        title(result["classifier"]),
        result["features"],
        *(result.get(f"agn_{name}") for name in SCORES),
        interval_text(result.get("confusion")),
        result.get("cv_agn_f1"),
    )


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
