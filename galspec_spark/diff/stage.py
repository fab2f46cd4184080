"""What changed between two releases: narrow columns first, pixels only where these differ."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.diff.causes import CAUSES, find_causes
from galspec_spark.diff.contents import DiffReport, read_examples
from galspec_spark.diff.narrow import Pairs, check_releases, match, may_differ, read_release
from galspec_spark.diff.page import write_diff_page
from galspec_spark.diff.pixels import compare_pixels
from galspec_spark.diff.rates import RATES, find_rates, rates_table
from galspec_spark.diff.table import DIFF, KINDS, diff_table, ordered
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.run import Run, Summary
from galspec_spark.ml.model.bundle import model_id
from galspec_spark.preprocess.recipe import State, read_state
from galspec_spark.report.origin import Origin, Simulated
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

TABLE_FILE, RATES_FILE = "diff.parquet", "rates.parquet"

log = logging.getLogger(__name__)


def diff(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    releases: tuple[str, str],
    models: Sequence[Path],
    output: Path,
) -> Summary:
    """Compare the spectra of two releases, by survey, plate or field, night and fibre or target.

    The driver reads narrow columns of both. Tasks read the pixels of those pairs whose narrow
    columns differ, and nothing else of the tables with pixels: the cost follows what changed.

    Parameters
    ----------
    releases
        The old and the new one.
    models
        The folder of the model whose catalogues of them are compared, or one for each release.
    output
        Gets ``diff.parquet``, ``rates.parquet``, ``diff.html`` and ``figures/*.png``.

    Returns
    -------
    dict
        The summary: numbers of spectra by kind of change, of flips by cause, and what stands out.

    Raises
    ------
    ConfigError
        If the warehouse lacks a release, or there are more models than releases.
    UserError
        If a model has not classified its release, or a table is missing.
    """
    check_releases(warehouse, releases)
    ids = _model_ids(models)
    state = _state(warehouse)
    old, new = (read_release(warehouse, *each) for each in zip(releases, ids, strict=True))
    pairs, vanished, appeared = match(old, new)
    same_model = ids[0] == ids[1]
    chosen = may_differ(pairs, same_model) | pairs.unequal("class")
    log.info(
        "diff: the pixels of %s of %s spectra are compared", f"{chosen.sum():,}", f"{len(pairs):,}"
    )
    pixels = compare_pixels(spark, warehouse, pairs, chosen, state.recipe)
    found = find_causes(pairs, pixels, same_model=same_model)
    rows = ordered(pairs, found, pixels)
    table = diff_table(
        pairs, rows, found, pixels, vanished, appeared, state.label.classes, run.columns()
    )
    counted = {"flipped": found.flipped, "changed": found.causes["mask"] | found.causes["flux"]}
    report = DiffReport(
        releases=releases,
        models=ids,
        provenance=run.columns(),
        origin=Origin(run.command, [], warehouse.root.path),
        simulated=_simulated(old, new),
        spectra=(len(old), len(new)),
        pairs=len(pairs),
        compared=int(chosen.sum()),
        table=table,
        flips=_flips(pairs),
        rates=find_rates(pairs.old, vanished, counted),
        examples=read_examples(warehouse, pairs, rows, table),
    )
    page = write_diff_page(output, report)
    _write(output / TABLE_FILE, table, DIFF)
    _write(output / RATES_FILE, rates_table(report.rates), RATES)
    return {**_summary(report), "table": str(output / TABLE_FILE), "page": str(page)}


def _model_ids(models: Sequence[Path]) -> tuple[str, str]:
    if len(models) > 2:
        raise ConfigError("--model takes one folder, or one for each of the two releases")
    return model_id(models[0]), model_id(models[-1])


def _summary(report: DiffReport) -> Summary:
    (old, new), (old_spectra, new_spectra) = report.releases, report.spectra
    differ = report.kinds["flipped"] + report.kinds["changed"]
    return {
        "old": old,
        "new": new,
        "old_spectra": old_spectra,
        "new_spectra": new_spectra,
        "in_both": report.pairs,
        "unchanged": report.pairs - differ,
        **{kind: report.kinds[kind] for kind in KINDS},
        "flips_by_cause": {cause: report.causes["flipped"][cause] for cause in CAUSES},
        "pixels_compared": report.compared,
        "stand_out": report.groups_standing_out,
        "found": [rate.in_words() for rate in report.standing_out],
    }


def _state(warehouse: Warehouse) -> State:
    warehouse.existing_parts("sample")
    state = read_state(warehouse)
    if state is None:
        raise UserError(f"no state of the table sample in {warehouse.root}: run galspec preprocess")
    return state


def _simulated(old: pa.Table, new: pa.Table) -> Simulated:
    both = [pc.sum(rows["simulated"]).as_py() or 0 for rows in (old, new)]
    return Simulated(sum(both), len(old) + len(new))


def _write(place: Path, table: pa.Table, schema: pa.Schema) -> None:
    with part_writer(Location.of(place), schema) as writer:
        writer.write_table(table)


def _flips(pairs: Pairs) -> Counter[tuple[str, str]]:
    """Count pairs by old and new class, those that stay too."""
    classes = pa.table({"old": pairs.old["class"], "new": pairs.new["class"]}).drop_null()
    counts = classes.group_by(["old", "new"]).aggregate([([], "count_all")])
    return Counter({(row["old"], row["new"]): row["count_all"] for row in counts.to_pylist()})
