"""Merge small parts into large ones, as one change that outdates nothing.

Parts of ``spectra``, and with them those of ``restframe``, ``lines`` and ``catalog``, are merged in
one order: by position on the sky, as ingest sorts them. A row stays what it is, with the run that
made it. ``sample`` names the new parts, and the names of predictions that were current are those
that the new parts lead to; so no stage finds anything to do.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.catalog.current import place_named, predictions_place
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.upkeep.groups import Group, counterpart, groups_of_files, groups_of_spectra
from galspec_spark.upkeep.merge import NARROW, WIDE, Merge, MergeParts, in_order, sky_order
from galspec_spark.upkeep.retention import of_older_models
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import Slice, sample_place, write_sample
from galspec_spark.warehouse.sample_rows import SampleRows, sample_rows
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import MADE_BY, Staging, Warehouse

log = logging.getLogger(__name__)

#: Staged files and their places.
Moves = list[tuple[Location, str]]


def compact(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Merge parts of less than half the size of ``ingest.part_megabytes``.

    Of each release, the catalogues of all models but the last ``compact.keep_models`` are removed.
    Readers that began before find the replaced parts until the next compaction.

    Returns
    -------
    dict
        Number of ``parts`` of all tables before (``parts_before``) and after; ``spectra`` of the
        merged parts; ``catalogues_removed``, of a model and release each; ``changed``.

    Raises
    ------
    UserError
        If there is no table ``spectra``, or another job is writing to the warehouse.
    """
    part_bytes = run.config.ingest.part_megabytes * 1e6
    with warehouse.writing(run.id) as staging:
        warehouse.existing_parts("spectra")
        catalog = warehouse.parts("catalog")
        old = of_older_models(catalog, run.config.compact.keep_models)
        groups = groups_of_spectra(warehouse, set(catalog) - old, part_bytes)
        files = groups_of_files(warehouse, part_bytes)
        before = _count(warehouse)
        spectra = sum(open_part(part).metadata.num_rows for each in groups for part in each.spectra)
        if groups or files or old:
            with spark_progress(spark, "compact", spectra, "spectra"):
                moves, replaced = _merge(spark, run, warehouse, staging, groups, files)
            warehouse.commit(staging, moves, remove=old, retire=replaced)
        else:
            log.info("compact: no two small parts can be merged: nothing to do")
    return {
        "parts_before": before,
        "parts": _count(warehouse),
        "spectra": spectra,
        "catalogues_removed": len({part.parent for part in old}),
        "changed": bool(groups or files or old),
    }


def _count(warehouse: Warehouse) -> int:
    return sum(len(warehouse.parts(table)) for table in MADE_BY)


def _merge(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    staging: Staging,
    groups: Sequence[Group],
    files: Sequence[tuple[Location, ...]],
) -> tuple[Moves, list[Location]]:
    """Merge in Spark's tasks; return the moves to commit and the parts that they replace."""
    work = [merge for group in groups for merge in _work(warehouse, group)]
    work += [Merge(parts, (), NARROW) for parts in files]
    staged = iter(run_tasks(spark, MergeParts(staging.folder), work))
    merged = [
        Merged(
            group,
            group.spectra[0].parent / _name(run, number),
            {table: next(staged) for table in ("spectra", *group.derived)},
            {model: next(staged) for model in group.catalog},
        )
        for number, group in enumerate(groups)
    ]
    moves = [(next(staged), f"files/{_name(run, number)}") for number in range(len(files))]
    replaced = [part for merge in work for part in merge.parts]
    sample = staging.folder / f"{run.id}.parquet"
    decided: dict[str, SampleRows] = {}
    if any("restframe" in group.derived for group in groups):
        decided = stage_sample(warehouse, sample, merged)
        moves.append((sample, f"sample/{sample.name}"))
        replaced.append(sample_place(warehouse))
    for each in merged:
        moves += each.moves(warehouse, sample, decided)
    return moves, replaced


def _name(run: Run, number: int) -> str:
    return f"{run.id}-merged-{number:05d}.parquet"


def _work(warehouse: Warehouse, group: Group) -> Iterator[Merge]:
    """Yield the merges of a group: of ``spectra``, of the derived tables, and of each model."""
    yield Merge(group.spectra, group.spectra, WIDE)
    for table in group.derived:
        places = (counterpart(warehouse, part, table) for part in group.spectra)
        yield Merge(tuple(warehouse.root / place for place in places), group.spectra, WIDE)
    for parts in group.catalog.values():
        yield Merge(parts, group.spectra, NARROW)


@dataclass(frozen=True)
class Merged:
    """A group of parts after its tasks."""

    group: Group
    spectra: Location  #: the part of ``spectra`` that there will be
    tables: Mapping[str, Location]  #: staged parts, by table
    catalog: Mapping[str, Location]  #: staged parts of ``catalog``, by model

    def moves(
        self, warehouse: Warehouse, sample: Location, decided: Mapping[str, SampleRows]
    ) -> Moves:
        """Return the staged parts and their places.

        Parameters
        ----------
        sample, decided
            The staged table, and where in it the rows of a place in ``restframe`` are.
        """
        found = [
            (staged, counterpart(warehouse, self.spectra, table))
            for table, staged in self.tables.items()
        ]
        restframe, lines = (
            counterpart(warehouse, self.spectra, table) for table in ("restframe", "lines")
        )
        spectra = Slice(
            warehouse.root / restframe,
            self.tables.get("lines", warehouse.root / lines),
            sample,
            decided.get(restframe, SampleRows(0, 0, 0)),
        )
        for model, staged in self.catalog.items():
            settings = self.group.settings[model]
            if settings is None:  # outdated they were, and outdated they stay
                names = "".join(part.name for part in self.group.catalog[model])
                place = place_named(spectra, model, hashlib.sha256(names.encode()).hexdigest())
            else:
                place = predictions_place(spectra, model, settings)
            found.append((staged, place))
        return found


def stage_sample(
    warehouse: Warehouse, place: Location, merged: Sequence[Merged]
) -> dict[str, SampleRows]:
    """Write ``sample`` with the rows of merged parts together.

    Returns
    -------
    dict
        The rows of each part of ``restframe``, by the part's place.
    """
    sample = open_part(sample_place(warehouse))
    rows, first = sample.read(), 0
    tables: dict[str, pa.Table] = {}
    for part, found in sample_rows(sample).items():
        tables[part] = rows.slice(first, found.count)
        first += found.count
    for each in merged:
        if "restframe" in each.group.derived:
            parts = (counterpart(warehouse, part, "restframe") for part in each.group.spectra)
            together = pa.concat_tables([tables.pop(part) for part in parts])
            together = in_order(together, sky_order(each.group.spectra))
            name = counterpart(warehouse, each.spectra, "restframe")
            tables[name] = _of_part(together, name)
    write_sample(place, pa.concat_tables(tables[name] for name in sorted(tables)))
    return sample_rows(open_part(place))


def _of_part(rows: pa.Table, name: str) -> pa.Table:
    column = rows.schema.get_field_index("part")
    return rows.set_column(column, rows.schema.field(column), pa.repeat(name, len(rows)))
