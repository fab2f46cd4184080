"""Files of a release are told from those of others."""

from __future__ import annotations

import re
from pathlib import Path

import galspec_spark
from galspec_spark.report.release.arrivals import EXAMPLES, MEANINGS, find_arrivals
from galspec_spark.warehouse.tables import Warehouse
from tests.report.release.conftest import LONG


def test_files_are_those_of_the_release(release_report) -> None:
    arrivals = release_report.arrivals
    assert (arrivals.files, arrivals.spectra) == (8, 400)
    assert list(arrivals.quarantined.items()) == [("truncated", 5), ("not_fits", 1)]


def test_examples_are_the_first_of_each_reason(release_report) -> None:
    paths = [example.path for example in release_report.arrivals.examples]
    assert paths == [LONG, *(f"/in/bad{n}.fits" for n in range(EXAMPLES))]


def test_a_warehouse_that_was_not_made_from_files_has_none(spark, tmp_path) -> None:
    assert find_arrivals(spark, Warehouse(tmp_path), "dr1") is None


def test_every_reason_has_a_meaning() -> None:
    folder = Path(galspec_spark.__file__).parent
    sources = " ".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    reasons = set(re.findall(r'BadFile\(\s*"(\w+)"', sources))
    assert len(reasons) > 5
    assert reasons == set(MEANINGS)
