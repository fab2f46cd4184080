"""Headers that contradict themselves or the FITS standard are refused, not read at wrong places."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers.fits import BadFile, cards, units
from galspec_spark.readers.layout import Layout, layout_of
from tests.plate_files import to_bytes

COLUMNS = [fits.Column("A", "E", array=np.zeros(3)), fits.Column("B", "2J", array=np.zeros((3, 2)))]
TABLE = fits.BinTableHDU.from_columns(COLUMNS, name="TABLE").header.tostring().encode().rstrip()
IMAGE = fits.ImageHDU(np.zeros((2, 5), "f4"), name="IMAGE").header.tostring().encode().rstrip()
PRIMARY = fits.PrimaryHDU(np.zeros((2, 5), "i2")).header.tostring().encode().rstrip()


def header(begin: bytes, *cards: str, without: str = "", before_end: bytes = b"") -> bytes:
    """Return a header with some cards replaced, and one left out or added."""
    lines = [begin[i : i + 80].ljust(80) for i in range(0, len(begin), 80)]
    for card in cards:
        keyword = card[:8].encode()
        lines = [card.ljust(80).encode() if line[:8] == keyword else line for line in lines]
    lines = [line for line in lines if not without or line[:8].strip() != without.encode()]
    return b"".join([*lines[:-1], *([before_end.ljust(80)] if before_end else []), lines[-1]])


def test_layouts_of_undamaged_headers() -> None:
    table = layout_of(header(TABLE))
    assert (table.name, table.bytes, table.shape) == ("TABLE", 36, (3,))
    assert table.columns == {"a", "b"}
    assert table.dtype is not None
    assert table.dtype.itemsize == 12
    assert layout_of(header(IMAGE)) == Layout("IMAGE", 40, (2, 5), dtype=np.dtype(">f4"))
    assert layout_of(header(PRIMARY)) == Layout("", 20, (2, 5), dtype=np.dtype(">i2"))


@pytest.mark.parametrize(
    "card",
    [
        "BITPIX  = 7", "BITPIX  = 8.0", "NAXIS   = 1", "NAXIS   = 3", "NAXIS   = -1",
        "NAXIS   = 1000000000000", "NAXIS1  = 5.0", "NAXIS1  = '5'", "NAXIS2  = -2", "NAXIS1  = T",
        "NAXIS1  = ", "PCOUNT  = 8", "GCOUNT  = 2", "XTENSION= 7", "NAXIS1  =5 x",
        "EXTNAME = 'open",
    ],
)  # fmt: skip
def test_an_image_with_a_wrong_card(card: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        layout_of(header(IMAGE, card))


@pytest.mark.parametrize(
    "card",
    [
        "TFORM1  = 'D'", "TFORM1  = 'I'", "TFORM1  = '2E'", "TFORM2  = '2?'", "TFORM1  = 5",
        "TFORM1  = '1000000000000E'", "TTYPE1  = 'B'", "TTYPE1  = 'b'", "TTYPE2  = ''",
        "TFIELDS = 1", "TFIELDS = 3", "TFIELDS = 1000000000000", "BITPIX  = 16", "NAXIS   = 1",
        "NAXIS1  = 13", "GCOUNT  = 2", "PCOUNT  = -1", "PCOUNT  = 1.5",
    ],
)  # fmt: skip
def test_a_table_with_a_wrong_card(card: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        layout_of(header(TABLE, card))


@pytest.mark.parametrize(
    "keyword", ["BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "TTYPE2"]
)
def test_a_card_that_must_be_there(keyword: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        layout_of(header(TABLE, without=keyword))


def test_cards_in_another_order() -> None:
    lines = [IMAGE[i : i + 80] for i in range(0, len(IMAGE), 80)]
    lines[3], lines[4] = lines[4], lines[3]
    with pytest.raises(ValueError, match="in this order"):
        layout_of(b"".join(lines).ljust(-(-len(IMAGE) // 80) * 80))


def test_a_card_twice_only_if_it_says_the_same() -> None:
    assert layout_of(header(IMAGE, before_end=b"NAXIS1  = 5")).shape == (2, 5)
    for begin, card in ((IMAGE, b"NAXIS1  = 6"), (TABLE, b"TFORM1  = 'J'")):
        with pytest.raises(ValueError, match="twice"):
            layout_of(header(begin, before_end=card))


def test_scaling_is_left_to_astropy_whatever_the_case_of_its_card() -> None:
    for card in (b"BSCALE  = 2.0", b"bscale  = 2.0", b"BLANK   = -1"):
        assert layout_of(header(IMAGE, before_end=card)).dtype is None
    assert layout_of(header(IMAGE, before_end=b"BSCALE  = 1.0")).dtype is not None
    with pytest.raises(ValueError, match="BSCALE"):
        layout_of(header(IMAGE, before_end=b"BSCALE  = T"))


def test_a_name_that_goes_on_in_the_next_card() -> None:
    name = header(IMAGE, without="EXTNAME", before_end=b"EXTNAME = 'FLU&'")
    lines = [name[i : i + 80] for i in range(0, len(name), 80)]
    longer = [*lines[:-1], b"CONTINUE  'X'".ljust(80), lines[-1]]
    assert layout_of(b"".join(longer)).name == "FLUX"
    elsewhere = [*lines[:-1], b"OTHER   = 'a&'".ljust(80), b"CONTINUE  'b'".ljust(80), lines[-1]]
    assert layout_of(b"".join(elsewhere)).name == "FLU&"


def test_an_unknown_extension_is_no_image() -> None:
    assert layout_of(header(IMAGE, "XTENSION= 'OTHER'")).shape == ()


def reason(content: bytes) -> str:
    with pytest.raises(BadFile) as error:
        list(units(content))
    return error.value.reason


def test_units_must_follow_one_another_in_whole_blocks() -> None:
    content = to_bytes(fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(9), name="A")]))
    assert len(list(units(content))) == 2
    assert reason(content[:-1]) == "truncated"
    assert reason(content[:-2880]) == "truncated"
    assert reason(content + b"\n") == "truncated"
    assert reason(content + bytes(2880)) == "truncated"
    assert reason(content + content) == "malformed"
    assert reason(content.replace(b"EXTEND  = ", b"END       ")) == "malformed"
    assert reason(content.replace(b"SIMPLE  =                    T", b"SIMPLE  =" + b"F" * 21))


def test_cards_are_read_as_astropy_reads_them() -> None:
    content = to_bytes(fits.HDUList([fits.PrimaryHDU(header=fits.Header([("PLANID", "F59")]))]))
    three = (b"long    = 'one &'", b"CONTINUE  'two'", b"END")
    long = content.replace(b"END".ljust(240), b"".join(card.ljust(80) for card in three))
    (unit,) = units(long)
    assert cards(unit, ["PLANID", "LONG", "OTHER"]) == {"PLANID": "F59", "LONG": "one two"}
    (unit,) = units(content.replace(b"'F59", b"'F\xb59"))
    with pytest.raises(UnicodeDecodeError):
        cards(unit, ["PLANID"])
