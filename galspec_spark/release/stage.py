"""A data release from files to catalogue and report, unattended; each step can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark import __version__
from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.catalog.stage import classify
from galspec_spark.download.fetch import download
from galspec_spark.download.sas import Archive
from galspec_spark.download.wanted import listed_plates, read_list
from galspec_spark.harness.record import RunRecord
from galspec_spark.harness.run import Run, Summary, run_stage
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.ml.model.bundle import load_bundle, model_id
from galspec_spark.ml.model.drift import Drift
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.queue.stage import CSV, read_queue, write_queue
from galspec_spark.release.drift import DRIFT, drift
from galspec_spark.release.log import log_to
from galspec_spark.release.steps import Step, Steps
from galspec_spark.report.release.html import write_release_report
from galspec_spark.verify.verify import verify
from galspec_spark.viewer.stage import view_catalog
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import MADE_BY, Warehouse

NAMES = (
    "download", "ingest", "preprocess", "measure", "classify", "drift", "verify", "queue", "report",
)  # fmt: skip
REPORT = "report.html"
#: Reduction of the listed files, unless the list names it, and their kind.
RUN2D, KIND = "26", "lite"


@dataclass(frozen=True)
class Release:
    """A release, its inputs and its outputs."""

    name: str
    inputs: Sequence[str]
    warehouse: Warehouse
    model: Path  #: folder
    output: (
        Path  #: gets run.json, log.jsonl, drift.json, the queue, figures, report.html, spectra.html
    )
    wanted: Path | None = None  #: list of spectra to download into the first of the inputs
    archive: str = ""  #: root of the archive
    is_whole: bool = False  #: whether the inputs are all of it: the rows of its other files go


def release_lock(warehouse: Location) -> Location:
    """Return the folder whose lock keeps releases of a warehouse one at a time."""
    return warehouse / "_release"


def run_release(spark: SparkSession, run: Run, release: Release) -> Summary:
    """Ingest, preprocess, measure, classify and check a release, and report.

    A rerun does only what is left: it skips files already read, spectra already classified, and
    later steps of which no input has changed.

    Returns
    -------
    dict
        The summary: state of each step, and ``findings`` of drift and verify.

    Raises
    ------
    UserError
        If another release job holds the warehouse, or a step fails; ``run.json`` names the step.
    """
    output = Location.of(release.output)
    with hold_lock(release_lock(release.warehouse.root), run.id), log_to(release.output, run):
        model = run.trail.model = model_id(release.model)
        names = [name for name in NAMES if name != "download" or release.wanted]
        steps = Steps(
            output / "run.json",
            run,
            names,
            release=release.name,
            model=model,
            inputs=release.inputs,
            warehouse=release.warehouse.root.path,
        )
        chain = _chain(spark, run, release, steps)
        for name in names:
            steps.run(chain[name])
        findings = steps.end()
    return {
        "release": release.name,
        "model": model,
        "status": steps.record.status,
        "steps": {entry.name: entry.state for entry in steps.record.steps},
        "findings": findings,
        "found": steps.all_of("found"),
        "report": str(release.output / REPORT),
    }


def _chain(spark: SparkSession, run: Run, release: Release, steps: Steps) -> dict[str, Step]:
    """Return the steps, by name."""
    chain = [
        Step("download", lambda: _download(run, release)),
        *_table_steps(spark, run, release),
        *_check_steps(spark, run, release),
        _queue_step(run, release),
        _report_step(spark, run, release, steps.record),
    ]
    return {step.name: step for step in chain}


def _table_steps(spark: SparkSession, run: Run, release: Release) -> list[Step]:
    """Return the steps that write tables, which themselves leave out what is done."""
    warehouse, inputs, name = release.warehouse, release.inputs, release.name

    def step(
        job: str, work: Callable[[Run], Summary], nothing_done: Callable[[Summary], bool]
    ) -> Step:
        """Return a step that is a job and leaves the job's summary in the warehouse."""
        return Step(
            job, lambda: run_stage(run, job, warehouse.root, work), nothing_done=nothing_done
        )

    return [
        step(
            "ingest",
            lambda own: ingest(spark, own, inputs, warehouse, name, is_whole=release.is_whole),
            lambda result: not (result["read"] or result["quarantined"] or result["vanished"]),
        ),
        step(
            "preprocess",
            lambda own: preprocess(spark, own, warehouse),
            lambda result: not result["changed"],
        ),
        step(
            "measure",
            lambda own: measure_lines(spark, own, warehouse),
            lambda result: not result["changed"],
        ),
        step(
            "classify",
            lambda own: classify(spark, own, warehouse, release.model, name),
            lambda result: not result["classified"],
        ),
    ]


def _check_steps(spark: SparkSession, run: Run, release: Release) -> list[Step]:
    """Return the steps that look for drift and damage, skipped while the tables stay the same."""
    warehouse, model, output = release.warehouse, release.model, release.output

    def drift_key() -> str:
        parts = catalog_parts(warehouse, model_id(model), release.name)
        return _key(_paths(parts), run.config.drift.model_dump(mode="json"))

    def verify_key() -> str:
        return _key([_paths(warehouse.parts(table)) for table in MADE_BY])

    def check(own: Run) -> Summary:
        return verify(spark, own, warehouse, inputs=release.inputs, release=release.name)

    return [
        Step(
            "drift",
            lambda: drift(run, warehouse, model, release.name, output),
            key=drift_key,
            makes=output / DRIFT,
        ),
        Step("verify", lambda: run_stage(run, "verify", warehouse.root, check), key=verify_key),
    ]


def _queue_step(run: Run, release: Release) -> Step:
    """Return the step that writes the queue, skipped while its tables stay the same."""
    warehouse, model, output = release.warehouse, release.model, release.output
    number = run.config.queue.spectra

    def work() -> Summary:
        return write_queue(run, warehouse, load_bundle(model), release.name, number, output)

    def key() -> str:
        catalog = catalog_parts(warehouse, model_id(model), release.name)
        others = [*warehouse.parts("sample"), *warehouse.parts("lines")]
        return _key(_paths(catalog), _paths(others), number)

    return Step("queue", work, key=key, makes=output / CSV)


def _report_step(spark: SparkSession, run: Run, release: Release, record: RunRecord) -> Step:
    """Return the step that writes report and viewer, skipped while the results before it stay."""
    warehouse, output = release.warehouse, release.output

    def report() -> Summary:
        remedy = "delete it and run the same command again"
        found = read_json(Location.of(output / DRIFT), Drift, remedy)
        bundle = load_bundle(release.model)
        viewer = view_catalog(spark, run, warehouse, bundle, release.name, output)
        page = write_release_report(
            spark, warehouse, bundle, release.name, record, found, read_queue(output), output
        )
        return {"page": str(page), "viewer": viewer["page"]}

    def key() -> str:
        return _key([step.result for step in record.steps[:-1]], run.config.viewer.spectra)

    return Step("report", report, key=key, makes=output / REPORT)


def _download(run: Run, release: Release) -> Summary:
    assert release.wanted is not None
    count, plates = listed_plates(read_list(release.wanted, RUN2D, KIND))
    archive = Archive(release.archive, release.name.lower(), KIND)
    return download(run, archive, plates, count, Path(release.inputs[0]))


def _paths(parts: Sequence[Location]) -> list[str]:
    return [part.path for part in parts]


def _key(*values: object) -> str:
    """Return a hash, 16 digits, of what a result depends on, the version included."""
    text = json.dumps([*values, __version__])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
