"""Table 1: the numbers given, the paper's, and what is said about them."""

from __future__ import annotations

import math

import pytest

from galspec_spark.report.contents import (
    TrainingReport,
    best_result,
    decimals,
    duration,
    integer,
    interval,
    losses,
)
from galspec_spark.report.table1 import table1
from tests.report.reading import without


def test_table_has_our_numbers_beside_the_papers(full_report: TrainingReport) -> None:
    text = table1(full_report.metrics)
    for result in full_report.metrics["results"]:
        for name in ("agn_precision", "agn_recall", "agn_f1", "cv_f1", "cv_agn_f1"):
            assert f"{result[name]:.4f}" in text
    (row,) = [line for line in text.splitlines() if "linear SVM" in line and "0.9289" in line]
    ours = next(
        result
        for result in full_report.metrics["results"]
        if (result["classifier"], result["features"]) == ("linear_svc", "best 10")
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "linear SVM",
        "best 10",
        f"{ours['precision']:.4f} / 0.9289",
        f"{ours['recall']:.4f} / 0.9272",
        f"{ours['f1']:.4f} / 0.9274",
        "0.891 to 0.963",
        f"{ours['cv_f1']:.4f}",
    ]


def test_table_says_what_the_weighted_average_hides(full_report: TrainingReport) -> None:
    text = table1(full_report.metrics)
    assert "| everything “other”" in text
    assert "dominated by the majority class, “other” (84% of the test split)" in text
    assert "weighted F1 of 0.7687" in text


def test_rows_are_in_the_papers_order_whatever_the_order_given(full_report: TrainingReport) -> None:
    results = full_report.metrics["results"]
    assert table1({**full_report.metrics, "results": results[::-1]}) == table1(full_report.metrics)


def test_every_row_of_a_table_has_the_same_cells(full_report: TrainingReport) -> None:
    results = [dict(full_report.metrics["results"][0], features="all | of them")]
    lines = table1({**full_report.metrics, "results": results}).replace("\\|", "").splitlines()
    bars = {line.count("|") for line in lines if line.startswith("| ")}
    assert bars == {8, 10}


def test_table_has_the_scores_that_treat_both_classes_alike(full_report: TrainingReport) -> None:
    ours = full_report.metrics["results"][0]
    assert cells(full_report, "Both classes alike")[0] == [
        "logistic regression",
        "all 20",
        f"{ours['balanced_accuracy']:.4f}",
        "0.71 to 0.93",
        "0.6100",
        "0.44 to 0.78",
        "0.5900",
    ]


def test_table_has_the_scores_at_the_chosen_threshold(full_report: TrainingReport) -> None:
    assert cells(full_report, "The AGN class at the chosen threshold")[5] == [
        "random forest",
        "best 10",
        "0.3217",
        "0.8235",
        "0.6363",
        "0.7179",
        "0.58 to 0.85",
        "0.7479",
        "0.6881",
    ]


def test_intervals_are_those_of_the_bootstrap(full_report: TrainingReport) -> None:
    ours = full_report.metrics["results"][0]
    low, high = ours["intervals"]["agn_f1"]
    assert cells(full_report, "The AGN class itself")[0][5] == f"{low:.2f} to {high:.2f}"
    assert "bootstrap over the objects" in table1(full_report.metrics)
    assert interval(ours, "agn_precision") == "–"  # defined in no replicate


def test_metrics_of_an_earlier_version_have_a_table(full_report: TrainingReport) -> None:
    later = ("intervals", "calibration", "threshold", "balanced_accuracy", "mcc", "cv_mcc")
    text = table1(without(full_report, *later).metrics)
    assert "chosen threshold" not in text.split("Intervals are")[0]
    assert "None" not in text
    assert f"{full_report.metrics['results'][0]['agn_f1']:.4f}" in text


def cells(report: TrainingReport, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    section = table1(report.metrics).split(f"## {heading}")[1].split("\n\n")[1]
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines()[2:]
    ]


def test_undefined_scores_are_dashes(partial_report: TrainingReport) -> None:
    text = table1(partial_report.metrics)
    assert "nan" not in text.lower()
    assert "None" not in text
    assert "still scores" not in text  # the score of calling everything "other" is not known


def test_the_best_result_is_that_of_the_saved_model() -> None:
    results = [{"classifier": "linear_svc"}, {"classifier": "random_forest"}]
    assert best_result({"results": results, "best": 1}) == results[1]
    assert best_result({"results": []}) is None


def test_losses_are_sorted_and_reconcile_the_counts() -> None:
    counts = {"spectra": 16, "selected": 10, "labelled": 7, "files_quarantined": 2}
    found = losses({"left_out": {"a": 1, "b": 5, "none": 0}, "counts": counts})
    assert list(found.items()) == [("b", 5), ("unlabelled", 3), ("unreadable file", 2), ("a", 1)]
    kept = counts["spectra"] - (sum(found.values()) - counts["files_quarantined"])
    assert kept == counts["labelled"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 min 00 s"),
        (125, "2 min 05 s"),
        (7200, "2 h 00 min"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_as_text() -> None:
    assert integer(1234567) == "1,234,567"
    assert integer(None) == "–"
    assert decimals(0.92345) == "0.9234"
    assert decimals(math.nan) == "–"
