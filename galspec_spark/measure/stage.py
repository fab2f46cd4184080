"""From the table ``spectra`` to ``lines``: each spectrum is measured once, part by part."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict
from pyspark.sql import SparkSession

from galspec_spark.config import LinesConfig
from galspec_spark.errors import ConfigError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.lines.templates import Templates, own_templates, read_templates
from galspec_spark.measure.part import Measured, MeasurePart, bad_sky_bits
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

#: File beside the parts; Spark ignores names that begin with _.
STATE = "_state.json"
#: Changes when the same spectrum would be measured otherwise.
METHOD = 3

log = logging.getLogger(__name__)


class State(BaseModel):
    """What the table depends on, beside the spectra."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: str
    method: int = METHOD


def measure_lines(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Measure the lines of spectra that were not measured yet; of all, with other templates.

    Returns
    -------
    dict
        Counts of this run: ``parts_measured``, their ``spectra``, those ``measured`` at all, those
        ``seen_by_templates``, and each class by the formula; ``changed``: whether this run changed
        anything.

    Raises
    ------
    ConfigError
        If ``lines.templates`` names a file that does not exist.
    UserError
        If the table ``spectra`` does not exist.
    """
    templates = load_templates(run.config.lines)
    state = State(templates=templates.version)
    with warehouse.writing(run.id) as staging:
        sources = warehouse.counterparts("spectra", "lines")
        existing = {warehouse.place_of(part): part for part in warehouse.parts("lines")}
        kept = existing.keys() & sources.keys() if _read_state(warehouse) == state else set()
        todo = [
            (part, place, bad_sky_of(part)) for place, part in sources.items() if place not in kept
        ]
        gone = [part for place, part in existing.items() if place not in kept]
        measured: list[Measured] = []
        if todo or gone:
            spectra = sum(open_part(part).metadata.num_rows for part, _, _ in todo)
            with spark_progress(spark, "measure, lines", spectra, "spectra"):
                task = MeasurePart(templates, staging.folder, run.columns())
                measured = run_tasks(spark, task, todo)
            write_json(staging.folder / STATE, state.model_dump(mode="json"))
            moves = [(part.staged, part.place) for part in measured]
            moves.append((staging.folder / STATE, f"lines/{STATE}"))
            warehouse.commit(staging, moves, remove=gone)
        else:
            log.info("measure: lines is up to date: nothing to do")
    return {
        **_summary(measured, templates),
        "changed": bool(todo or gone),
        "parts_measured": len(todo),
    }


def load_templates(config: LinesConfig) -> Templates:
    """Read the configured templates; our own where there are none.

    Raises
    ------
    ConfigError
        If the configured file does not exist.
    """
    if config.templates is None:
        return own_templates()
    place = Location.of(config.templates)
    if not place.exists():
        raise ConfigError(f"lines.templates: {config.templates} does not exist")
    return read_templates(place.read(), place.name)


def bad_sky_of(part: Location) -> int:
    """Return the `bad_sky_bits` of a part's survey."""
    return bad_sky_bits(partition_values(part)["survey"])


def _read_state(warehouse: Warehouse) -> State | None:
    place = warehouse.table("lines") / STATE
    remedy = "delete it and run galspec measure, which measures all spectra anew"
    return read_json(place, State, remedy) if place.exists() else None


def _summary(measured: list[Measured], templates: Templates) -> dict[str, Any]:
    spectra = sum(part.spectra for part in measured)
    seen = sum(part.seen for part in measured)
    classes: Counter[str] = sum((part.classes for part in measured), Counter())
    by_formula = {name.lower() or "other": count for name, count in sorted(classes.items())}
    in_words = ", ".join(f"{count:,} {name}" for name, count in by_formula.items())
    have_lines = classes.total()
    if measured:
        log.info(
            "measure: %s of %s spectra have lines: %s", f"{have_lines:,}", f"{spectra:,}", in_words
        )
    if seen:
        log.warning(
            "measure: the templates learned from %d of them, and may fit others less well", seen
        )
    return {
        "templates": templates.version,
        "spectra": spectra,
        "measured": have_lines,
        "seen_by_templates": seen,
        "by_formula": by_formula,
    }
