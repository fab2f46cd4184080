"""Files that gzip compressed as a whole: unpacked with bounded memory, or refused."""

from __future__ import annotations

import gzip
import random
import time
import tracemalloc
import zlib

import pytest

from galspec_spark.readers import source
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import PIECE, UNPACKED_LIMIT, Source, unpacked

CONTENT = random.Random(0).randbytes(3 * PIECE + 5)
PACKED = gzip.compress(CONTENT, 1)


class OnDemand:
    """Content that reads slices on demand and notes the longest."""

    def __init__(self, content: bytes) -> None:
        self._content, self.longest = content, 0

    def __len__(self) -> int:
        return len(self._content)

    def __getitem__(self, key: slice) -> bytes:
        piece = self._content[key]
        self.longest = max(self.longest, len(piece))
        return piece


def reason(content: bytes) -> str:
    with pytest.raises(BadFile) as error:
        unpacked(content)
    assert error.value.message
    return error.value.reason


def test_a_compressed_file() -> None:
    assert unpacked(PACKED) == CONTENT


def test_a_file_that_is_not_compressed_is_not_touched() -> None:
    content = OnDemand(CONTENT)
    assert unpacked(content) is content
    assert content.longest == 2
    assert unpacked(b"") == b""


def test_content_on_demand_is_read_in_pieces() -> None:
    content = OnDemand(PACKED)
    assert unpacked(content) == CONTENT
    assert content.longest == PIECE


@pytest.mark.parametrize("cut", [1000, PIECE, 2 * PIECE - 18])
def test_members_after_each_other(cut: int) -> None:
    members = gzip.compress(CONTENT[:cut], 1) + gzip.compress(CONTENT[cut:], 1)
    assert unpacked(members) == CONTENT


def test_zeros_pad_the_end_and_stand_between_members() -> None:
    assert unpacked(PACKED + b"\0" * 511) == CONTENT
    assert unpacked(PACKED + b"\0" * (2 * PIECE)) == CONTENT
    assert unpacked(gzip.compress(b"one") + b"\0" * 8 + gzip.compress(b"two")) == b"onetwo"


def test_anything_else_at_the_end_is_damage() -> None:
    assert reason(PACKED + b"garbage") == "malformed"
    assert reason(PACKED + b"\0\0garbage") == "malformed"


@pytest.mark.parametrize("length", [2, 9, 10, 1000, len(PACKED) - 9, len(PACKED) - 1])
def test_truncated(length: int) -> None:
    assert reason(PACKED[:length]) == "truncated"


@pytest.mark.parametrize("position", [2, -5, -1])  # method, checksum, length
def test_damaged(position: int) -> None:
    content = bytearray(PACKED)
    content[position] ^= 1
    assert reason(bytes(content)) == "malformed"


def outcome(content: bytes) -> bytes | str:
    try:
        return bytes(unpacked(content)[:])
    except BadFile as error:
        return error.reason


def test_any_damaged_byte_is_found_or_harmless() -> None:
    packed = gzip.compress(CONTENT[:3000])
    damaged = (
        packed[:i] + bytes([packed[i] ^ 16]) + packed[i + 1 :] for i in range(2, len(packed))
    )
    outcomes = {outcome(content) for content in damaged}
    assert "malformed" in outcomes
    assert outcomes <= {CONTENT[:3000], "malformed", "truncated"}


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_exactly_the_limit_is_allowed(monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    monkeypatch.setattr(source, "UNPACKED_LIMIT", len(CONTENT) + extra)
    if extra < 0:
        assert reason(PACKED) == "too_large"
    else:
        assert unpacked(PACKED) == CONTENT


def test_memory_is_that_of_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "UNPACKED_LIMIT", 16 * PIECE)
    fits, bomb = gzip.compress(bytes(16 * PIECE)), gzip.compress(bytes(100 * PIECE), 1)
    for content in (fits, bomb):
        tracemalloc.start()
        if content is fits:
            assert len(unpacked(content)) == 16 * PIECE
        else:
            assert reason(content) == "too_large"
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 22 * PIECE


def test_a_gigabyte_of_zeros_is_refused_soon() -> None:
    packer = zlib.compressobj(1, wbits=31)
    zeros = bytes(16 * PIECE)
    bomb = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    assert len(bomb) < UNPACKED_LIMIT / 50
    begin = time.process_time()
    assert reason(bomb) == "too_large"
    assert time.process_time() - begin < 5


def test_name_without_what_says_that_it_was_compressed() -> None:
    assert Source("s3://bucket/folder/coadd-1.fits.gz", b"").name == "coadd-1.fits"
    assert Source("coadd-1.FITS.GZ", b"").name == "coadd-1.FITS"
    assert Source("coadd-1.fits", b"").name == "coadd-1.fits"
