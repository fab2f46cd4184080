"""Each job started once through spark-submit, as a user does, on what the jobs before it made.

What jobs do in detail is tested elsewhere, in one session. ``jobs/release.py`` is started in
tests/release/test_release.py.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests import spec_files
from tests.http_archive import Archive
from tests.submit import ROOT, messages, submit

CONFIG = ROOT / "tests" / "small.yaml"
SPECTRA = 128
PLATE = "dr17/sdss/spectro/redux/26/spectra/lite/0266"

#: Jobs with their options in the order in which they need each other, and where the summary is.
JOBS = {
    "simulate": ("--output survey", "survey"),
    "ingest": ("--input survey --warehouse warehouse --release dr1", "warehouse"),
    "preprocess": ("--warehouse warehouse", "warehouse"),
    "train": ("--warehouse warehouse --output run", "run"),
    "classify": ("--warehouse warehouse --model run/model --export csv --output out", "warehouse"),
    "drift": ("--warehouse warehouse --model run/model --release dr1 --output drift", "drift"),
    "verify": ("--warehouse warehouse --input survey --sample all", "warehouse"),
}
RESULTS = (
    "run/report.html", "run/table1.md", "run/model/card.json", "drift/drift.json",
)  # fmt: skip


def test_each_job_through_spark_submit(tmp_path: Path) -> None:
    for job, (options, place) in JOBS.items():
        words = ["--config", str(CONFIG), *options.split()]
        result = submit(ROOT / "jobs" / f"{job}.py", *words, folder=tmp_path)
        summary = json.loads((tmp_path / place / "summary.json").read_text())[job]
        assert result.returncode == (3 if summary.get("findings") else 0), result.stderr
        assert summary["config_hash"] in result.stdout
        assert not [line for line in messages(result) if not line[:2].isdigit()]  # of a log
    assert summary["rows_compared"] == SPECTRA
    assert summary["findings"] == []
    for name in RESULTS:
        assert (tmp_path / name).stat().st_size > 0


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
