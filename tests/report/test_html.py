"""The page: whole, self-contained, well-formed, and safe with any input."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from galspec_spark.report import html
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.html import write_report
from tests.report import sample
from tests.report.pages import HOSTILE, Page, check_self_contained
from tests.report.reading import changed, of_simulated, with_results


@pytest.fixture(scope="module")
def written(full_report: TrainingReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("full")
    assert write_report(output, full_report) == output / "report.html"
    return output


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page((written / "report.html").read_text("utf-8"))


def test_every_figure_is_a_file_with_something_drawn(written: Path) -> None:
    files = sorted(path.stem for path in (written / "figures").iterdir())
    assert files == sorted(FIGURES)
    for name in files:
        image = imread(written / "figures" / f"{name}.png")[..., :3]
        assert image.shape[1] == 1700
        assert np.mean(image < 0.9) > 0.005, f"{name} is blank"


def test_page_shows_every_figure_with_alt_text_and_caption(page: Page) -> None:
    images = page.all("img")
    assert len(images) == len(page.all("figcaption")) == len(FIGURES)
    assert all(len(image["alt"] or "") > 40 for image in images)


def test_page_needs_nothing_from_outside(page: Page) -> None:
    addresses = check_self_contained(page)
    assert {address.partition("#")[0] for address in addresses} == {*html.FILES} - {*html.OPTIONAL}


def test_page_is_small_enough_to_send(written: Path) -> None:
    assert (written / "report.html").stat().st_size < 4_000_000


def test_headline_is_the_agn_class_with_interval_and_counts(
    page: Page, full_report: TrainingReport
) -> None:
    best = full_report.metrics.best_result
    low, high = best.intervals.agn_f1 or (0.0, 0.0)
    headline = page.text.split("Summary")[-1]
    assert headline.strip().startswith(
        f"F1 of the AGN class {best.agn_f1:.3f} 95 % interval: {low:.2f} to {high:.2f} "
        "13 of 20 AGN found, 7 missed, 4 wrong"
    )
    weighted = headline.index(f"Weighted F1 {best.f1:.3f}")
    assert weighted < headline.index(f"{full_report.metrics.majority_f1:.3f}") < weighted + 200
    assert "on lines measured with SDSS’s own templates the formula gives that label" in headline
    assert "The same without measured lines" not in headline  # this is it


@pytest.mark.usefixtures("only_flow")
def test_beside_a_model_of_lines_is_the_best_without(
    full_report: TrainingReport, tmp_path: Path
) -> None:
    report = changed(full_report, best=6)
    page = Page(write_report(tmp_path, report).read_text("utf-8"))
    headline = page.text.split("Summary")[-1]
    assert "19 of 20 AGN found, 1 missed, 1 wrong" in headline
    assert "The same without measured lines 0.703" in headline
    assert "13 of 20 AGN found, 7 missed, 4 wrong" in headline


def test_mistakes_are_listed_and_lead_to_the_viewer(page: Page) -> None:
    said = page.text.split("which were called wrongly")[-1].split("What the label itself")[0]
    assert "the saved model, missed 7 of 20 AGN of the test split, and called 4 of 106" in said
    assert "Missed , 9 of 9, by random forest, all 20 principal components sdss-dr14-0266" in said
    assert "Wrongly called AGN , 3 of 3, by random forest" in said
    assert "sdss-dr14-0266-51630-0003 AGN other 0.150 other – 12.3 0.1000" in said
    hrefs = [attributes.get("href") for attributes in page.all("a")]
    assert "spectra.html#sdss-dr14-0266-51630-0011" in hrefs


def test_page_says_what_made_it_and_links_its_files(page: Page) -> None:
    assert "Command galspec run --input survey Inputs survey Warehouse warehouse" in page.text
    assert "Simulated" not in page.text
    assert {*html.FILES} - {*html.OPTIONAL} <= {a.get("href") for a in page.all("a")}


@pytest.mark.usefixtures("only_flow")
@pytest.mark.parametrize(("number", "mark"), [(696, "Simulated"), (6, "Partly simulated")])
def test_simulated_data_say_so_in_banner_and_titles(
    full_report: TrainingReport, tmp_path: Path, number: int, mark: str
) -> None:
    real = write_report(tmp_path, full_report)
    height = imread(real.parent / "figures" / "flow.png").shape[0]
    path = write_report(tmp_path, of_simulated(full_report, number))
    page = Page(path.read_text("utf-8"))
    assert f"<title>{mark} data: Telling" in page.source
    assert f"<h1>{mark} data: Telling" in page.source
    assert page.text.count(f"{mark} data") == 4  # the banner and the navigation too
    captions = page.source.count("<b>Figure ") + page.source.count("<b>Table ")
    assert page.source.count(f", {mark.lower()} data.</b>") == captions > 5
    assert "The paper’s" not in page.text
    assert imread(tmp_path / "figures" / "flow.png").shape[0] > height


def test_summary_says_what_the_probabilities_and_the_threshold_are_worth(
    page: Page, full_report: TrainingReport
) -> None:
    best = full_report.metrics.best_result
    summary = page.text.split("F1 of the AGN class", 1)[1].split("From files to result")[0]
    assert best.agn_f1 is not None
    for said in (
        "it finds 13 of 20 (65%) AGN, and of the galaxies that it calls AGN 13 of 17 (76%) are",
        f"an F1 of {best.agn_f1:.3f}",
        "MCC, is 0.610 (0.44 to 0.78)",
        "a Brier skill of 0.59",
        "from a probability of 0.32 on",
        "14 of 20 (70%) AGN are found, 14 of 17 (82%) of those called AGN are AGN",
        "F1 is 0.718 (0.58 to 0.85)",
    ):
        assert said in summary
    assert "no threshold reached" not in summary


def test_tables_have_intervals_and_the_threshold(page: Page) -> None:
    row = page.text.split("Both classes alike")[1].split("logistic regression all 20")[1]
    expected = (
        "0.71 to 0.93 0.6100 0.44 to 0.78 0.5900 0.322 0.8235 14 of 17 0.6363 14 of 20 0.7179 "
        "0.58 to 0.85"
    )
    assert expected in row[:140]
    assert "0.891 to 0.963" in page.text


def test_table_of_sets_has_both_kinds(page: Page) -> None:
    row = page.text.split("Marginal sets")[1].split("logistic regression all 20")[1]
    by_class = "0.900 18 of 20 0.70 to 0.97 0.915 97 of 106 0.85 to 0.95 1.14"
    marginal = "0.550 11 of 20 0.34 to 0.74 0.981 104 of 106 0.93 to 0.99 1.03"
    assert f"{by_class} {marginal}" in row[:180]
    assert "90% of each class have it in their set" in page.text


@pytest.mark.usefixtures("no_pixels")
def test_page_lacks_only_what_the_run_does_not_have(
    full_report: TrainingReport, tmp_path: Path
) -> None:
    importance = full_report.metrics.features["pca"].importance.model_dump() | {
        "permutation": {},
        "peaks": {},
    }
    report = changed(full_report, importance=importance, search={}, bins={})
    report = with_results(report, mcc=None, intervals=dict.fromkeys(sample.intervals(0.5)))
    page = Page(write_report(tmp_path, report).read_text("utf-8"))
    drawn = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert drawn == set(FIGURES) - {"scores_by_bin", "permutation_importance", "search"}
    assert "no scores by redshift" in page.text
    assert "no record of its search" in page.text
    assert "MCC, is" not in page.text
    assert "None" not in page.text.split()


def test_page_names_the_run_and_what_was_left_out(page: Page) -> None:
    for words in (
        "20260131T120000-1f3a",
        "0123456789ab",
        "loglam-3.5683-0.0001-2642",
        "regParam = 0.001",
        "zwarning 31",
        "unlabelled 8",
        "unreadable file 4",
    ):
        assert words in page.text


@pytest.mark.usefixtures("coarse_figures")
def test_partial_run_says_what_is_missing(partial_report: TrainingReport, tmp_path: Path) -> None:
    stale = tmp_path / "figures" / "curves.png"
    stale.parent.mkdir()
    stale.write_bytes(b"from an earlier run")
    page = Page(write_report(tmp_path, partial_report).read_text("utf-8"))
    assert not stale.exists()
    assert "No random forest was trained" in page.text
    assert "It calls no galaxy an AGN." in page.text
    assert "Nothing was left out." in page.text
    assert {path.stem for path in stale.parent.iterdir()} == {
        "flow",
        "confusion_matrices",
        "eigenspectra",
        "explained_variance",
        "class_means",
        "reliability",
        "coverage_by_sn",
        "run_times",
        "stage_times",
    }
    assert len(page.all("img")) == 9
    assert "nan" not in page.text.lower().split()


@pytest.mark.usefixtures("coarse_figures")
def test_hostile_strings_are_shown_as_text(partial_report: TrainingReport, tmp_path: Path) -> None:
    report = with_results(
        partial_report, hyperparameters={HOSTILE: HOSTILE}, features=f"all {HOSTILE}"
    )
    report = changed(
        report,
        **dict.fromkeys(("data", "run_id", "grid", "version"), HOSTILE),
        left_out={HOSTILE: 3},
        seconds={HOSTILE: 1.0},
    )
    path = write_report(tmp_path, report)
    page = Page(path.read_text("utf-8"))
    assert page.all("script") == []
    assert page.text.count("<script>alert('x')</script>") >= 7  # read back as the text it is


@pytest.mark.usefixtures("coarse_figures")
def test_undefined_scores_are_dashes(full_report: TrainingReport, tmp_path: Path) -> None:
    report = with_results(full_report, roc_auc=None, agn_f1=None, cv_agn_f1=None)
    report = dataclasses.replace(report, curves={}, class_means={})
    page = Page(write_report(tmp_path, report).read_text("utf-8"))
    assert "nan" not in page.text.lower().split()
    assert "This run has no curves." in page.text


@pytest.fixture
def only_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure only, which is quicker."""
    monkeypatch.setattr(html, "FIGURES", {"flow": FIGURES["flow"]})


@pytest.mark.usefixtures("only_flow")
def test_drawing_leaves_matplotlib_as_it_was(full_report: TrainingReport, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    write_report(tmp_path, full_report)
    assert dict(mpl.rcParams) == before


@pytest.mark.usefixtures("only_flow")
def test_same_run_gives_the_same_bytes(full_report: TrainingReport, tmp_path: Path) -> None:
    first = write_report(tmp_path / "a", full_report).read_bytes()
    assert write_report(tmp_path / "b", full_report).read_bytes() == first
