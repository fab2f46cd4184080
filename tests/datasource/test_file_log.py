"""The list of a stream's files: a file keeps its place, whenever the process is killed."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest

from galspec_spark.datasource import file_log
from galspec_spark.datasource.file_log import FileLog
from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import LISTING
from galspec_spark.warehouse.storage import Location


def listing(*names: str) -> pa.Table:
    return pa.table([names, [10] * len(names), [5] * len(names)], LISTING)


def paths(log: FileLog) -> list[str]:
    return log.files["path"].to_pylist()


def reopened(folder: Path) -> list[str]:
    log = FileLog(Location.of(folder))
    log.close()
    return paths(log)


def test_a_file_keeps_its_place_and_parts_stay_few(tmp_path: Path) -> None:
    log = FileLog(Location.of(tmp_path))
    expected = [f"/{number:03d}" for number in range(100, 0, -1)]
    for known in range(1, 101):
        log.append(listing(*expected[:known]))
        if known % 25 == 0:
            log.close()
            log = FileLog(Location.of(tmp_path))
            assert paths(log) == expected[:known]
    log.close()
    assert len(list(tmp_path.glob("files-*"))) <= 7  # 100 in binary has seven digits


def test_the_oldest_of_new_files_come_first(tmp_path: Path) -> None:
    log = FileLog(Location.of(tmp_path))
    log.append(pa.table([["/a", "/b", "/c"], [1, 1, 1], [7, 3, 3]], LISTING))
    assert paths(log) == ["/b", "/c", "/a"]
    log.close()


def test_killed_in_any_step_the_list_is_as_before_or_after(tmp_path: Path) -> None:
    log = FileLog(Location.of(tmp_path))
    for count in (4, 6, 7):
        log.append(listing(*"abcdefg"[:count]))
    with (
        patch.object(Location, "write", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        log.append(listing(*"abcdefgh"))
    log.close()
    assert reopened(tmp_path) == list("abcdefg")
    log = FileLog(Location.of(tmp_path))
    with (
        patch.object(Location, "delete", side_effect=[KeyboardInterrupt]),
        pytest.raises(KeyboardInterrupt),
    ):
        log.append(listing(*"abcdefgh"))
    log.close()
    assert reopened(tmp_path) == list("abcdefgh")
    log = FileLog(Location.of(tmp_path))
    log.append(listing(*"abcdefghi"))
    log.close()
    assert reopened(tmp_path) == list("abcdefghi")


def test_a_second_query_and_a_gap_are_refused(tmp_path: Path) -> None:
    log = FileLog(Location.of(tmp_path))
    log.append(listing("/a", "/b"))
    log.append(listing("/a", "/b", "/c"))
    with (
        patch.multiple(file_log, TRIES=2, PAUSE=0.01),
        pytest.raises(UserError, match=r"another query takes files by .*: give each a log"),
    ):
        FileLog(Location.of(tmp_path))
    log.close()
    (tmp_path / "files-000000000000.parquet").unlink()
    with pytest.raises(UserError, match=r"lacks those from 0 to 1: restore it"):
        FileLog(Location.of(tmp_path))
