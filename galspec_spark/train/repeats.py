"""Pairs of labelled observations of one object, which tell what the label itself is worth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.ml.evaluation.label_noise import LabelNoise, measure_label_noise
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.tables import Warehouse

#: Columns of ``lines``.
SURVIVAL, H_BETA_SN = "formula_survival", "h_beta_sn"


def label_noise(warehouse: Warehouse, agn: int) -> LabelNoise | None:
    """Return how often two observations of one object have the same label.

    Observations of an object are paired with the next one by ``spectrum_id``. Only narrow columns
    are read.

    Parameters
    ----------
    agn
        The label of AGN.

    Returns
    -------
    LabelNoise
        None if no lines were measured, or no labelled object was observed twice.
    """
    lines = [open_part(part) for part in warehouse.parts("lines")]
    if not lines or any(SURVIVAL not in part.schema_arrow.names for part in lines):
        return None
    measured = pa.concat_tables(
        part.read(["spectrum_id", SURVIVAL, H_BETA_SN]) for part in lines
    ).filter(pc.is_valid(pc.field(SURVIVAL)))
    sample = read_sample(warehouse, ["spectrum_id", "object_id", "label", "reason"])
    used = sample.filter(pc.is_null(pc.field("reason")) & pc.is_valid(pc.field("label")))
    rows = used.join(measured, "spectrum_id", join_type="inner")
    rows = rows.sort_by([("object_id", "ascending"), ("spectrum_id", "ascending")])
    objects = rows["object_id"].to_numpy()
    first = np.flatnonzero(objects[1:] == objects[:-1])
    label, survival, sn = (rows[name].to_numpy() for name in ("label", SURVIVAL, H_BETA_SN))
    return measure_label_noise(label[first], label[first + 1], agn, survival[first], sn[first])
