"""Files of spectra and the catalogues that they are read with, compressed or not.

Where a catalogue arrives or changes, its spectra are read again, also where they are not among the
inputs: the tables are the same as if both had come at once.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Prefixes of the names of catalogues, and of the file of spectra that each is read with.
CATALOGUES = {
    "spZbest-": "spPlate-",
    "spZline-": "spPlate-",
    "redrock-": "coadd-",
    "zbest-": "coadd-",
}
BEGINS = re.compile("|".join(CATALOGUES))


def with_spectra_of_catalogues(listing: pa.Table, warehouse: Warehouse) -> pa.Table:
    """Add known files of spectra that are not listed, but a catalogue of theirs is.

    Parameters
    ----------
    listing
        Path, size and modification time of files, sorted by path.
    """
    wanted = _spectra_of(listing["path"])
    missing = wanted.filter(pc.invert(pc.is_in(wanted, _stems(listing["path"]))))
    if not len(missing):
        return listing
    known = [open_part(part).read(["path"])["path"] for part in warehouse.parts("files")]
    paths = pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string())
    places = [Location(path) for path in paths.filter(pc.is_in(_stems(paths), missing)).to_pylist()]
    found = [place.status() for place in places if place.exists()]
    columns = [[getattr(file, name) for file in found] for name in listing.column_names]
    added = pa.Table.from_arrays([pa.array(c) for c in columns], schema=listing.schema)
    return pa.concat_tables([listing, added]).sort_by("path").combine_chunks()


def has_catalogue_in(paths: pa.ChunkedArray, read: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which files have a catalogue, in their folder or a subfolder, among files to read."""
    return pc.is_in(_stems(paths), _spectra_of(read))


def _spectra_of(paths: pa.ChunkedArray) -> pa.Array:
    """Return where the spectra of each catalogue may be, without the suffix of compression."""
    catalogues = paths.filter(pc.match_substring_regex(paths, f"/({BEGINS.pattern})[^/]*$"))
    places: list[str] = []
    for path in _stems(catalogues).to_pylist():
        folder, _, name = path.rpartition("/")
        spectra = BEGINS.sub(lambda found: CATALOGUES[found.group()], name, count=1)
        places += [f"{folder}/{spectra}", f"{folder.rpartition('/')[0]}/{spectra}"]
    return pa.array(places, pa.string())


def _stems(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(paths, r"(?i)\.gz$", "")
