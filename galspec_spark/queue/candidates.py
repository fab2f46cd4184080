"""Spectra that a person could label, with the scores of each reason: a part of ``catalog`` at once.

A part of ``catalog`` has the rows of a part of ``lines``, in the same order; ``sample`` has these
together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.catalog.read import place_in
from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.profile import Profile
from galspec_spark.preprocess.person_labels import PERSON
from galspec_spark.preprocess.recipe import read_state
from galspec_spark.preprocess.selection import labels, positions, splits
from galspec_spark.queue.priority import REASONS, disagreement, near_margin, outside
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.parts import Part, open_part, part_exists, partition_values
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.sample_rows import SampleRows, read_sample_rows, sample_rows
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import MADE_BY, Warehouse

ID = "spectrum_id"
OF_CATALOG = (
    ID, "object_id", "ra", "dec", "z", "sn_median", "coverage", "label", "class", "probability",
    "margin", "prediction_set", "flags", RECONSTRUCTION_ERROR,
)  # fmt: skip
OF_SAMPLE = (ID, "file", "reason", "label_source", "simulated")
OF_LINES = pa.schema([("formula_subclass", pa.string()), ("formula_survival", pa.float32())])


@dataclass(frozen=True)
class Candidates:
    """Reads the spectra of parts of a catalogue that a person could label.

    Not among them are spectra that preprocess leaves out, whatever their label; those that a person
    has labelled; and the objects of the test split, whose labels teach a model nothing. Chosen
    spectra would also make that split unlike the survey.
    """

    warehouse: Warehouse
    profile: Profile  #: of the model's training set
    settings: PreprocessConfig  #: of the table ``sample``
    sample: Part
    sample_rows: dict[str, SampleRows]  #: by the part of ``restframe``

    @classmethod
    def of(cls, warehouse: Warehouse, profile: Profile) -> Candidates:
        """Open the table ``sample``.

        Raises
        ------
        UserError
            If it does not exist.
        """
        sample = open_part(sample_place(warehouse))
        state = read_state(warehouse)
        if state is None:
            raise UserError(f"no table 'sample' in {warehouse.root}: run {MADE_BY['sample']}")
        return cls(warehouse, profile, state.settings, sample, sample_rows(sample))

    def read(self, part: Location) -> pa.Table:
        """Return the candidates of a part of ``catalog``, with a column for each of `REASONS`.

        Raises
        ------
        UserError
            If the tables have other spectra than the catalogue.
        """
        rows = open_part(part).read(list(OF_CATALOG))
        rows = _beside(part, rows, self._decided(part), "galspec classify")
        lines = self.warehouse.root / place_in("lines", part)
        if part_exists(lines):
            measured = open_part(lines).read([ID, *OF_LINES.names])
            rows = _beside(part, rows, measured, "galspec measure")
        else:
            for field in OF_LINES:
                rows = rows.append_column(field, pa.nulls(len(rows), field.type))
        for name, value in partition_values(part).items():
            rows = rows.append_column(name, pa.repeat(value, len(rows)))
        by_person = pc.fill_null(pc.equal(rows["label_source"], PERSON), False)
        is_open = pc.and_(pc.is_null(rows["reason"]), pc.invert(by_person))
        rows = rows.filter(pc.and_(is_open, pc.is_valid(rows["margin"])))
        place = positions(rows["object_id"].to_pylist(), self.settings.seed)
        rows = rows.filter(pa.array(~splits(place, self.settings)[0]))
        for name, score in zip(REASONS, self._scores(rows).T, strict=True):
            rows = rows.append_column(name, pa.array(score))
        return rows

    def _decided(self, part: Location) -> pa.Table:
        rows = self.sample_rows.get(place_in("restframe", part))
        if rows is None:
            raise UserError(f"the table sample has no spectra of {part}: run galspec classify")
        return read_sample_rows(self.sample, rows, OF_SAMPLE)

    def _scores(self, rows: pa.Table) -> Doubles:
        """Return the scores (n, reasons)."""
        margin = _doubles(rows["margin"])
        seen = ("z", "sn_median", "coverage", RECONSTRUCTION_ERROR)
        formula = labels(rows["formula_subclass"], self.settings.label)
        agn = self.settings.label.classes.positive
        scores = [
            near_margin(margin),
            outside(self.profile, *(_doubles(rows[name]) for name in seen)),
            disagreement(margin, formula == agn, _doubles(rows["formula_survival"])),
        ]
        return np.stack(scores, axis=1)


def scores_of(rows: pa.Table) -> Doubles:
    """Return the scores of candidates, (n, reasons)."""
    return np.stack([_doubles(rows[name]) for name in REASONS], axis=1)


def _beside(part: Location, rows: pa.Table, others: pa.Table, job: str) -> pa.Table:
    """Return rows of a part of ``catalog`` with columns of another table's rows."""
    if not others[ID].combine_chunks().equals(rows[ID].combine_chunks()):
        raise UserError(f"the tables have other spectra than {part}: run {job}")
    for name in others.column_names:
        if name != ID:
            rows = rows.append_column(name, others[name])
    return rows


def _doubles(values: pa.ChunkedArray) -> Doubles:
    """Return numbers, NaN where missing."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
