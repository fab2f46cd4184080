"""How well measured lines agree with those that SDSS measured, and what fits look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.lines.formula import FORMULA_LINES
from galspec_spark.measure.part import MEASURED_FROM, spectra_of
from galspec_spark.measure.stage import bad_sky_of, load_templates
from galspec_spark.report.style import style
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse
from studies.lines import figures

OF_SURVEY = ("spectrum_id", "class", "subclass")


def study_lines(run: Run, warehouse: Warehouse, output: Path) -> dict[str, Any]:
    """Compare and draw; return the numbers.

    Raises
    ------
    UserError
        If a table is missing, or no galaxy was measured.
    """
    templates = load_templates(run.config.lines)
    spectra = warehouse.counterparts("spectra", "lines")
    warehouse.existing_parts("lines")
    rows = pa.concat_tables(_beside(warehouse, place, part) for place, part in spectra.items())
    rows = rows.filter(pc.equal(rows["class"], "GALAXY"))
    if not len(rows):
        raise UserError(f"no galaxy was measured in {warehouse.root}")
    numbers = {"galaxies": len(rows), "lines": _agreement(rows), "classes": _classes(rows)}
    output.mkdir(parents=True, exist_ok=True)
    write_json(Location.of(output / "lines.json"), numbers)
    with style():
        figures.fits(_drawn(rows, spectra), templates).savefig(output / "fits.png")
        figures.bpt(rows).savefig(output / "bpt.png")
    return {**numbers, "figures": [str(output / name) for name in ("fits.png", "bpt.png")]}


def _beside(warehouse: Warehouse, place: str, part: Location) -> pa.Table:
    """Return what was measured of a part, and what its survey says of the same spectra."""
    measured = open_part(warehouse.root / place).read()
    columns = [f"{line}_{value}" for line in FORMULA_LINES for value in ("area", "area_err")]
    theirs = open_part(part).read([*OF_SURVEY, *columns])
    for name in columns:
        measured = measured.append_column(f"survey_{name}", theirs[name])
    for name in ("class", "subclass"):
        measured = measured.append_column(name, theirs[name])
    survey = pa.repeat(partition_values(part)["survey"], len(measured))
    return measured.append_column("survey", survey).append_column(
        "part", pa.repeat(place, len(measured))
    )


def _agreement(rows: pa.Table) -> dict[str, dict[str, float]]:
    """Compare areas and S/N with the survey's, line by line."""
    found = {}
    for line in FORMULA_LINES:
        names = ("area", "area_err")
        ours, err, theirs, their_err = (
            rows[name].to_numpy()
            for name in (f"{prefix}{line}_{value}" for prefix in ("", "survey_") for value in names)
        )
        both = np.isfinite(ours) & np.isfinite(theirs)
        if both.any():
            difference = np.abs(ours / err - theirs / their_err)[both]
            area = np.abs(ours - theirs)[both] / their_err[both]
            found[line] = {
                "spectra": int(both.sum()),
                "sn_within_0.05": round(float((difference < 0.05).mean()), 4),
                "median_area_difference_sigma": round(float(np.median(area)), 5),
            }
    return found


def _classes(rows: pa.Table) -> dict[str, int]:
    """Count the classes of the survey and of the formula, where the survey is SDSS."""
    pairs = Counter(
        f"{(theirs or '').replace('BROADLINE', '').strip() or 'none'} -> {ours or 'none'}"
        for survey, theirs, ours in zip(
            *(rows[name].to_pylist() for name in ("survey", "subclass", "formula_subclass")),
            strict=True,
        )
        if survey == "sdss"
    )
    return dict(pairs.most_common())


def _drawn(rows: pa.Table, parts: Mapping[str, Location]) -> list[figures.Drawn]:
    """Return of each survey a spectrum with a strong H beta, and one of middling strength."""
    chosen = []
    for survey in sorted(set(rows["survey"].to_pylist())):
        own = rows.filter(pc.equal(rows["survey"], survey)).sort_by([("h_beta_sn", "descending")])
        chosen += own.take(sorted({0, len(own) // 2})).to_pylist()
    return [_read(row, parts[row["part"]]) for row in chosen]


def _read(row: Mapping[str, Any], part: Location) -> figures.Drawn:
    stored = open_part(part).read(["spectrum_id", *MEASURED_FROM])
    own = stored.filter(pc.equal(stored["spectrum_id"], row["spectrum_id"])).slice(0, 1)
    (batch,) = own.combine_chunks().to_batches()
    z = np.array([row["z"]])
    return figures.Drawn(row, spectra_of(batch, z, bad_sky_of(part)), batch["run2d"][0].as_py())
