"""Every column of every table says what it is, as the note VOParquet has it."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.io import votable
from astropy.io.votable.ucd import parse_ucd

from galspec_spark.changes.table import CHANGES
from galspec_spark.diff.rates import RATES
from galspec_spark.diff.table import DIFF
from galspec_spark.labels import BINARY
from galspec_spark.measure.schema import LINES
from galspec_spark.ml.search.scorecard import KNOWN, PREDICTED
from galspec_spark.ml.search.table import SCHEMA as SEARCH
from galspec_spark.queue.stage import QUEUE
from galspec_spark.train.earlier import NAMES
from galspec_spark.train.meanings import MEANINGS
from galspec_spark.warehouse.columns import describe, meaning_of
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.flags import FLAGS
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.runs import RUNS
from galspec_spark.warehouse.schemas import CATALOG, CLASSES, FILES, RESTFRAME, SAMPLE, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.votable import CONTENT_KEY, VERSION_KEY

TABLES = {
    "spectra": SPECTRA,
    "files": FILES,
    "restframe": RESTFRAME,
    "lines": LINES,
    "sample": SAMPLE,
    "catalog": CATALOG.with_metadata({CLASSES: "|".join(BINARY.names)}),
    "runs": RUNS,
    "queue": QUEUE,
    "changes": CHANGES,
    "diff": DIFF,
    "rates": RATES,
    "search": describe(SEARCH, MEANINGS),
}


@pytest.mark.parametrize("schema", TABLES.values(), ids=TABLES)
def test_astropy_reads_what_a_part_says_of_its_columns(tmp_path: Path, schema: pa.Schema) -> None:
    place = Location.of(tmp_path / "part.parquet")
    with part_writer(place, schema) as writer:
        writer.write_table(schema.empty_table())
    stored = pq.read_metadata(place.path).metadata
    assert stored[VERSION_KEY.encode()] == b"1.0"
    content = stored[CONTENT_KEY.encode()]
    assert votable.validate(io.BytesIO(content), output=io.StringIO())
    table = votable.parse_single_table(io.BytesIO(content))
    found = {field.name: (field.description, field.ucd, field.unit) for field in table.fields}
    meanings = {field.name: meaning_of(field) for field in schema}
    assert list(found) == schema.names
    assert found == {
        name: (said.description, said.ucd, said.unit and units.Unit(said.unit))
        for name, said in meanings.items()
        if said is not None
    }
    assert open_part(place).schema_arrow.metadata == schema.metadata  # of our own


def test_descriptions_ucds_and_units_are_those_of_the_standards() -> None:
    said = {meaning_of(field) for schema in TABLES.values() for field in schema}
    for meaning in said | set(MEANINGS.values()):
        assert meaning is not None
        assert meaning.description
        parse_ucd(meaning.ucd, check_controlled_vocabulary=True)
        units.Unit(meaning.unit or "", format="vounit")


def test_all_columns_of_the_tables_of_a_training_run_are_described() -> None:
    scored = {"label", "prediction", "score", "scores", "spectrum_id", "point", "fold"}
    provenance = {field.name for field in PROVENANCE}
    assert {*KNOWN, *PREDICTED, *NAMES, *SEARCH.names, *scored, *provenance} <= set(MEANINGS)


def test_the_catalogue_says_what_its_flags_mean(tmp_path: Path) -> None:
    place = Location.of(tmp_path / "part.parquet")
    with part_writer(place, CATALOG) as writer:
        writer.write_table(CATALOG.empty_table())
    content = pq.read_metadata(place.path).metadata[CONTENT_KEY.encode()]
    infos = {
        info.name: info.value for info in votable.parse(io.BytesIO(content)).resources[0].infos
    }
    bit, meaning = FLAGS["OUTLIER"]
    assert infos[f"FLAG{bit}"] == f"OUTLIER: {meaning}"


def test_a_table_that_says_nothing_has_no_metadata(tmp_path: Path) -> None:
    place = Location.of(tmp_path / "part.parquet")
    rows = pa.table({"z": [0.1]})
    with part_writer(place, rows.schema) as writer:
        writer.write_table(rows)
    assert CONTENT_KEY.encode() not in pq.read_metadata(place.path).metadata
