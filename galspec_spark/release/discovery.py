"""Every release in a folder: those that the warehouse lacks or that changed, one after the other.

Each folder in it is a release of that name, and all of that release. Their order is the natural
one of their names, dr2 before dr10: modification times change when a release is delivered again,
and copies may lose them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ValidationError
from pyspark.sql import SparkSession

from galspec_spark.config import check_setting
from galspec_spark.errors import NothingRead, UserError, cause_of, without_passwords
from galspec_spark.harness.record import RunRecord
from galspec_spark.harness.run import Run, Summary
from galspec_spark.ingest.companions import with_spectra_of_catalogues
from galspec_spark.ingest.listing import accounts, changes, list_files
from galspec_spark.release.stage import Release, run_release
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

log = logging.getLogger(__name__)

RECORD = "discovery.json"
State = Literal["known", "waiting", "running", "done", "attention", "failed"]


@dataclass(frozen=True)
class Discovery:
    """A folder of releases, and what they share."""

    folder: str
    warehouse: Warehouse
    model: Path  #: folder
    output: Path  #: gets discovery.json, and a folder for each release


class Found(BaseModel):
    """A release of the folder."""

    name: str
    folder: str
    why: str  #: what is to do, in words; empty for a release that is known, with all its files
    state: State
    error: str | None = None


class Record(BaseModel):
    """Content of ``discovery.json``, for whoever started the job."""

    run_id: str
    status: Literal["running", "done", "attention", "failed"] = "running"
    releases: list[Found]


def discover_releases(spark: SparkSession, run: Run, discovery: Discovery) -> Summary:
    """Do the releases of a folder that the warehouse does not have yet or that changed.

    Returns
    -------
    dict
        The summary: the state of each release of the folder, and ``findings`` of those done now.

    Raises
    ------
    UserError
        If the folder cannot be listed, or a release fails: the message names it and what is left.
    NothingRead
        The same where every file of a release is quarantined.
    """
    found = find_releases(discovery)
    record = Record(run_id=run.id, releases=found)
    place = Location.of(discovery.output) / RECORD
    waiting = [release for release in found if release.state == "waiting"]
    for release in found:
        log.info("discovered %s: %s", release.name, release.why or "known, nothing to do")
    done: dict[str, Summary] = {}
    for number, release in enumerate(waiting):
        release.state = "running"
        write_json(place, record)
        try:
            done[release.name] = _do(spark, run, discovery, release)
        except Exception as error:
            release.state, record.status = "failed", "failed"
            release.error = without_passwords(cause_of(error))
            write_json(place, record)
            raise _failure(error, release, waiting[number + 1 :]) from error
        release.state = "attention" if done[release.name]["findings"] else "done"
    findings = {name: summary["findings"] for name, summary in done.items() if summary["findings"]}
    run.trail.release = None
    record.status = "attention" if findings else "done"
    write_json(place, record)
    return {
        "discovered": len(found),
        "done_now": ", ".join(done) or f"nothing: {len(found)} releases known, none changed",
        "releases": {release.name: release.state for release in found},
        "findings": findings,
        "found": [f"{name}: {text}" for name in done for text in _texts(done[name])],
    }


def _texts(summary: Summary) -> Sequence[str]:
    found = summary["found"]
    assert isinstance(found, list)
    return found


def _do(spark: SparkSession, run: Run, discovery: Discovery, found: Found) -> Summary:
    """Do one release, as a run of its own with the configuration that names it."""
    ingest = run.config.ingest.model_copy(update={"release": found.name})
    config = run.config.model_copy(update={"ingest": ingest})
    release = Release(
        name=found.name,
        inputs=[found.folder],
        warehouse=discovery.warehouse,
        model=discovery.model,
        output=discovery.output / found.name,
        is_whole=True,
    )
    run.trail.release = found.name
    own = replace(Run.start(run.job, config, run.command), trail=run.trail)
    return run_release(spark, own, release)


def _failure(error: Exception, failed: Found, left: Sequence[Found]) -> UserError:
    names = ", ".join(release.name for release in left) or "none"
    message = f"release {failed.name}: {cause_of(error)}; releases left: {names}"
    return (
        NothingRead(message, error.summary)
        if isinstance(error, NothingRead)
        else UserError(message)
    )


def find_releases(discovery: Discovery) -> list[Found]:
    """Return the releases of a folder, in the natural order of their names.

    What begins with a dot or underscore is none: a delivery under way can have such a name. A
    folder without FITS files is none unless the warehouse has the release.

    Raises
    ------
    UserError
        If there is no such folder, or it cannot be listed.
    ConfigError
        If the name of a folder cannot be that of a release.
    """
    root = Location.of(discovery.folder)
    if not root.is_folder():
        raise UserError(f"{discovery.folder} is no folder: --discover takes a folder of releases")
    known = accounts(discovery.warehouse.parts("files"))
    names = sorted((n for n in root.names() if n[0] not in "._"), key=_natural)
    places = [root / name for name in names]
    found = [_find(place, discovery, known) for place in places if place.is_folder()]
    for release in found:
        if release is not None:
            check_setting("--discover", "ingest.release", release.name)
    return [release for release in found if release is not None]


def _natural(name: str) -> tuple[list[tuple[str, int]], str]:
    """Order numbers in names as numbers."""
    parts = re.findall(r"(\D*)(\d*)", name.lower())
    return [(text, int(digits or -1)) for text, digits in parts], name


def _find(place: Location, discovery: Discovery, known: pa.Table) -> Found | None:
    listing = list_files([place.path], may_be_empty=True)
    listing = replace(listing, files=with_spectra_of_catalogues(listing.files, discovery.warehouse))
    is_known = pc.any(pc.equal(known["release"], place.name)).as_py()
    if not listing.files.num_rows and not is_known:
        log.info("%s has no FITS files: no release yet", place)
        return None
    to_do = changes(listing, known, discovery.warehouse, place.name)
    counts = {"files to read": to_do.new.num_rows, "files vanished": len(to_do.vanished)}
    why = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    if not why and not _is_finished(place.name, discovery):
        why = "not finished"
    return Found(name=place.name, folder=place.path, why=why, state="waiting" if why else "known")


def _is_finished(name: str, discovery: Discovery) -> bool:
    """Tell whether the release's run.json says so, of this warehouse."""
    place = Location.of(discovery.output) / name / "run.json"
    if not place.exists():
        return False
    try:
        record = RunRecord.model_validate_json(place.read())
    except ValidationError:  # damaged or of another version
        return False
    return record.status in ("done", "attention") and (
        (record.release, record.warehouse) == (name, discovery.warehouse.root.path)
    )
