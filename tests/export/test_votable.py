from __future__ import annotations

import io
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from astropy import units
from astropy.io import votable
from astropy.table import Table

from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.warehouse.flags import FLAG_BITS
from tests.export.catalogue import COMPONENTS, without_empty_text
from tests.export.conftest import Exported


def test_rows_are_as_in_the_catalogue_and_missing_are_masked(exported: Exported) -> None:
    table = Table.read(exported.folder / "catalog.vot")
    assert table.colnames == list(WITH_LINES.described)
    rows = [without_empty_text(row) for row in exported.rows]
    for name in set(WITH_LINES.described) - {"features"}:
        expected = [row[name] for row in rows]
        assert [None if value == "" else value for value in table[name].tolist()] == expected
    vectors = [row["features"] or [None] * COMPONENTS for row in exported.rows]
    assert table["features"].tolist() == vectors


def test_standard_is_kept(exported: Exported) -> None:
    place = exported.folder / "catalog.vot"
    report = io.StringIO()
    assert votable.validate(place, output=report), report.getvalue()
    names = [element.get("ID") for element in ET.parse(place).iter() if element.get("ID")]
    assert len(names) == len(set(names))  # which astropy does not check


@pytest.mark.skipif(shutil.which("stilts") is None, reason="needs STILTS")
def test_votlint_finds_nothing(exported: Exported) -> None:
    command = ["stilts", "votlint", str(exported.folder / "catalog.vot")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == ""


def test_columns_flags_and_provenance_are_described(exported: Exported) -> None:
    resource = votable.parse(exported.folder / "catalog.vot").resources[0]
    fields = {field.name: field for field in resource.tables[0].fields}
    assert {name: field.ucd for name, field in fields.items()} == {
        name: column.ucd for name, column in WITH_LINES.described.items()
    }
    for name in ("z", "h_beta_ew"):
        assert fields[name].description == WITH_LINES.described[name].description
    assert fields["dec"].unit == units.deg
    assert fields["h_beta_area"].unit == units.Unit("1e-17 erg / (s cm2)")
    infos = {info.name: info.value for info in resource.infos}
    assert infos[f"FLAG{FLAG_BITS['OUTLIER']}"].startswith("OUTLIER: ")
    assert infos["run_id"] == "20260101T000000-abcd"
    assert resource.coordinate_systems[0].system == "ICRS"
