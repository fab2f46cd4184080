"""The task of ingest: decodes some of the files, and writes their parts and accounts."""

from __future__ import annotations

import os
import resource
import sys
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from galspec_spark.ingest.spectra_parts import SpectraParts
from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_sources
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.schemas import FILES
from galspec_spark.warehouse.storage import Location


@dataclass(frozen=True)
class Read:
    """The result of a task."""

    parts: list[tuple[Location, str]]  #: staged, and its place in the warehouse
    read: int
    quarantined: int
    spectra: int
    reasons: Counter[str]  #: quarantined files by reason
    worker_megabytes: int  #: the most memory that the worker ever held
    examples: list[str]  #: of quarantined files


def read_files(
    number: int, *, plan: Location, staging: Location, release: str, provenance: dict[str, str]
) -> Read:
    """Decode the files of one task and write its parts of ``spectra`` and ``files``.

    Runs in a Spark task. Memory is bounded by `galspec_spark.ingest.spectra_parts.HELD_BYTES`, not
    by the files.
    """
    name = f"{provenance['run_id']}-{number:05d}"
    attempt = staging / f"{number:05d}-{os.urandom(4).hex()}"
    spectra = SpectraParts(attempt, name, release, provenance)
    files = open_part(plan).read_row_group(number).to_pylist()
    accounts = []
    sources = open_sources((file["path"], file["size"]) for file in files)
    for file, source in zip(files, sources, strict=True):
        account = {**file, **provenance, "status": "read", "rows": 0, "release": release}
        try:
            if isinstance(source, BadFile):
                raise source
            account["format"], rows = read_spectra(source)
            account["rows"] = len(rows)
            spectra.add(rows, file["path"])
        except BadFile as error:
            account.update(status="quarantined", reason=error.reason, message=error.message)
        accounts.append(account)
    spectra.close()
    place = f"files/{name}.parquet"
    with part_writer(attempt / place, FILES) as writer:
        writer.write_table(pa.Table.from_pylist(accounts, FILES))
    quarantined = [account for account in accounts if account["status"] == "quarantined"]
    return Read(
        parts=[(attempt / place, place) for place in [*spectra.places, place]],
        read=len(accounts) - len(quarantined),
        quarantined=len(quarantined),
        spectra=sum(account["rows"] for account in accounts),
        reasons=Counter(account["reason"] for account in quarantined),
        worker_megabytes=_peak_megabytes(),
        examples=[f"{a['path']}: {a['reason']}: {a['message']}" for a in quarantined[:3]],
    )


def _peak_megabytes() -> int:
    """Return the most memory that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 1_000_000
