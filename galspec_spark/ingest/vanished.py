"""Files of a release that were ingested and are not there any more."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError

log = logging.getLogger(__name__)


def vanished_files(
    before: pa.Table, files: pa.Table, folders: pa.Array, whole: str | None
) -> pa.ChunkedArray:
    """Return the paths of a whole release that are not listed any more.

    Those in a folder that cannot be listed now may be there.

    Parameters
    ----------
    before
        Columns path and release of the files that are known.
    files, folders
        What was listed: a table with path, size and modification time, and paths.
    whole
        Name of the release; None if no release is listed as a whole.
    """
    paths = before.filter(pc.equal(before["release"], whole or ""))["path"]
    there = pa.chunked_array([*files["path"].chunks, folders], pa.string())
    gone = paths.filter(pc.invert(pc.is_in(paths, there)))
    no_file = pc.and_(pc.equal(files["size"], 0), pc.equal(files["mtime_ns"], 0))
    for folder in files["path"].filter(no_file).to_pylist():
        gone = gone.filter(pc.invert(pc.starts_with(gone, f"{folder}/")))
    return gone


def check_vanished(vanished: pa.Array, before: pa.Table, release: str, limit: float) -> None:
    """Tell of the vanished files of a release.

    Raises
    ------
    UserError
        If they are a greater share of its known files than the limit: a mount may be missing.
    """
    if not len(vanished):
        return
    known = pc.sum(pc.equal(before["release"], release)).as_py()
    example = vanished[0].as_py()
    if len(vanished) > limit * known:
        raise UserError(
            f"{len(vanished)} of the {known} files of release {release} vanished, such as "
            f"{example}: nothing was changed; put them back, or allow it with "
            "--set ingest.vanished_max=1"
        )
    log.warning("%d of %d files of release %s vanished: %s", len(vanished), known, release, example)
