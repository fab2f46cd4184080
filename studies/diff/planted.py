"""Two releases of a simulated survey, the second with planted changes, compared by `diff`.

All that is not planted is reduced again too: another scale of the flux, of 2 %, and a redshift that
differs by 1e-6 say nothing about a spectrum, and must not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.catalog.stage import classify
from galspec_spark.diff.stage import diff
from galspec_spark.harness.run import Run, Summary
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.simulate.survey import simulate
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.train.stage import train
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.storage import write_json
from galspec_spark.warehouse.tables import Warehouse

OLD, NEW = "dr1", "dr2"
CAUSES = ("redshift", "mask", "flux", "label")
KINDS = (*CAUSES, "vanished", "appeared")
#: Every so many spectra, one gets each kind of change; and the fibre that fails.
ONE_IN, FAILED = 80, 100
#: Of what is planted: redshift; pixels that are masked, or have a line, around [N II]; its sigma.
STEP, MASKED, LINE, HEIGHT = 0.004, 150, 4, 5.0
NII = 6585.27
#: Of what is not: scale of the flux, and change of the redshift.
SCALE, ROUNDING = 1.02, 1e-6


def planted(spark: SparkSession, run: Run, output: Path) -> Summary:
    """Make both releases, compare them, and write ``planted.json``: what was found of each kind."""
    warehouse = Warehouse(output / "warehouse")
    simulate(spark, run.config.simulate, output / "survey")
    ingest(spark, run, [str(output / "survey")], warehouse, OLD)
    preprocess(spark, run, warehouse)
    measure_lines(spark, run, warehouse)
    train(spark, run, warehouse, output / "run", None)
    changes = _choose(warehouse)
    _write_new(run, warehouse, changes)
    preprocess(spark, run, warehouse)
    measure_lines(spark, run, warehouse)
    classify(spark, run, warehouse, output / "run" / "model", None)
    found = diff(spark, run, warehouse, (OLD, NEW), [output / "run" / "model"], output / "diff")
    scores = score(changes, pq.read_table(output / "diff" / "diff.parquet"), found)
    write_json(output / "planted.json", scores)
    return {"page": found["page"], **scores}


def score(changes: Mapping[str, str], rows: pa.Table, found: Summary) -> dict[str, object]:
    """Return shares of what was planted that was found, and of the others that were found."""
    table = {row["key"]: row for row in rows.to_pylist()}
    planted_, right = Counter(changes.values()), Counter[str]()
    for key, kind in changes.items():
        row = table.get(key, {"kind": None, "cause": None})
        expected = {"failed": "flux"}.get(kind, kind)
        right[kind] += expected in (row["kind"], row["cause"])
    spectra = int(str(found["in_both"])) - sum(planted_[kind] for kind in (*CAUSES, "failed"))
    false = [key for key in table if key not in changes]
    return {
        "planted": dict(planted_),
        "found_with_cause": dict(right),
        "found": sum(key in table for key in changes) / len(changes),
        "not_planted": spectra,
        "false": len(false),
        "false_share": len(false) / spectra,
    }


def _choose(warehouse: Warehouse) -> dict[str, str]:
    """Choose spectra that preprocess uses and that are no AGN; and those of the failing fibre."""
    sample = read_sample(warehouse, ["spectrum_id", "survey", "reason", "label"])
    used = sample.filter(pc.and_(pc.is_null(sample["reason"]), pc.equal(sample["label"], 0)))
    keys = sorted(_key(name) for name in used["spectrum_id"].to_pylist())
    keys = [key for key in keys if not key.endswith(f"-{FAILED:04d}")]
    chosen = np.random.default_rng(1).permutation(keys)[: len(KINDS) * (len(sample) // ONE_IN)]
    changes = {str(key): KINDS[number % len(KINDS)] for number, key in enumerate(chosen)}
    names = map(_key, sample["spectrum_id"].to_pylist())
    changes |= {key: "failed" for key in names if key.endswith(f"-{FAILED:04d}")}
    return changes


def _write_new(run: Run, warehouse: Warehouse, changes: Mapping[str, str]) -> None:
    """Write the new release beside the old one, and take from that what appears in the new one."""
    with warehouse.writing(run.id) as staging:
        moves, removed = [], warehouse.parts("spectra")
        for number, part in enumerate(removed):
            rows = open_part(part).read()
            for release, gone in ((OLD, "appeared"), (NEW, "vanished")):
                table = _release(rows, release, changes, gone)
                name = f"{release}-{number}.parquet"
                place = warehouse.place_of(part.parent / name).replace(OLD, release)
                with part_writer(staging.folder / place, SPECTRA) as writer:
                    writer.write_table(table, row_group_size=1000)
                moves.append((staging.folder / place, place))
        warehouse.commit(staging, moves, remove=removed)


def _release(rows: pa.Table, release: str, changes: Mapping[str, str], gone: str) -> pa.Table:
    stays = []
    for row in rows.to_pylist():
        key = _key(row["spectrum_id"])
        kind = changes.get(key)
        if kind == gone:
            continue
        row["spectrum_id"] = row["spectrum_id"].replace(f"-{OLD}-", f"-{release}-")
        if release == NEW:
            _change(row, kind)
        stays.append(row)
    return pa.Table.from_pylist(stays, SPECTRA)


def _change(row: dict[str, object], kind: str | None) -> None:
    """Reduce a spectrum again, with a change or without."""
    flux, ivar = (np.array(row[name], np.float32) for name in ("flux", "ivar"))
    z = float(str(row["z"]))
    noise = SCALE / np.sqrt(np.median(ivar[ivar > 0])) if (ivar > 0).any() else 0.0
    flux, ivar = flux * np.float32(SCALE), ivar / np.float32(SCALE**2)
    place = round((np.log10(NII * (1 + z)) - float(str(row["loglam0"]))) / LOGLAM_STEP)
    if kind == "mask":
        ivar[place - MASKED : place + MASKED] = 0
    elif kind == "flux":
        flux[place - LINE : place + LINE + 1] += HEIGHT * noise
    elif kind == "failed":
        flux = np.random.default_rng(place).normal(0, 10 * noise, len(flux)).astype(np.float32)
    elif kind == "label":
        row["subclass"] = "AGN"
    row["z"] = z + (STEP if kind == "redshift" else ROUNDING)
    row["flux"], row["ivar"] = flux, ivar


def _key(spectrum_id: str) -> str:
    """Return the name of a spectrum without its release."""
    return spectrum_id.replace(f"-{OLD}-", "-").replace(f"-{NEW}-", "-")
