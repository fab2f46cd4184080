"""Table 1: the numbers given, the paper's, and what is said about them."""

from __future__ import annotations

import math

import pytest

from galspec_spark.report.contents import TrainingReport, losses
from galspec_spark.report.table1 import table1
from galspec_spark.report.text import decimals, duration, integer, interval
from tests.report.reading import changed, of_simulated, with_results


def test_table_has_our_numbers(full_report: TrainingReport) -> None:
    text = table1(full_report.metrics)
    for result in full_report.metrics.results:
        for score in (
            result.agn_precision, result.agn_recall, result.agn_f1, result.cv_f1, result.cv_agn_f1
        ):  # fmt: skip
            assert f"{score:.4f}" in text
    ours = full_report.metrics.results[3]
    assert cells(full_report, "Class-weighted averages")[3] == [
        "linear SVM",
        "best 10 principal components",
        *(f"{score:.4f}" for score in (ours.precision, ours.recall, ours.f1)),
        "0.891 to 0.963",
        f"{ours.cv_f1:.4f}",
    ]


def test_the_agn_class_comes_first_with_interval_and_counts(full_report: TrainingReport) -> None:
    ours, text = full_report.metrics.results[0], table1(full_report.metrics)
    low, high = ours.intervals.agn_f1 or (0.0, 0.0)
    first = text.split("## ")[1]
    assert first.startswith("The AGN class itself")
    assert cells(full_report, "The AGN class itself")[0][2:7] == [
        f"{ours.agn_f1:.4f}", f"{low:.2f} to {high:.2f}", "14", "6", "6",
    ]  # fmt: skip
    assert "makes the label from four lines" in first


def test_the_papers_figures_stand_apart(full_report: TrainingReport) -> None:
    heading = "The paper's own figures, of other data"
    ours, theirs = table1(full_report.metrics).split(f"## {heading}")
    (row,) = [line for line in theirs.splitlines() if "0.9289" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "linear SVM", "best 10 principal components", "0.9289", "0.9272", "0.9274",
    ]  # fmt: skip
    assert "0.9289" not in ours
    assert "This run's galaxies are others" in theirs


@pytest.mark.parametrize(
    ("number", "title", "note"),
    [
        (696, "# Simulated data: Table 1", "These spectra were made by galspec simulate"),
        (6, "# Partly simulated data: Table 1", "6 of these 696 spectra were made by"),
    ],
)
def test_simulated_data_say_so_and_have_no_paper_beside_them(
    full_report: TrainingReport, number: int, title: str, note: str
) -> None:
    text = table1(of_simulated(full_report, number).metrics)
    assert text.startswith(f"{title}\n\n{note}")
    assert "paper" not in text
    assert "an F1 of 1 of the formula is so by construction" in text


def test_table_says_what_the_weighted_average_hides(full_report: TrainingReport) -> None:
    text = table1(full_report.metrics)
    assert "| everything “other”" in text
    assert "dominated by the majority class, “other” with 106 of 126 (84%) test spectra" in text
    assert "weighted F1 of 0.7687" in text


def test_rows_are_in_the_papers_order_whatever_the_order_given(full_report: TrainingReport) -> None:
    reverse = changed(full_report, results=full_report.metrics.results[::-1])
    assert table1(reverse.metrics) == table1(full_report.metrics)


def test_every_row_of_a_table_has_the_same_cells(full_report: TrainingReport) -> None:
    report = with_results(full_report, features="all | of them")
    lines = table1(report.metrics).replace("\\|", "").splitlines()
    bars = {line.count("|") for line in lines if line.startswith("| ")}
    assert bars == {6, 8, 11, 13}


def test_table_has_the_scores_that_treat_both_classes_alike(full_report: TrainingReport) -> None:
    ours = full_report.metrics.results[0]
    assert cells(full_report, "Both classes alike")[0] == [
        "logistic regression",
        "all 20 principal components",
        f"{ours.balanced_accuracy:.4f}",
        "0.71 to 0.93",
        "0.6100",
        "0.44 to 0.78",
        "0.5900",
    ]


def test_table_has_the_scores_at_the_chosen_threshold(full_report: TrainingReport) -> None:
    assert cells(full_report, "The AGN class at the chosen threshold")[5] == [
        "random forest",
        "best 10 principal components",
        "0.3217",
        "0.7179",
        "0.58 to 0.85",
        *("14", "3", "6"),
        "0.8235",
        "0.6363",
        "0.7479",
        "0.6881",
    ]


def test_intervals_are_explained(full_report: TrainingReport) -> None:
    ours = full_report.metrics.results[0]
    assert "bootstrap over the objects" in table1(full_report.metrics)
    assert interval(ours.intervals.agn_precision) == "–"  # defined in no replicate


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


def test_losses_are_sorted_and_reconcile_the_counts(full_report: TrainingReport) -> None:
    counts = full_report.metrics.counts.model_dump()
    counts |= {"spectra": 16, "selected": 10, "labelled": 7, "files_quarantined": 2}
    found = losses(
        changed(full_report, left_out={"a": 1, "b": 5, "none": 0}, counts=counts).metrics
    )
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
