"""Which predictions are current: the name of a part of ``catalog`` depends on all its inputs.

A part is named after the part of ``restframe`` that it was made from, and after a hash of what the
predictions depend on beside the pixels: the settings, what ``sample`` says of the spectra, and the
run that measured their lines. Its metadata has the settings, so that the name can be made anew.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
from pydantic import BaseModel

from galspec_spark.config import ClassifyConfig
from galspec_spark.ml.model.apply import KEPT
from galspec_spark.warehouse.parts import Part, open_part, part_exists, partition_values
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.sample_rows import read_sample_rows

#: Key of a part's metadata.
SETTINGS = "settings"


class Settings(BaseModel):
    """What predictions by one model depend on, beside its spectra."""

    config: ClassifyConfig
    reads_lines: bool  #: whether the model's features are made of the table ``lines``


def settings_of(part: Part) -> Settings | None:
    """Return the settings that a part of ``catalog`` was made with; None if it does not say."""
    found = (part.schema_arrow.metadata or {}).get(SETTINGS.encode())
    return Settings.model_validate_json(found) if found else None


def predictions_place(spectra: Slice, model: str, settings: Settings) -> str:
    """Return where in the warehouse the predictions for a part of ``restframe`` belong."""
    made_from = hashlib.sha256(settings.config.model_dump_json().encode())
    if settings.reads_lines and part_exists(spectra.lines):
        made_from.update(_measured_by(spectra))
    decided = read_sample_rows(open_part(spectra.sample), spectra.sample_rows, KEPT)
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, decided.schema) as writer:
        writer.write_table(decided.combine_chunks())
    made_from.update(content.getvalue())
    return place_named(spectra, model, made_from.hexdigest())


def place_named(spectra: Slice, model: str, digest: str) -> str:
    """Return the place of predictions, given the hash of what they depend on."""
    values = partition_values(spectra.part)
    folder = f"catalog/survey={values['survey']}/release={values['release']}/model={model}"
    return f"{folder}/{spectra.part.name.removesuffix('.parquet')}.{digest[:12]}.parquet"


def _measured_by(spectra: Slice) -> bytes:
    """Return the run that measured the first of the spectra."""
    (batch,) = open_part(spectra.lines).read_row_group(0, ["run_id"]).slice(0, 1).to_batches()
    return str(batch["run_id"][0]).encode()
