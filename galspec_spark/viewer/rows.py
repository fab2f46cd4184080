"""What the tables of a warehouse say of chosen spectra. Tasks read them, a part each.

Parts of ``restframe``, ``lines``, ``spectra`` and ``catalog`` that were made from one another have
the same rows in the same order, as has a row group of ``sample``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.catalog.read import place_in
from galspec_spark.errors import UserError
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.measure.schema import LINES
from galspec_spark.ml.model.apply import KEPT, PREDICTED, Apply
from galspec_spark.preprocess.pixels import PIXEL_COLUMNS
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.spectrum.arrays import Doubles, Floats, present_rows_of
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import to_rest_frame
from galspec_spark.viewer.lines import COLUMNS as OF_LINES
from galspec_spark.viewer.pixels import encode
from galspec_spark.warehouse.parts import open_part, part_exists, partition_values
from galspec_spark.warehouse.sample import locate, sample_place, spectra_of
from galspec_spark.warehouse.sample_rows import SampleRows, read_sample_rows, sample_rows
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

ID = "spectrum_id"
#: Columns of ``sample`` beside those that a model copies.
OF_SAMPLE = ("file", "label_source", "split", "simulated")

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """Chosen spectra of a part of ``restframe``."""

    part: Location
    sample: Location
    sample_rows: SampleRows  #: of the part
    lines: Location  #: the part of ``lines``, which need not exist
    spectra: Location  #: the part of ``spectra``, which need not exist
    catalog: Location | None  #: the part of ``catalog``; None where the model is to be applied
    rows: tuple[int, ...]  #: rising
    ids: tuple[str, ...]  #: of these rows


def read_chosen(
    spark: SparkSession,
    warehouse: Warehouse,
    ids: Sequence[str],
    model: Apply,
    recipe: Recipe,
    catalog: Sequence[Location] | None,
) -> pa.Table:
    """Read what the page shows of spectra, in their order.

    Parameters
    ----------
    ids
        Values of ``spectrum_id``.
    model
        Of the catalogue, or to be applied.
    recipe
        Of the table ``restframe``.
    catalog
        Parts of the model's catalogue; None to apply the model instead.

    Returns
    -------
    Table
        The columns of ``catalog`` but for its provenance, `OF_SAMPLE`, ``survey``, ``release``,
        ``pixels`` (from `encode`), ``scale`` (flux of the table ``spectra`` over
        that of ``restframe``) and `OF_LINES`. Null where a table does not say.

    Raises
    ------
    UserError
        If tables differ in their spectra.
    """
    work = partial(_read, model=model, recipe=recipe)
    tables = run_tasks(spark, work, _tasks(warehouse, ids, catalog))
    rows = pa.concat_tables(tables)
    return rows.take(pc.index_in(pa.array(ids, pa.string()), rows[ID].combine_chunks()))


def _tasks(
    warehouse: Warehouse, ids: Sequence[str], catalog: Sequence[Location] | None
) -> list[Chosen]:
    place = sample_place(warehouse)
    of_sample = sample_rows(open_part(place))
    classified = {place_in("restframe", part): part for part in catalog or ()}
    by_part: dict[str, list[tuple[int, str]]] = {}
    for spectrum_id, (part, row) in locate(warehouse, ids).items():
        by_part.setdefault(part, []).append((row, spectrum_id))
    tasks = []
    for part, wanted in sorted(by_part.items()):
        if catalog is not None and part not in classified:
            raise UserError(f"the catalogue has no spectra of {part}: run galspec classify")
        rows, names = zip(*sorted(wanted), strict=True)
        lines, spectra = (
            warehouse.root / place_beside(part, table) for table in ("lines", "spectra")
        )
        tasks.append(
            Chosen(
                warehouse.root / part,
                place,
                of_sample[part],
                lines,
                spectra,
                classified.get(part),
                rows,
                names,
            )
        )
    return tasks


def _read(chosen: Chosen, model: Apply, recipe: Recipe) -> pa.Table:
    """Read the chosen spectra of a part. Runs in a task."""
    survey, release = (partition_values(chosen.part)[name] for name in ("survey", "release"))
    pixels = _rows(chosen, chosen.part, ["flux", "ivar"])
    decided = _of_sample(chosen)
    flux, ivar = (present_rows_of(pixels[name].combine_chunks()) for name in ("flux", "ivar"))
    has = pixels["flux"].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
    texts = np.full(len(has), None, object)
    texts[has] = [encode(*each) for each in zip(flux, ivar, strict=True)]
    scale = np.full(len(has), np.nan)
    if recipe.normalise != "continuum" and part_exists(chosen.spectra):
        observed = _rows(chosen, chosen.spectra, PIXEL_COLUMNS).filter(pa.array(has))
        scale[has] = scales(observed, recipe.reject(survey), flux)
    own = {
        **{name: decided[name] for name in OF_SAMPLE},
        "survey": pa.repeat(survey, len(has)),
        "release": pa.repeat(release, len(has)),
        "pixels": pa.array(texts, pa.string()),
        "scale": pa.array(scale, from_pandas=True),
    }
    lines = _lines(chosen)
    predicted = _predicted(chosen, model, decided, pixels)
    return pa.table(
        {
            **{name: predicted[name] for name in PREDICTED.names},
            **own,
            **{name: lines[name] for name in OF_LINES},
        }
    )


def scales(observed: pa.Table, reject: int, flux: Floats) -> Doubles:
    """Return by what each spectrum was divided, (n,).

    Parameters
    ----------
    observed
        Rows of ``spectra`` with the columns `PIXEL_COLUMNS`.
    reject
        Bits of AND_MASK that make a pixel bad.
    flux
        The normalised spectra, (n, pixels).
    """
    if not len(observed):
        return np.empty(0)
    (batch,) = observed.combine_chunks().to_batches()
    moved = to_rest_frame(ObservedBatch.from_arrow(batch), reject).flux
    with np.errstate(invalid="ignore"):  # a spectrum of zeros has none
        products = np.einsum("ij,ij->i", moved, flux) / np.einsum("ij,ij->i", flux, flux)
    return np.asarray(products, np.float64)


def _of_sample(chosen: Chosen) -> pa.Table:
    names = [*KEPT, *OF_SAMPLE]
    rows = read_sample_rows(open_part(chosen.sample), chosen.sample_rows, names)
    return _checked(chosen, chosen.sample, rows.take(pa.array(chosen.rows)))


def _lines(chosen: Chosen) -> pa.Table:
    if not part_exists(chosen.lines):
        return pa.table(
            {name: pa.nulls(len(chosen.rows), LINES.field(name).type) for name in OF_LINES}
        )
    return _rows(chosen, chosen.lines, OF_LINES)


def _predicted(chosen: Chosen, model: Apply, decided: pa.Table, pixels: pa.Table) -> pa.Table:
    if chosen.catalog is not None:
        return _rows(chosen, chosen.catalog, PREDICTED.names)
    columns = model.bundle.line_columns
    measured = _rows(chosen, chosen.lines, columns) if columns else pixels
    (batch,) = measured.select(list(columns) or ["flux", "ivar"]).combine_chunks().to_batches()
    is_training = np.zeros(len(decided), bool)  # without a catalogue, they are a test split
    return model(spectra_of(decided, batch, columns), is_training)


def _rows(chosen: Chosen, place: Location, columns: Sequence[str]) -> pa.Table:
    """Read the chosen rows of a part, and no more of it than their row groups."""
    names = list(dict.fromkeys([ID, *columns]))
    return _checked(chosen, place, open_part(place).read_rows(chosen.rows, names))


def _checked(chosen: Chosen, place: Location, rows: pa.Table) -> pa.Table:
    if rows[ID].to_pylist() != list(chosen.ids):
        raise UserError(f"{place} has other spectra than the table sample: run galspec preprocess")
    return rows
