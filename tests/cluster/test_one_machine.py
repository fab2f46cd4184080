"""Each job started once through spark-submit, as a user does, on what the jobs before it made.

What jobs do in detail is tested elsewhere, in one session. ``jobs/release.py`` is started in
tests/release/test_release.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import spec_files
from tests.cluster.conftest import Submitted
from tests.cluster.jobs import EACH
from tests.http_archive import Archive
from tests.submit import ROOT, messages, submit

PLATE = "dr17/sdss/spectro/redux/26/spectra/lite/0266"
RESULTS = (
    "run/report.html", "run/table1.md", "run/model/card.json", "out/catalog.csv",
    "drift/drift.json",
)  # fmt: skip


@pytest.mark.parametrize("job", EACH)
def test_a_job_through_spark_submit(submitted: Submitted, job: str) -> None:
    result, summary = submitted.results[job], submitted.summary(job)
    assert result.returncode == (3 if summary.get("findings") else 0), result.stderr
    assert summary["config_hash"] in result.stdout
    assert not [line for line in messages(result) if not line[:2].isdigit()]  # of a log


def test_they_leave_their_results(submitted: Submitted) -> None:
    for name in RESULTS:
        assert (submitted.folder / name).stat().st_size > 0
    verified = submitted.summary("verify")
    assert verified["rows_compared"] == submitted.summary("simulate")["spectra"]
    assert verified["findings"] == []


def test_download_through_spark_submit_needs_no_session(tmp_path: Path) -> None:
    content = spec_files.write(tmp_path, 0).read_bytes()
    with Archive() as archive:
        archive.files = {f"{PLATE}/spec-0266-51630-0001.fits": content}
        options = ["--base-url", archive.url, "--output", "archive", "--plates", "266"]
        result = submit(ROOT / "jobs/download.py", *options, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    (name,) = archive.files
    assert (tmp_path / "archive" / name).read_bytes() == content
    assert [line for line in messages(result) if "download: 1 plates" not in line] == []
