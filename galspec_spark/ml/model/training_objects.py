"""The objects that a model learned from, told in any warehouse by their names or their place.

The model's folder keeps them for ever. An object counts as one of them where preprocess would link
the two: the lasting name or the survey's own name is the same, or the positions are within
`LINK_ARCSEC`. The lasting name alone would not do: another warehouse may have given another one.
What has neither a name nor a position in common is not recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hpgeom
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array

from galspec_spark.preprocess.objects import LINK_ARCSEC
from galspec_spark.readers.batch import healpix29
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

TRAINING_OBJECTS = "training_objects.parquet"
#: Columns of ``sample`` that tell an object.
IDENTITY = ("object_id", "survey_object_id", "ra", "dec")
NAMES = ("object_id", "survey_object_id")
#: Order of the HEALPix cells that are searched: 6 arcsec wide, so that all within `LINK_ARCSEC` of
#: a place are in its cell or in one of the eight around.
CELL_ORDER = 15
CELL_BITS = 2 * (29 - CELL_ORDER)

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingObjects:
    """The objects in 24 bytes a spectrum: 10 million take 240 MB, on the driver alone."""

    names: npt.NDArray[np.uint64]  #: hashes of both kinds of names, sorted
    places: Integers  #: HEALPix pixels of order 29, nested, sorted

    @classmethod
    def read(cls, folder: Path) -> TrainingObjects:
        """Read those of a model folder that `galspec_spark.ml.model.bundle` has checked."""
        names, places = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for batch in open_part(Location.of(folder / TRAINING_OBJECTS)).iter_batches():
            names += [_hashes(batch[name].drop_null()) for name in NAMES]
            places.append(healpix29(*_position(batch)).drop_null().to_numpy())
        return cls(np.unique(np.concatenate(names)), np.sort(np.concatenate(places)))

    def contain(self, rows: pa.Table | pa.RecordBatch) -> Booleans:
        """Tell of rows with the columns `IDENTITY`, which may be null, which the model has seen."""
        found = np.zeros(len(rows), np.bool_)
        for name in NAMES:
            has_name = pc.is_valid(rows[name]).to_numpy(zero_copy_only=False)
            found[has_name] |= _are_in(self.names, _hashes(rows[name].drop_null()))
        ra, dec = _position(rows)
        place = healpix29(ra, dec)
        has_place = place.is_valid().to_numpy(zero_copy_only=False)
        found[has_place] |= self._have_near(
            place.drop_null().to_numpy(), ra[has_place], dec[has_place]
        )
        return found

    def _have_near(self, place: Integers, ra: Doubles, dec: Doubles) -> Booleans:
        """Tell which positions have one of `places` within `LINK_ARCSEC`."""
        own = place >> CELL_BITS
        around = hpgeom.neighbors(2**CELL_ORDER, own)  # (n, 8), -1 where there is none
        cells = np.column_stack([own, around]).ravel()
        first = np.searchsorted(self.places, cells << CELL_BITS)
        counts = np.searchsorted(self.places, (cells + 1) << CELL_BITS) - first
        row = np.repeat(np.arange(len(cells)) // 9, counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        known = hpgeom.pixel_to_angle(2**29, self.places[np.repeat(first, counts) + within])
        chord = np.linalg.norm(_direction(*known) - _direction(ra[row], dec[row]), axis=0)
        near = np.zeros(len(place), np.bool_)
        near[row[chord <= 2 * np.sin(np.radians(LINK_ARCSEC / 3600) / 2)]] = True
        return near


def read_training_objects(warehouse: Warehouse) -> pa.Table:
    """Return `IDENTITY` of each spectrum of the training split, all folds included."""
    rows = read_sample(warehouse, [*IDENTITY, "split"])
    is_train = pc.fill_null(pc.equal(rows["split"], "train"), False)
    return rows.filter(is_train).select(list(IDENTITY))


def write_training_objects(rows: pa.Table, folder: Path) -> None:
    """Write rows of `IDENTITY` into a model folder, sorted."""
    with part_writer(Location.of(folder / TRAINING_OBJECTS), rows.schema) as writer:
        writer.write_table(rows.sort_by([(name, "ascending") for name in IDENTITY]))


def _hashes(names: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    return np.asarray(hash_array(names.to_numpy(zero_copy_only=False).astype(object)))


def _are_in(known: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64]) -> Booleans:
    place = np.searchsorted(known, hashes)
    is_inside = place < len(known)
    is_inside[is_inside] = known[place[is_inside]] == hashes[is_inside]
    return is_inside


def _position(rows: pa.Table | pa.RecordBatch) -> tuple[Doubles, Doubles]:
    """Return right ascension and declination in degrees, NaN where missing."""
    ra, dec = (
        np.asarray(rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False))
        for name in ("ra", "dec")
    )
    return ra, dec


def _direction(ra: Doubles, dec: Doubles) -> Doubles:
    """Return unit vectors (3, n) of positions in degrees."""
    lon, lat = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
