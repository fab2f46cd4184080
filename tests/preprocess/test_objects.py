"""Which spectra are of one object, what it is called for ever, and which is the best."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from galspec_spark.preprocess.objects import LINK_ARCSEC, Objects, find_objects, primaries
from galspec_spark.readers import read_spectra
from galspec_spark.readers.source import Source
from tests import spec_files
from tests.plate_files import to_bytes

ARCSEC = 1 / 3600
Rows = list[tuple[str, str | None, float | None, float | None]]


def find(rows: Rows, known: dict[str, tuple[str, str]] | None = None) -> Objects:
    """Link rows; known are the object and the run that first saw it, by spectrum."""
    names, identifiers, ra, dec = zip(*rows, strict=True)
    table = pa.table(
        {
            "spectrum_id": pa.array(names, pa.string()),
            "survey_object_id": pa.array(identifiers, pa.string()),
            "ra": pa.array(ra, pa.float64()),
            "dec": pa.array(dec, pa.float64()),
        }
    )
    before = [(known or {}).get(name, (None, "now")) for name in names]
    known_as, first_seen = (pa.array(column, pa.string()) for column in zip(*before, strict=True))
    return find_objects(table, known_as, first_seen)


def objects_of(rows: Rows, known: dict[str, tuple[str, str]] | None = None) -> dict[str, str]:
    names = [row[0] for row in rows]
    return dict(zip(names, find(rows, known).name.to_pylist(), strict=True))


def test_observations_of_one_object_are_linked() -> None:
    near, far = 0.9 * LINK_ARCSEC * ARCSEC, 10 * LINK_ARCSEC * ARCSEC
    linked = objects_of(
        [
            ("a", "bestobjid-1", 10.0, 0.0),
            ("b", "thing-7", 10.0 + near, 0.0),  # another survey's number, the same place
            ("c", "bestobjid-1", 10.0 + far, 0.0),  # the same number, another part of the galaxy
            ("d", "bestobjid-2", 10.0, far),
            ("l", None, 10.0, far + 1.1 * LINK_ARCSEC * ARCSEC),  # a neighbour, not the same
            ("e", None, 10.0, 60.0),
            ("f", None, 10.0 + near / math.cos(math.radians(60)), 60.0),
            ("g", "bestobjid-3", None, None),
            ("h", None, float("nan"), 0.0),
            ("i", "bestobjid-3", 50.0, 0.0),
            ("j", None, 0.0, -5.0),
            ("k", None, 360.0 - near, -5.0),
        ]
    )
    assert linked["a"] == linked["b"] == linked["c"] == "a"
    assert linked["d"] == "d"
    assert linked["l"] == "l"
    assert linked["e"] == linked["f"] == "e"
    assert linked["g"] == linked["i"] == "g"
    assert linked["h"] == "h"
    assert linked["j"] == linked["k"] == "j"


def test_spectra_of_sdss_v_are_linked_to_those_before_it() -> None:
    """By SDSS_ID, and by position where a release has no such identifier."""
    place = {"PLUG_RA": -0.00001, "PLUG_DEC": 2.0}
    files = {
        "eboss": spec_files.hdus(PLUG_RA=359.9999, PLUG_DEC=2.0),
        "dr18": spec_files.sdss_v(dr18=True, **place),
        "dr19": spec_files.sdss_v(**place),
        "another part": spec_files.sdss_v(PLUG_RA=0.1, PLUG_DEC=2.0),
        "another object": spec_files.sdss_v(SDSS_ID=6, PLUG_RA=0.2, PLUG_DEC=2.0),
    }
    read = {name: read_spectra(Source("spec.fits", to_bytes(f)))[1][0] for name, f in files.items()}
    rows = [(name, row["object_id"], row["ra"], row["dec"]) for name, row in read.items()]
    number = find(rows).number
    assert number.tolist() == [number[0]] * 4 + [number[4]]
    assert number[4] != number[0]


def test_links_are_followed_to_the_end() -> None:
    step = 0.9 * LINK_ARCSEC * ARCSEC
    chain = [(f"{i:02d}", None, 100.0, 20 + i * step) for i in range(12)]
    assert set(objects_of(chain).values()) == {"00"}


def test_near_positions_are_always_linked() -> None:
    """Anywhere on the sky, the poles and the meridian of 0 among it."""
    pairs: Rows = []
    for i in range(300):
        ra, dec = (i * 137.508) % 360, math.degrees(math.asin(1 - 2 * (i + 0.5) / 300))
        shift = 0.999 * LINK_ARCSEC * ARCSEC
        angle = i * 2.4
        pairs.append((f"{i:03d}a", None, ra, dec))
        ra_shift = shift * math.cos(angle) / math.cos(math.radians(dec))
        pairs.append((f"{i:03d}b", None, (ra + ra_shift) % 360, dec + shift * math.sin(angle)))
    linked = objects_of(pairs)
    assert all(linked[f"{i:03d}b"] == f"{i:03d}a" for i in range(300))


def test_an_object_keeps_the_identity_that_it_got_first() -> None:
    """A name that sorts before the others comes later, and changes nothing."""
    rows: Rows = [("m", "x", None, None), ("a", "x", None, None), ("z", None, 1.0, 1.0)]
    known = {"m": ("m", "run-1"), "z": ("z", "run-1")}
    assert objects_of(rows, known) == {"m": "m", "a": "m", "z": "z"}


def test_the_older_identity_wins_where_two_objects_are_one() -> None:
    rows: Rows = [
        ("a", None, 10.0, 0.0),
        ("m", "x", None, None),
        ("n", None, 10.0, 0.0004),  # near a
        ("q", "y", 50.0, 0.0),
    ]
    known = {"a": ("a", "run-2"), "m": ("m", "run-1"), "q": ("q", "run-1")}
    apart = find(rows, known)
    assert apart.name.to_pylist() == ["a", "m", "a", "q"]
    assert apart.joined == 0
    rows[2] = ("n", "x", 10.0, 0.0004)  # and of the survey's object x: a and m are one
    joined = find(rows, known)
    assert joined.name.to_pylist() == ["m", "m", "m", "q"]
    assert joined.joined == 1


def test_spectra_stay_together_when_what_linked_them_is_gone() -> None:
    rows: Rows = [("a", None, 10.0, 0.0), ("b", None, 20.0, 0.0)]
    known = {"a": ("a", "run-1"), "b": ("a", "run-1")}
    assert objects_of(rows, known) == {"a": "a", "b": "a"}


def test_objects_do_not_depend_on_the_order_of_rows() -> None:
    random = np.random.default_rng(1)
    rows: Rows = [
        (f"{i:03d}", f"id-{random.integers(60)}", float(random.integers(40)), 0.0)
        for i in range(200)
    ]
    expected = objects_of(rows)
    shuffled = [rows[i] for i in random.permutation(len(rows))]
    assert objects_of(shuffled) == expected


def test_the_best_observation_is_primary() -> None:
    """Signal first, then a redshift without warning, then S/N; one in each survey's release."""
    rows = [
        ("a", "f", "x", "sdss", "dr14", 0, 9.0),
        ("b", "f", "x", "sdss", "dr14", 0, 12.0),
        ("c", "f", "x", "sdss", "dr14", 4, 30.0),
        ("c", "g", "x", "sdss", "dr14", 4, 30.0),
        ("d", "f", "x", "sdss", "dr17", 4, 8.0),
        ("e", "f", "x", "lamost", "dr7", None, None),
        ("h", "f", "y", "sdss", "dr14", 4, 5.0),
        ("i", "f", "y", "sdss", "dr14", 0, -1.0),
    ]
    names = ("spectrum_id", "file", "object", "survey", "release", "zwarning", "sn_median")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    number = np.array([0 if row[2] == "x" else 1 for row in rows])
    primary = primaries(table, Objects(table["object"].combine_chunks(), number, 0))
    found = [row[:2] for row, is_primary in zip(rows, primary, strict=True) if is_primary]
    assert found == [("b", "f"), ("d", "f"), ("e", "f"), ("h", "f")]
