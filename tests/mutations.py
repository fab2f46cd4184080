"""Damage to FITS files, as disks, networks, careless tools and people do it.

`damaged` draws one or two kinds of damage; the same random generator gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.io import fits

BLOCK, CARD = 2880, 80
Random = np.random.Generator

#: Keywords that say how data lie in a file, by how they begin.
STRUCTURE = (
    *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "EXTNAME", "EXTEND"),
    *("TTYPE", "TFORM", "TDIM", "TSCAL", "TZERO", "TNULL", "BSCALE", "BZERO", "ZIMAGE", "END"),
)
#: Values that a card should not have; {} is a small number.
WRONG_VALUES = (
    *("-1", "0", "1", "2", "3", "8", "-32", "-64", "16", "{}", "-{}", "1000000000000", "1E400"),
    *("1.5", "NaN", "T", "F", "''", "' '", "'{}E'", "'{}J'", "'{}A'", "'1PE(9)'", "'E'", "'J'"),
    *("'X'", "'K'", "'FLUX'", "'IVAR'", "'COADD'", "'Z'", "'GALAXY'", "", "x", "'open"),
)
#: Cards that change how data are read.
ADDED_CARDS = (
    *("TSCAL{} = 2.0", "TZERO{} = 32768", "TNULL{} = 0", "TDIM{} = '(2,2)'", "BSCALE = 0.5"),
    *("BZERO = 32768", "BLANK = 0", "THEAP = 8", "PCOUNT = 2880", "GROUPS = T", "ZIMAGE = T"),
    *("TFORM{} = '1D'", "TTYPE{} = 'FLUX'", "NAXIS{} = 2", "EXTNAME = 'COADD'", "INHERIT = T"),
    *("XTENSION= 'TABLE'", "CONTINUE  'more'", "HIERARCH a b = 1", "END", "CLASS = 'STAR'"),
)


@dataclass(frozen=True)
class Unit:
    """Where a header-data unit is in its file."""

    header: int
    data: int
    end: int  #: after the padding


@lru_cache(maxsize=64)
def units(content: bytes) -> tuple[Unit, ...]:
    """Return where the units of an undamaged file are."""
    with fits.open(io.BytesIO(content), memmap=False) as hdus:
        places = [hdu.fileinfo() for hdu in hdus]
    return tuple(Unit(p["hdrLoc"], p["datLoc"], p["datLoc"] + p["datSpan"]) for p in places)


def damaged(content: bytes, random: Random) -> tuple[str, bytes]:
    """Damage a file, compressed or not; say how.

    Damage within a compressed file is done to what it holds.
    """
    if random.random() < 0.05:
        return _damaged_gzip(content, random)
    if content[:2] == b"\x1f\x8b":
        how, inner = damaged(gzip.decompress(content), random)
        return how, gzip.compress(inner, 1, mtime=0)
    first = str(random.choice(list(MUTATIONS)))
    result = MUTATIONS[first](content, random)
    if random.random() < 0.8 or not result:
        return first, result
    second = str(random.choice(["flip_data", "truncate", "append"]))
    if second == "flip_data":
        return f"{first}, flip_anywhere", _flip(result, 0, len(result), random)
    return f"{first}, {second}", MUTATIONS[second](result, random)


def _damaged_gzip(content: bytes, random: Random) -> tuple[str, bytes]:
    packed = content if content[:2] == b"\x1f\x8b" else gzip.compress(content, 1, mtime=0)
    kind = random.integers(5)
    if kind == 0:
        return "gzip", packed
    if kind == 1:
        return "gzip, flip", _flip(packed, 2, len(packed), random)
    if kind == 2:
        return "gzip, truncate", packed[: random.integers(2, len(packed))]
    if kind == 3:
        return "gzip, append", packed + random.bytes(random.integers(1, 100))
    return "gzip twice", gzip.compress(packed, 1, mtime=0)


def _flip(content: bytes, begin: int, end: int, random: Random) -> bytes:
    """Flip one bit in each of a few bytes."""
    result = bytearray(content)
    for position in random.integers(begin, end, random.integers(1, 5)):
        result[position] ^= 1 << int(random.integers(8))
    return bytes(result)


def _unit(content: bytes, random: Random) -> Unit:
    """Return one of the first units more often than another: they are read."""
    found = units(content)
    return found[int(random.integers(min(len(found), 4) if random.random() < 0.7 else len(found)))]


def flip_header(content: bytes, random: Random) -> bytes:
    unit = _unit(content, random)
    return _flip(content, unit.header, unit.data, random)


def flip_data(content: bytes, random: Random) -> bytes:
    unit = _unit(content, random)
    return _flip(content, unit.data, max(unit.end, unit.data + 1), random)


def flip_structure(content: bytes, random: Random) -> bytes:
    """Flip bits in one card of those that say how data lie."""
    unit = _unit(content, random)
    start = unit.header + CARD * _structure_card(_cards(content, unit), random)
    return _flip(content, start, start + 32, random)


def letters_in_header(content: bytes, random: Random) -> bytes:
    """Replace some bytes of a header's cards by other printable ones."""
    unit = _unit(content, random)
    result = bytearray(content)
    for _ in range(random.integers(1, 4)):
        card = unit.header + CARD * _structure_card(_cards(content, unit), random)
        result[card + random.integers(32)] = random.integers(32, 127)
    return bytes(result)


def overwrite(content: bytes, random: Random) -> bytes:
    """Lose a stretch of the file, as a disk does."""
    start = int(random.integers(len(content)))
    length = int(min(random.integers(1, 6000), len(content) - start))
    filling = (bytes(length), b"\xff" * length, random.bytes(length), b" " * length)
    return content[:start] + filling[random.integers(4)] + content[start + length :]


def truncate(content: bytes, random: Random) -> bytes:
    length = int(random.integers(len(content)))
    if random.random() < 0.3:
        length -= length % BLOCK
    if random.random() < 0.2:
        length = max(len(content) - int(random.integers(1, BLOCK)), 0)
    return content[:length]


def empty(content: bytes, random: Random) -> bytes:
    return b""


def append(content: bytes, random: Random) -> bytes:
    length = int(random.integers(1, 10000))
    filling = (bytes(length), random.bytes(length), b" " * length, content[:length])
    return content + filling[random.integers(4)]


def shift(content: bytes, random: Random) -> bytes:
    """Insert or lose some bytes, so that all that follows is shifted."""
    start, length = int(random.integers(len(content))), int(random.choice([1, 2, 4, 80, BLOCK]))
    if random.random() < 0.5:
        return content[:start] + random.bytes(length) + content[start:]
    return content[:start] + content[start + length :]


def prefix(content: bytes, random: Random) -> bytes:
    return (b"\n", b"\xef\xbb\xbf", b" " * 80, bytes(BLOCK))[random.integers(4)] + content


def _cards(content: bytes, unit: Unit) -> list[bytes]:
    """Return the cards of a header up to END."""
    header = content[unit.header : unit.data]
    cards = [header[i : i + CARD] for i in range(0, len(header), CARD)]
    return cards[: cards.index(b"END".ljust(CARD)) + 1]


def _structure_card(cards: list[bytes], random: Random) -> int:
    """Choose a card of a header: mostly one that says how data lie."""
    structure = [i for i, c in enumerate(cards) if c.decode("latin-1").startswith(STRUCTURE)]
    return int(random.choice(structure if random.random() < 0.7 else len(cards)))


def _with_cards(content: bytes, unit: Unit, cards: list[bytes]) -> bytes:
    header = b"".join(cards)
    header += b" " * (-len(header) % BLOCK)
    return content[: unit.header] + header + content[unit.data :]


def _changed(edit: Callable[[list[bytes], int, Random], None]) -> Callable[[bytes, Random], bytes]:
    """Return a mutation that edits the cards of one header, given one of them."""

    def mutation(content: bytes, random: Random) -> bytes:
        unit = _unit(content, random)
        cards = _cards(content, unit)
        edit(cards, _structure_card(cards, random), random)
        return _with_cards(content, unit, cards)

    mutation.__name__ = edit.__name__
    return mutation


def _wrong_value(random: Random) -> bytes:
    value = str(random.choice(WRONG_VALUES)).format(random.integers(1, 10000))
    return value.rjust(20).encode() if random.random() < 0.5 else value.encode()


@_changed
def value(cards: list[bytes], i: int, random: Random) -> None:
    cards[i] = (cards[i][:10] + _wrong_value(random)).ljust(CARD)[:CARD]


@_changed
def value_of_another(cards: list[bytes], i: int, random: Random) -> None:
    other = _structure_card(cards, random)
    cards[i] = cards[i][:8] + cards[other][8:]


@_changed
def swapped_values(cards: list[bytes], i: int, random: Random) -> None:
    """Swap the values of two cards of one kind: two names of columns, two widths."""
    alike = [k for k, card in enumerate(cards) if card[:5] == cards[i][:5]]
    k = int(random.choice(alike))
    cards[i], cards[k] = cards[i][:8] + cards[k][8:], cards[k][:8] + cards[i][8:]


@_changed
def keyword(cards: list[bytes], i: int, random: Random) -> None:
    """Rename a card: to another's name, to lower case, or by one letter."""
    old = cards[i][:8]
    letter = int(random.integers(8))
    names = (
        cards[int(random.integers(len(cards)))][:8],
        old.lower(),
        old[:letter] + bytes([random.integers(65, 91)]) + old[letter + 1 :],
        b"COMMENT ",
        b"        ",
    )
    cards[i] = names[random.integers(len(names))] + cards[i][8:]


@_changed
def duplicate(cards: list[bytes], i: int, random: Random) -> None:
    """Have a card twice, with the same value or another."""
    again = cards[i]
    if random.random() < 0.5:
        again = (again[:10] + _wrong_value(random)).ljust(CARD)[:CARD]
    cards.insert(int(random.integers(1, len(cards))), again)


@_changed
def delete(cards: list[bytes], i: int, random: Random) -> None:
    del cards[i]


@_changed
def add(cards: list[bytes], i: int, random: Random) -> None:
    card = str(random.choice(ADDED_CARDS)).format(random.integers(1, 6))
    name, mark, text = card.partition(" = ")
    line = f"{name:8}= {text}" if mark else card
    cards.insert(int(random.integers(1, len(cards))), line.encode().ljust(CARD))


@_changed
def shuffle(cards: list[bytes], i: int, random: Random) -> None:
    """Move a card to another place."""
    cards.insert(int(random.integers(len(cards))), cards.pop(i))


@_changed
def width(cards: list[bytes], i: int, random: Random) -> None:
    """Give a column, or the pixels, another type."""
    widths = [k for k, card in enumerate(cards) if card.startswith((b"TFORM", b"BITPIX"))]
    k = int(random.choice(widths))
    if cards[k].startswith(b"BITPIX"):
        new = str(random.choice([8, 16, 32, 64, -32, -64, 7])).rjust(20)
    else:
        new = f"'{random.choice(['', 1, 2, 4, 10])}{random.choice(list('LXBIJKAEDCMPQ'))}'"
    cards[k] = (cards[k][:10] + new.encode()).ljust(CARD)


def swap_units(content: bytes, random: Random) -> bytes:
    pieces = [content[unit.header : unit.end] for unit in units(content)]
    i, k = random.integers(len(pieces), size=2)
    pieces[i], pieces[k] = pieces[k], pieces[i]
    return b"".join(pieces)


def lose_unit(content: bytes, random: Random) -> bytes:
    unit = _unit(content, random)
    return content[: unit.header] + content[unit.end :]


def repeat_unit(content: bytes, random: Random) -> bytes:
    """Have a unit twice, the second damaged."""
    unit = _unit(content, random)
    again = _flip(content[unit.header : unit.end], 0, unit.end - unit.header, random)
    return content[: unit.end] + again + content[unit.end :]


def swap_data(content: bytes, random: Random) -> bytes:
    """Give two units the data of each other."""
    i, k = sorted(random.integers(len(units(content)), size=2))
    a, b = units(content)[i], units(content)[k]
    if i == k:
        return content
    return (
        content[: a.data] + content[b.data : b.end] + content[a.end : b.data]
        + content[a.data : a.end] + content[b.end :]
    )  # fmt: skip


MUTATIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    mutation.__name__: mutation
    for mutation in (
        *(flip_header, flip_data, flip_structure, letters_in_header, overwrite, truncate, empty),
        *(append, shift, prefix, value, value_of_another, swapped_values, keyword, duplicate),
        *(delete, add, shuffle, width, swap_units, lose_unit, repeat_unit, swap_data),
    )
}
