"""The page of a release: its counts, its figures, and that it is whole with any input."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.labels import BINARY
from galspec_spark.report.origin import Simulated
from galspec_spark.report.release.arrivals import BadFile
from galspec_spark.report.release.contents import ReleaseReport, Verified
from galspec_spark.report.release.counts import Counts
from galspec_spark.report.release.figures import FIGURES
from galspec_spark.report.release.html import FILES, write_release_report, write_report
from galspec_spark.warehouse.flags import ABSTAIN, FLAGS
from galspec_spark.warehouse.tables import Warehouse
from tests.report.pages import HOSTILE, Page, check_self_contained
from tests.report.release.conftest import LONG


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text("utf-8"))


def page_of(output: Path, report: ReleaseReport) -> Page:
    return Page(write_report(output, report).read_text("utf-8"))


def test_counts_are_those_of_the_table(page: Page, catalog) -> None:
    said = page.text.split("What the catalogue says")[1]
    for name, number in catalog["class"].value_counts().items():
        assert f"{name} {number:,} {number / len(catalog):.1%}" in said
    for flag in FLAGS:
        number = (catalog["flags"] & (1 << FLAGS[flag][0]) != 0).sum()
        assert f"{flag} {number:,} {number / len(catalog):.1%} {FLAGS[flag][1]}" in said
    assert "zwarning 30 the redshift has a warning" in page.text


def test_summary_has_what_a_person_has_to_know(page: Page, release_report, catalog) -> None:
    summary = page.text.split("Summary")[-1].split("What came in")[0]
    agn = (catalog["class"] == "AGN").sum()
    given = (catalog["class"] != ABSTAIN).sum()
    drifted = {check.quantity for check in release_report.drift.findings}
    assert f"Given a class {given} of 400 spectra · 30 left out" in summary
    assert f"AGN {agn} {agn} of {given} given a class ({100 * agn / given:.1f} %)" in summary
    assert f"Findings {len(drifted) + 1} drift: {len(drifted)} quantit" in summary
    assert "Of 8 files came 400 spectra; 6 files could not be read" in summary
    assert "not like the training set" in summary


def test_quarantine_drift_verify_and_outliers_are_told(page: Page, release_report) -> None:
    for words in (
        "truncated 5 the file, or its set of units, ends too early",
        f"not_fits {LONG} not_fits",
        "share of outliers difference from",
        "Command galspec release --release dr1 Inputs /in Warehouse /warehouse",
        "same_spectrum spectra 7 read twice",
        "verify done 61 s",
        "logistic regression on 8 principal components",
        release_report.outliers[0].spectrum_id,
        f"Part 1: {release_report.outliers[0].part}",
    ):
        assert words in page.text, words
    assert "report running" not in page.text


def test_every_figure_is_a_file_and_has_an_alternative(written: Path, page: Page) -> None:
    files = {path.stem: path for path in (written.parent / "figures").iterdir()}
    assert set(files) == set(FIGURES)
    images = page.all("img")
    assert len(images) == len(page.all("figcaption")) == len(FIGURES)
    assert all(len(image["alt"] or "") > 60 for image in images)
    assert len({image["alt"] for image in images}) == len(FIGURES)


def test_tables_have_headers(page: Page) -> None:
    assert len(page.all("table")) == 12
    assert all("scope" in header for header in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_queue_is_shown_with_reasons(page: Page, release_report) -> None:
    queue = release_report.queue
    assert len(queue) == 50
    shown = [name in page.text for name in queue["spectrum_id"].to_pylist()]
    assert shown[:20] == [True] * 20
    assert sum(shown) < 50  # some are outliers too
    assert "labels of these 50 spectra would teach the model most" in page.text
    assert f"near the margin {queue['why'].to_pylist().count('near the margin')}" in page.text


def test_page_needs_nothing_from_outside(page: Page) -> None:
    assert {*check_self_contained(page)} == {*FILES}


def test_simulated_spectra_say_so_and_have_no_page_at_a_survey(page: Page, release_report) -> None:
    assert release_report.simulated == Simulated(400, 400)
    assert "<title>Simulated data: Release dr1" in page.source
    assert "Simulated data. These spectra were made by galspec simulate" in page.text
    captions = page.source.count("<b>Figure ") + page.source.count("<b>Table ")
    assert page.source.count(", simulated data.</b>") == captions > 10
    assert {outlier.address for outlier in release_report.outliers} == {None}


@pytest.mark.usefixtures("coarse_figures")
def test_release_without_agn_lines_or_outliers_says_so(release_report, tmp_path) -> None:
    bins = {key: Counter(n) for key, n in release_report.counts.bins.items() if key[1] == "other"}
    counts = Counts(
        BINARY,
        flags=Counter(),
        classes=Counter(other=release_report.counts.classes["other"]),
    )
    counts.bins.update(bins)
    report = dataclasses.replace(release_report, counts=counts, plane=None, outliers=[])
    page = page_of(tmp_path, report)
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == set(FIGURES) - {"bpt", "outliers"}
    for words in (
        "AGN 0 0 of ",
        "No spectrum was left out.",
        "No spectrum that was given a class has all four lines",
        "There is no outlier",
    ):
        assert words in page.text, words


def test_release_that_was_left_out_wholly_still_has_a_page(
    spark, bundle, classified, report_of, tmp_path
) -> None:
    stale = tmp_path / "figures" / "sky.png"
    stale.parent.mkdir()
    stale.write_bytes(b"from an earlier run")
    report = report_of("dr2")
    run = report.run.model_copy(update={"steps": []})
    warehouse = Warehouse(classified)
    path = write_release_report(
        spark, warehouse, bundle, "dr2", run, report.drift, report.queue, tmp_path
    )
    page = Page(path.read_text("utf-8"))
    assert {p.stem for p in stale.parent.iterdir()} == {"drift"}
    for words in (
        "Given a class 0 of 20 spectra · 20 left out",
        "no spectrum was given a class",
        "coverage 20 less of the window",
        "The release was not verified.",
        "There is nothing to label",
    ):
        assert words in page.text, words


def test_release_that_is_not_classified_is_named(
    spark, bundle, classified, release_report, tmp_path
) -> None:
    run, drift, queue = release_report.run, release_report.drift, release_report.queue
    warehouse = Warehouse(classified)
    with pytest.raises(UserError, match="no catalogue of release dr9 by model"):
        write_release_report(spark, warehouse, bundle, "dr9", run, drift, queue, tmp_path)


@pytest.mark.usefixtures("coarse_figures")
def test_hostile_names_are_shown_as_text(release_report, tmp_path) -> None:
    hostile = dict.fromkeys(("run_id", "version", "started"), HOSTILE)
    (finding,) = release_report.verified.findings
    finding = finding.model_copy(update={"example": HOSTILE, "finding": HOSTILE})
    arrivals = dataclasses.replace(
        release_report.arrivals,
        quarantined={HOSTILE: 1},
        examples=[BadFile(HOSTILE, HOSTILE, HOSTILE)],
    )
    outlier = dataclasses.replace(
        release_report.outliers[0], spectrum_id=HOSTILE, part=HOSTILE, address=HOSTILE
    )
    counts = dataclasses.replace(release_report.counts, left_out=Counter({HOSTILE: 3}))
    queue = release_report.queue.slice(0, 1)
    field = queue.schema.field("spectrum_id")
    queue = queue.set_column(1, field, pa.array([HOSTILE]))
    report = dataclasses.replace(
        release_report,
        release=HOSTILE,
        model=HOSTILE,
        run=release_report.run.model_copy(update=hostile),
        verified=Verified(findings=[finding], files_compared=8),
        arrivals=arrivals,
        outliers=[outlier],
        counts=counts,
        queue=queue,
    )
    page = page_of(tmp_path, report)
    assert page.all("script") == []
    assert {*check_self_contained(page)} == {*FILES, HOSTILE}
    assert page.text.count("<script>alert('x')</script>") >= 14
