"""The page of a catalogue: what is in it, and that nothing else can get into it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from galspec_spark.errors import UserError
from galspec_spark.export.filtering import keep_rows
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.viewer.contents import Contents
from galspec_spark.viewer.lines import NAMED, VALUES
from galspec_spark.viewer.page import page_of
from galspec_spark.viewer.pixels import decode, encode
from galspec_spark.viewer.reconstruction import MOST, LowRank
from galspec_spark.viewer.stage import view_catalog
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import scan
from tests.report.pages import HOSTILE
from tests.viewer.conftest import SCALE, SPECTRA
from tests.viewer.test_pixels import spectrum


def data_of(page: Path) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text())[1])


@pytest.fixture(scope="module")
def data(page: Path) -> dict:
    return data_of(page)


def rows_of(warehouse, table: str, ids: list[str]) -> pd.DataFrame:
    rows = ds.dataset(warehouse.table(table).path, partitioning="hive").to_table().to_pandas()
    return rows.set_index("spectrum_id").loc[ids]


def test_it_says_what_the_catalogue_says(data, classified) -> None:
    columns = data["columns"]
    ids = columns["spectrum_id"]
    catalog = rows_of(classified, "catalog", ids)
    assert len(ids) == len(set(ids)) == SPECTRA
    for name in ("class", "flags", "prediction_set", "reason"):
        assert (
            columns[name]
            == catalog[name].astype(object).where(catalog[name].notna(), None).tolist()
        )
    probability = np.array(columns["probability"], float)
    np.testing.assert_allclose(probability, catalog["probability"], atol=1e-4)
    assert columns["split"] == [
        None if pd.isna(each) else each for each in rows_of(classified, "sample", ids)["split"]
    ]
    assert set(columns["simulated"]) == {True}
    assert data["links"] == [None] * SPECTRA


def test_it_has_the_pixels_and_what_the_model_makes_of_them(data, classified, bundle) -> None:
    ids = data["columns"]["spectrum_id"]
    restframe = rows_of(classified, "restframe", ids)
    for i in (0, SPECTRA - 1):
        ivar = restframe["ivar"].iloc[i]
        found = decode(data["pixels"][i], PIXELS).flux
        error = np.abs(found - restframe["flux"].iloc[i])[ivar > 0]
        assert np.quantile(error * np.sqrt(ivar[ivar > 0]), 0.95) <= 0.25
    catalog = rows_of(classified, "catalog", ids)
    has = catalog["features"].notna().to_numpy()
    expected = bundle.features.reconstruct(np.stack(catalog["features"][has]).astype(float))
    found = LowRank(**data["reconstruction"]).decode()
    np.testing.assert_allclose(found[has], expected, atol=1e-3)
    assert np.isnan(found[~has]).all()


def test_it_has_the_lines_in_the_units_of_the_picture(data, classified) -> None:
    ids = data["columns"]["spectrum_id"]
    np.testing.assert_allclose(data["scale"], SCALE, rtol=1e-3)
    lines = rows_of(classified, "lines", ids)
    fits = np.array(data["lines"]["fits"], float)
    for number, line in enumerate(NAMED):
        found = fits[:, number, VALUES.index("area")]
        np.testing.assert_allclose(found, lines[f"{line.name}_area"], rtol=1e-3)
    assert data["columns"]["formula_subclass"] == ["STARFORMING"] * SPECTRA


def test_groups_take_turns(spark, classified, bundle, run_of, tmp_path) -> None:
    few = run_of("view", viewer={"spectra": 20})
    for name in ("one", "two"):
        view_catalog(spark, few, classified, bundle, None, tmp_path / name)
    columns = data_of(tmp_path / "one" / "spectra.html")["columns"]
    assert columns == data_of(tmp_path / "two" / "spectra.html")["columns"]
    found = pd.DataFrame(columns)
    assert len(found) == 20
    flags = found["flags"]
    for name in ("LABEL_DIFFERS", "OUTLIER", "LEFT_OUT"):
        assert ((flags & (1 << FLAG_BITS[name])) != 0).sum() >= 2, name
    plain = (flags & (1 << FLAG_BITS["LABEL_DIFFERS"] | 1 << FLAG_BITS["OUTLIER"])) == 0
    assert (plain & (found["class"] == "AGN")).sum() >= 2
    assert (plain & (found["class"] == "other")).sum() >= 2


def test_any_filter_can_be_looked_at(spark, classified, bundle, run_of, tmp_path) -> None:
    catalog = scan(spark, classified.parts("catalog"))
    where = "class = 'AGN' AND probability < 1"
    rows = keep_rows(catalog, where)
    view_catalog(spark, run_of(), classified, bundle, "dr1", tmp_path, rows, where)
    found = data_of(tmp_path / "spectra.html")["columns"]
    assert sorted(found["spectrum_id"]) == sorted(row.spectrum_id for row in rows.collect())
    assert "class = &#39;AGN&#39; AND probability &lt; 1" in (tmp_path / "spectra.html").read_text()
    nothing = keep_rows(catalog, "probability > 2")
    with pytest.raises(UserError, match="no spectrum fulfils"):
        view_catalog(spark, run_of(), classified, bundle, "dr1", tmp_path, nothing)


def test_only_its_own_script_and_style_may_run(page: Path) -> None:
    text = page.read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    for name, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"\son\w+=|\sstyle=|\ssrc=|url\(|@import", text.partition('id="data"')[0])


def test_a_name_cannot_end_the_data(bundle, page: Path, data: dict) -> None:
    rows = hostile_rows()
    text = page_of(Contents(HOSTILE, {"Filter": HOSTILE}, rows, bundle))
    assert "<script>alert" not in text
    assert text.count("</script>") == 2
    found = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert found["columns"]["spectrum_id"] == [HOSTILE]
    assert found["reconstruction"] is None
    assert found["lines"]["fits"] is None
    assert found["pixels"] == [None]
    assert "Simulated data" not in text
    assert "Simulated data" in page.read_text()


def hostile_rows() -> pa.Table:
    """Return a spectrum of which little is known but a name."""
    from galspec_spark.measure.schema import LINES
    from galspec_spark.ml.model.apply import PREDICTED
    from galspec_spark.viewer.lines import COLUMNS

    texts = {name: pa.string() for name in ("file", "label_source", "split", "pixels")}
    known = {"spectrum_id": HOSTILE, "class": "abstain", "flags": 1, "survey": "sdss"}
    known |= {"release": "dr14", "simulated": False}
    fields = {field.name: field.type for field in PREDICTED} | texts
    fields |= {"survey": pa.string(), "release": pa.string(), "simulated": pa.bool_()}
    fields |= {"scale": pa.float64(), **{name: LINES.field(name).type for name in COLUMNS}}
    return pa.table({name: pa.array([known.get(name)], kind) for name, kind in fields.items()})


def test_two_thousand_spectra_are_below_ten_megabytes(bundle) -> None:
    number, random = 2000, np.random.default_rng(4)
    texts = [encode(*spectrum(seed, sn)) for sn in (1, 5, 20, 80) for seed in range(5)]
    features = random.normal(size=(number, len(bundle.features.names)))
    of_type = {
        pa.string(): pa.repeat("sdss-dr14-0266-51630-0001", number),
        pa.bool_(): pa.repeat(False, number),
        pa.list_(pa.float32()): lists_of(features),
    }
    columns = {}
    for field in hostile_rows().schema:
        values = of_type.get(field.type, random.normal(scale=100, size=number))
        columns[field.name] = pa.array(values).cast(field.type, safe=False)
    columns["pixels"] = pa.array(np.resize(texts, number))
    page = page_of(Contents("Release dr14", {}, pa.table(columns), bundle)).encode()
    # As many vectors as any kind of features may need, in the place of these few.
    most_vectors = (4 * number + 2 * PIXELS) * MOST * 4 / 3
    assert len(page) > 5_000_000
    assert len(page) + most_vectors < 10_000_000
