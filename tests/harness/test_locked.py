"""A job that would find its warehouse locked says so before Spark starts."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from galspec_spark.command import main as galspec
from galspec_spark.harness.outcome import FAILED
from galspec_spark.release.stage import release_lock
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.storage import Location

WRITERS = (
    "ingest", "preprocess", "measure", "classify", "verify", "run", "release", "compact", "migrate",
)  # fmt: skip


@pytest.mark.parametrize("job", WRITERS)
def test_the_lock_answers_before_spark_starts(
    job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    warehouse = Location.of(tmp_path / "wh")
    options = [
        "--warehouse",
        str(tmp_path / "wh"),
        *(["--release", "a"] if job == "release" else []),
    ]
    locks = [warehouse, *([release_lock(warehouse)] if job == "release" else [])]
    opened = AssertionError("a session was opened")
    with patch("galspec_spark.harness.cli.open_session", side_effect=opened):
        for lock in locks:
            with hold_lock(lock, "other"):
                assert galspec([job, *options]) == FAILED
            error = capsys.readouterr().err.splitlines()[-1]
            assert error == f"error: another job is writing to {lock}: wait until it ends"
        assert galspec([job, *options]) == FAILED
        assert "a session was opened" in capsys.readouterr().err
