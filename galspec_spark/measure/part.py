"""The lines of one part of ``spectra``: a pure function of it and of the templates."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.lines.linelist import all_lines
from galspec_spark.lines.measures import NO_PIXEL, NOT_FITTED, Measures, measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import Templates
from galspec_spark.measure.schema import LINE_COLUMNS, LINES
from galspec_spark.readers import PIXEL_MASKS
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.masks import PixelMask, bit_mask
from galspec_spark.spectrum.restframe import has_redshift
from galspec_spark.warehouse.parts import Part, open_part, part_writer, partition_values
from galspec_spark.warehouse.storage import Location

#: Columns of ``spectra`` that the lines depend on.
MEASURED_FROM = ("z", "run2d", "loglam0", "flux", "ivar", "or_mask")
#: Spectra that are measured at once: 30 MB of flux.
BATCH = 1024
#: Flags of lines, by their errors.
FLAGS = {NOT_FITTED: 1, NO_PIXEL: 2}


@dataclass
class Measured:
    """A new part of ``lines``, and counts of its rows."""

    staged: Location
    place: str  #: in the warehouse
    spectra: int = 0
    seen: int = 0  #: spectra that the templates learned from
    classes: Counter[str] = field(default_factory=Counter)  #: measured spectra, by the formula

    def count(self, rows: pa.Table) -> None:
        """Count rows of the table."""
        self.spectra += len(rows)
        self.seen += pc.sum(rows["templates_seen"]).as_py() or 0
        for each in pc.value_counts(rows["formula_subclass"].drop_null()).to_pylist():
            self.classes[each["values"]] += each["counts"]


@dataclass(frozen=True)
class MeasurePart:
    """The task that measures one part."""

    templates: Templates
    staging: Location
    provenance: dict[str, str]

    def __call__(self, work: tuple[Location, str, int]) -> Measured:
        """Measure a part of ``spectra``.

        Parameters
        ----------
        work
            The part; the place of its part of ``lines``, relative to the warehouse; and the bits of
            OR_MASK that mark a failed subtraction of the sky.

        Returns
        -------
        Measured
            The new part, and counts of its rows.
        """
        source, place, bad_sky = work
        file = open_part(source)
        of_part = partition_values(source)
        prefix = f"{of_part['survey']}-{of_part['release']}-"
        seen = pa.array([prefix + key for key in sorted(self.templates.seen)], pa.string())
        staged = self.staging / os.urandom(4).hex() / place
        result = Measured(staged, place)
        with part_writer(staged, LINES) as writer:
            for group in range(file.num_row_groups):
                batches = list(self._measured(file, group, bad_sky, seen))
                rows = pa.Table.from_batches(batches, LINES)
                writer.write_table(rows)
                result.count(rows)
        return result

    def _measured(
        self, file: Part, group: int, bad_sky: int, seen: pa.Array
    ) -> Iterator[pa.RecordBatch]:
        # Other tasks keep the other cores busy.
        for batch in file.iter_batches(
            BATCH, [group], ["spectrum_id", "file", *MEASURED_FROM], use_threads=False
        ):
            measured = measure_rows(batch, bad_sky, self.templates)
            constants = {
                name: pa.repeat(value, len(batch)) for name, value in self.provenance.items()
            }
            values = {
                "spectrum_id": batch["spectrum_id"],
                "file": batch["file"],
                **measured,
                "templates_seen": pc.is_in(batch["spectrum_id"], seen),
                **constants,
            }
            columns = [values[field.name].cast(field.type) for field in LINES]
            yield pa.RecordBatch.from_arrays(columns, schema=LINES)


def measure_rows(batch: pa.RecordBatch, bad_sky: int, templates: Templates) -> dict[str, pa.Array]:
    """Measure rows of ``spectra``.

    Parameters
    ----------
    batch
        The columns `MEASURED_FROM`.
    bad_sky
        Bits of OR_MASK that mark a failed subtraction of the sky.

    Returns
    -------
    dict
        The columns of ``lines`` that are measured, and ``templates``.
    """
    z = batch["z"].to_numpy(zero_copy_only=False)
    usable = has_redshift(z)
    rows = batch.filter(pa.array(usable))
    run2d = np.array(rows["run2d"].to_pylist(), object)
    found = measure(spectra_of(rows, z[usable], bad_sky), z[usable], run2d, templates)
    return {
        "z": batch["z"],
        **{name: _spread(value, usable) for name, value in _columns(found).items()},
        "templates": pa.repeat(templates.version, len(z)),
    }


def bad_sky_bits(survey: str) -> int:
    """Return the bits of a survey's OR_MASK that mark a failed subtraction of the sky."""
    mask = PIXEL_MASKS.get(survey, PixelMask({}, ()))
    return bit_mask(mask.bad_sky, mask.bits)


def spectra_of(rows: pa.RecordBatch, z: npt.NDArray[np.float64], bad_sky: int) -> Spectra:
    """Return rows with the columns `MEASURED_FROM` as matrices, at rest."""
    loglam0 = rows["loglam0"].to_numpy(zero_copy_only=False)
    flux, ivar = (_matrix(rows[name]).astype(np.float64) for name in ("flux", "ivar"))
    failed = None
    if bad_sky and not rows["or_mask"].null_count:
        failed = _matrix(rows["or_mask"]) & bad_sky != 0
    return Spectra.observed(flux, ivar, loglam0, z, failed)


def _matrix(lists: pa.ListArray) -> Array:
    """Return lists as the rows of a matrix, 0 beyond their ends."""
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    matrix = np.zeros((len(lists), lengths.max(initial=0)), flat.dtype)
    matrix[np.arange(matrix.shape[1]) < lengths[:, None]] = flat
    return matrix


def _columns(found: Measures) -> dict[str, Array]:
    """Return the measured columns of the table, (n,) each."""
    h_beta = found.line("h_beta")
    columns: dict[str, Array] = {
        "line_z": found.z,
        "line_z_err": found.z_err,
        "velocity_dispersion": found.velocity_dispersion,
        "velocity_dispersion_err": found.velocity_dispersion_err,
        "continuum_chi2": found.continuum_chi2,
        "continuum_pixels": found.continuum_pixels,
        "converged": found.converged,
        "h_beta_sn": h_beta["area"] / h_beta["area_err"],
        "formula_subclass": found.subclass,
        "formula_margin": found.margin,
        "formula_survival": found.survival,
        "formula_broadline": found.broadline,
    }
    for name in all_lines():
        line = found.line(name)
        error = line["area_err"]
        flag = np.select([error == code for code in FLAGS], list(FLAGS.values()), 0)
        line = {**line, "area_err": np.where(error > 0, error, np.nan), "flag": flag}
        columns |= {f"{name}_{value}": line[value] for value in LINE_COLUMNS}
    return columns


def _spread(values: Array, where: npt.NDArray[np.bool_]) -> pa.Array:
    """Put values where the condition holds; null elsewhere, and beyond the range of float32."""
    spread = np.zeros(len(where), values.dtype)
    spread[where] = values
    if values.dtype.kind != "f":
        return pa.array(spread, mask=~where)
    with np.errstate(invalid="ignore"):
        is_number = where & (np.abs(spread) <= np.finfo(np.float32).max)
    return pa.array(np.where(is_number, spread, 0), mask=~is_number)
