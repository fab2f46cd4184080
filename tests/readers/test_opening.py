"""Open what was listed: files only, and no more of them than the listing said."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from galspec_spark.readers import opening
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_source


def problem(path: Path | str, size: int = 0) -> BadFile:
    with pytest.raises(BadFile) as caught:
        open_source(str(path), size)
    return caught.value


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "zero.fits").symlink_to("/dev/zero")
    (tmp_path / "loop.fits").symlink_to("loop.fits")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket.fits"))
    found = {path.stem: problem(path) for path in tmp_path.iterdir()}
    found |= {"folder": problem(tmp_path), "gone": problem(tmp_path / "gone.fits", 5)}
    found["name"] = problem("file:///latin%E9.fits")
    assert {name: error.reason for name, error in found.items()} == {
        "pipe": "not_a_file", "zero": "not_a_file", "socket": "not_a_file", "loop": "unreadable",
        "folder": "unreadable", "gone": "unreadable", "name": "bad_name",
    }  # fmt: skip
    assert "a named pipe" in found["pipe"].message
    assert "a device" in found["zero"].message


@pytest.mark.parametrize("whole", [100, 1], ids=["read whole", "read on demand"])
def test_a_file_that_is_not_as_it_was_listed_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(opening, "WHOLE_FILE_BYTES", whole)
    file = tmp_path / "a.fits"
    file.write_bytes(b"0123456789")
    assert open_source(str(file), 10).content[:] == b"0123456789"
    for listed in (9, 11):
        error = problem(file, listed)
        assert (error.reason, f"{listed} bytes" in error.message) == ("changed", True)


def test_what_is_beside_a_file_is_opened_as_carefully(tmp_path: Path) -> None:
    (tmp_path / "a.fits").touch()
    os.mkfifo(tmp_path / "b.fits")
    source = open_source(str(tmp_path / "a.fits"), 0)
    assert source.beside("c.fits") is None
    with pytest.raises(BadFile, match="a named pipe"):
        source.beside("b.fits")
