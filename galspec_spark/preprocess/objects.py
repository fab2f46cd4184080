"""Link spectra of one object, give the object a lasting identity, and choose its best spectrum.

Two spectra are linked where the survey's identifier of the object is the same (a large galaxy has
fibres far apart), where their positions are within `LINK_ARCSEC` (surveys number objects
differently), or where they were of one object before. Links are followed to the end.

An object keeps the identity that it got when it was first seen. Where a new spectrum shows that two
objects are one, the older identity wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

#: Spectra nearer than this on the sky are of one object; SDSS fibres are 2 to 3 arcsec wide.
LINK_ARCSEC = 2.0

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Objects:
    """The objects of spectra; arrays have a value for each spectrum."""

    name: pa.Array  #: lasting identity: the name of one of its spectra
    number: Integers  #: from 0, the same for spectra of one object
    joined: int  #: how many objects turned out to be parts of others


def find_objects(rows: pa.Table, known_as: pa.Array, first_seen: pa.Array) -> Objects:
    """Link spectra, and name their objects.

    Parameters
    ----------
    rows
        Columns ``spectrum_id``, ``survey_object_id``, ``ra`` and ``dec`` (degrees); all but the
        first may be null.
    known_as
        Identity of each spectrum's object so far; null for a spectrum that is new.
    first_seen
        The run that first saw each spectrum; runs sort by time.
    """
    links = [
        same_value(rows["spectrum_id"]),
        same_value(rows["survey_object_id"]),
        same_value(known_as),
        same_place(*(_numbers(rows[name]) for name in ("ra", "dec"))),
    ]
    first, second = np.concatenate(links).T
    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), (len(rows), len(rows)))
    count, number = connected_components(graph, directed=False)
    number = number.astype(np.int64)
    name, joined = _identities(rows["spectrum_id"], known_as, first_seen, number, count)
    return Objects(name, number, joined)


def same_value(values: pa.ChunkedArray | pa.Array) -> Integers:
    """Return links (n, 2) from each row to the first row with its value; none for null."""
    codes = _codes(values)
    rows = np.flatnonzero(codes >= 0)
    _, first, inverse = np.unique(codes[rows], return_index=True, return_inverse=True)
    return np.column_stack([rows[first][inverse], rows])


def same_place(ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> Integers:
    """Return links (n, 2) between positions within `LINK_ARCSEC`; none for those off the sky."""
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((ra >= 0) & (ra <= 360) & (dec >= -90) & (dec <= 90))
    lon, lat = np.radians(ra[rows]), np.radians(dec[rows])
    place = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    chord = 2 * np.sin(np.radians(LINK_ARCSEC / 3600) / 2)
    pairs = cKDTree(place).query_pairs(chord, output_type="ndarray") if len(rows) else rows
    return rows[pairs].reshape(-1, 2)


def primaries(rows: pa.Table, objects: Objects) -> npt.NDArray[np.bool_]:
    """Tell which spectra are the best of their object in their survey's release.

    The order is SDSS's SPECPRIMARY without plate quality: any signal, then a redshift without
    warning, then the median S/N. Ties go to the first name.

    Parameters
    ----------
    rows
        Columns ``spectrum_id``, ``file``, ``survey``, ``release``, ``zwarning``, ``sn_median``.
    """
    sn = np.nan_to_num(_numbers(rows["sn_median"]), nan=-np.inf)
    trusted = pc.fill_null(pc.equal(rows["zwarning"], 0), False).to_numpy()
    names = [_ranks(rows[name]) for name in ("file", "spectrum_id")]
    groups = [objects.number, *(_codes(rows[name]) for name in ("survey", "release"))]
    order = np.lexsort([*names, -sn, ~trusted, sn <= 0, *groups])
    of_row = np.column_stack(groups)[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (of_row[1:] != of_row[:-1]).any(axis=1)
    primary = np.zeros(len(order), np.bool_)
    primary[order[is_first]] = True
    return primary


def _identities(
    names: pa.ChunkedArray, known_as: pa.Array, first_seen: pa.Array, number: Integers, count: int
) -> tuple[pa.Array, int]:
    """Return the identity of each row's object, and how many identities were given up.

    An object takes the oldest of its identities, else the first name of its spectra.
    """
    codes = _codes(known_as)
    identities = pc.unique(known_as.drop_null())
    seen = np.full(len(identities) + 1, np.iinfo(np.int64).max)
    ranks = _ranks(first_seen)
    np.minimum.at(seen, codes, np.where(codes >= 0, ranks, seen[0]))  # -1 is the last
    candidates = pa.concat_arrays([identities, names.combine_chunks()])
    is_named = codes >= 0
    age = np.where(is_named, seen[codes], seen[-1])
    candidate = np.where(is_named, codes, len(identities) + np.arange(len(codes)))
    order = np.lexsort([_ranks(candidates)[candidate], age, ~is_named, number])
    best = np.empty(count, np.int64)
    best[number[order[::-1]]] = candidate[order[::-1]]  # the first in the order is written last
    pairs = np.unique(np.column_stack([number, codes])[is_named], axis=0)
    joined = len(pairs) - len(np.unique(pairs[:, 0]))
    return candidates.take(pa.array(best[number])), joined


def _codes(values: pa.ChunkedArray | pa.Array) -> Integers:
    """Return a number for each distinct value, from 0 in the order of appearance; -1 for null."""
    encoded = values.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    indices = pc.fill_null(encoded.indices.cast(pa.int64()), -1)
    return np.asarray(indices.to_numpy(zero_copy_only=False))


def _ranks(values: pa.ChunkedArray | pa.Array) -> Integers:
    """Return the rank of each value; equal values share a rank."""
    return np.asarray(pc.rank(values, tiebreaker="dense").to_numpy()).astype(np.int64)


def _numbers(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return numbers; NaN in place of null."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
