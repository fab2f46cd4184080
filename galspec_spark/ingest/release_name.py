"""The data release of files, where nobody names it: what the archive's own folders say."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError

#: The name of a release that neither a person nor a path tells.
UNNAMED = "unnamed"
#: The folder above the reductions: ``dr17/sdss/spectro/redux`` of SDSS, ``dr19/spectro/boss/redux``
#: of SDSS-V, ``dr1/spectro/redux`` of DESI, and ``simulated/sdss/spectro/redux`` of `simulate`.
ARCHIVE = (
    r"/(?P<release>dr\d+|edr|simulated)"
    r"/(?:(?:sdss|boss|eboss)/)?spectro/(?:(?:sdss|boss)/)?redux/"
)


def release_of(paths: pa.ChunkedArray) -> str:
    """Return the release that the paths of files name; `UNNAMED` where none names one.

    Raises
    ------
    UserError
        If they name several, or some name none.
    """
    found = pc.struct_field(pc.extract_regex(paths, ARCHIVE), "release")
    names = sorted(pc.unique(pc.fill_null(found, UNNAMED)).to_pylist())
    if len(names) > 1:
        raise UserError(
            f"the paths of the files name several releases ({', '.join(names)}): ingest one at a "
            "time, or give --release NAME for all"
        )
    return names[0] if names else UNNAMED
