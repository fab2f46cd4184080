"""What gaps do to components, coefficients and scores, and what each remedy saves.

Spectra with a complete blue end lose it: a share of them, to several wavelengths, as a survey's
nearest galaxies lose it to the spectrograph. What was hidden is known, and so is the truth. All
components, coefficients and predictions are those of the pipeline's own functions.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.config import TrainConfig
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ml.classifiers.linear_fit import fit_logistic
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import fill_gaps
from galspec_spark.ml.features.pca import KIND, Coefficients, Settings
from galspec_spark.ml.labelled.features import NARROW, feature_table, fold_column
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.pca.estimator import principal_components
from galspec_spark.ml.pca.fit import fit_components
from galspec_spark.ml.pca.moments import Moments
from galspec_spark.ml.pca.pixel_sums import Weighting
from galspec_spark.ml.pca.weighted import fit_weighted
from galspec_spark.preprocess.selection import positions
from galspec_spark.report.style import style
from galspec_spark.spectrum.arrays import Floats, lists_of, rows_of
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import Slice, read_slice, slices
from galspec_spark.warehouse.sample_rows import SampleRows
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse
from studies.gaps import figures
from studies.gaps.page import effects, table, with_scores

#: Up to where the blue end is hidden: before the break at 4000 A, behind it, and behind H gamma.
ENDS = (3900.0, 4100.0, 4400.0)
#: Share of the spectra that lose it.
SHARE = 0.5
#: Spectra used at most, some 60 MB on the driver, and at least.
MOST, LEAST = 2600, 100
#: The logistic regression of all alike.
REGRESSION = {"regParam": 1e-3, "standardization": True, "fitIntercept": True}
#: What each remedy is: weighting of the components (None: ordinary ones), and whether the
#: components fit the gaps.
REMEDIES: dict[str, tuple[Weighting | None, bool]] = {
    "mean": (None, False),
    "masked": (None, True),
    "mask": ("mask", True),
    "ivar": ("ivar", True),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """Spectra in the order of their names."""

    narrow: pa.Table  #: what the pipeline needs beside the pixels
    flux: Floats  #: (n, pixels), gaps filled with their mean spectrum
    ivar: Floats  #: (n, pixels), 0 where a pixel is missing

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """1 where a spectrum is an AGN's."""
        return np.asarray(self.narrow["label"].to_numpy())

    @property
    def objects(self) -> npt.NDArray[np.int64]:
        """The number of the galaxy each is of."""
        names = self.narrow["object_id"].combine_chunks().dictionary_encode()
        return np.asarray(names.indices.to_numpy(), np.int64)

    @property
    def fill_spectrum(self) -> npt.NDArray[np.float32]:
        """The mean of the good pixels, (pixels,)."""
        good = self.ivar > 0
        total = self.flux.sum(axis=0, where=good, dtype=np.float64)
        return np.asarray(total / np.maximum(good.sum(axis=0), 1), np.float32)

    def counts(self) -> dict[str, int]:
        """Return the numbers of spectra and of AGN."""
        return {"spectra": len(self.flux), "agn": int(self.labels.sum())}

    def hide(self, gap: npt.NDArray[np.bool_]) -> Sample:
        """Return the same with a gap."""
        mean = self.flux.mean(axis=0, where=~gap)
        return replace(
            self, flux=np.where(gap, mean, self.flux), ivar=np.where(gap, np.float32(0), self.ivar)
        )


def gaps(spark: SparkSession, run: Run, warehouse: Warehouse, output: Path) -> dict[str, Any]:
    """Hide blue ends, apply each remedy, and write what it does.

    Parameters
    ----------
    output
        Gets ``gaps.json``, ``gaps.md`` and ``gaps.png``.

    Raises
    ------
    UserError
        If there is no ``restframe`` table, or too few of its spectra have a complete blue end.
    """
    config = run.config.train
    pca = settings_of(config)
    sample, natural = _load(warehouse, blue=max(ENDS)), _load(warehouse, blue=0)
    if len(sample.flux) < LEAST:
        raise UserError(
            f"{len(sample.flux)} spectra of {warehouse.root} have all pixels below {max(ENDS):.0f} "
            f"A: {LEAST} are the least"
        )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=output) as scratch:
        complete = _without_small_gaps(sample, pca.n_components)
        numbers = {
            **run.columns(),
            **sample.counts(),
            "components": pca.n_components,
            "passes": pca.em_passes,
            **_artificial(spark, config, complete, Path(scratch)),
            "natural": _natural(spark, config, natural, Path(scratch)),
        }
    write_json(output / "gaps.json", numbers)
    (output / "gaps.md").write_text(table(numbers), encoding="utf-8")
    with style():
        figures.effects(numbers).savefig(output / "gaps.png")
    return {name: numbers[name] for name in ("spectra", "agn", "hidden")} | {
        "agn_f1_complete": numbers["results"][0]["agn_f1"][0],
        "table": str(output / "gaps.md"),
    }


def settings_of(config: TrainConfig) -> Settings:
    """Return the settings of the principal components."""
    return Settings.model_validate(config.features.get("pca", {}))


class Pipeline:
    """What `train` does with spectra, as far as it matters here.

    Parameters
    ----------
    scratch
        Gets the spectra, as a part of a table ``restframe``.
    """

    def __init__(self, spark: SparkSession, config: TrainConfig, sample: Sample, scratch: Path):
        self.spark, self.config, self.sample = spark, config, sample
        self.folds = int(sample.narrow["fold"].to_numpy().max()) + 1
        self.scratch = Location.of(scratch)
        restframe, narrow = (self.scratch / f"{name}.parquet" for name in ("restframe", "sample"))
        columns = {name: lists_of(getattr(sample, name)) for name in ("flux", "ivar")}
        pq.write_table(pa.table(columns), restframe.path, row_group_size=500)
        pq.write_table(sample.narrow, narrow.path)
        cores = spark.sparkContext.defaultParallelism
        lines = self.scratch / "lines.parquet"  # there are none
        rows = SampleRows(row_group=0, first=0, count=len(sample.narrow))
        slices = [Slice(restframe, lines, narrow, rows, number, cores) for number in range(cores)]
        self.spectra = LabelledSpectra([[part] for part in slices], sample.fill_spectrum)

    def components(self) -> list[Components]:
        """Return the ordinary components without each fold, and last of all spectra."""
        settings = settings_of(self.config).model_copy(update={"solver": "gram"})
        return fit_components(self.spark, self.spectra, settings, self.folds, self.scratch)

    def predictions(self, components: list[Components], is_masked: bool) -> npt.NDArray[np.int32]:
        """Predict each spectrum by the models of the other folds, shape (n,)."""
        features = [Coefficients(each, is_masked) for each in components]
        parts = feature_table(self.spark, self.spectra, KIND, features, self.scratch).parts
        rows = pa.concat_tables([open_part(part).read() for part in parts]).sort_by("spectrum_id")
        fold, labels = (np.asarray(rows[name].to_numpy()) for name in ("fold", "label"))
        predicted = np.empty(len(rows), np.int32)
        for number in range(self.folds):
            values = rows_of(rows[fold_column(number)].combine_chunks())
            is_held_out = fold == number
            model = fit_logistic(values[~is_held_out], labels[~is_held_out], REGRESSION)
            predicted[is_held_out] = model.score(values[is_held_out]) > 0.5
        return predicted

    def apply(self) -> Iterator[tuple[str, Components, npt.NDArray[np.int32]]]:
        """Give each remedy, the components of all spectra that it uses, and its predictions."""
        ordinary = self.components()
        passes = settings_of(self.config).em_passes
        for remedy, (weighting, is_masked) in REMEDIES.items():
            used = ordinary
            if weighting is not None:
                used = fit_weighted(
                    self.spark, self.spectra, ordinary, weighting, passes, self.scratch
                )
            yield remedy, used[-1], self.predictions(used, is_masked)


def _artificial(
    spark: SparkSession, config: TrainConfig, sample: Sample, scratch: Path
) -> dict[str, Any]:
    """Hide blue ends and apply the remedies; the first result is of the complete spectra."""
    complete = Pipeline(spark, config, sample, scratch)
    true = complete.components()
    results: list[dict[str, Any]] = [{"hidden": "nothing", "remedy": None}]
    predicted = [complete.predictions(true, is_masked=False)]
    hidden = np.random.default_rng(1).random(len(sample.flux)) < SHARE
    for end in ENDS:
        log.info("blue end hidden to %.0f A", end)
        incomplete = sample.hide(hidden[:, np.newaxis] & (wavelength() < end))
        for remedy, used, predictions in Pipeline(spark, config, incomplete, scratch).apply():
            flux = incomplete.flux
            filled = flux if remedy == "mean" else fill_gaps(flux, incomplete.ivar, used)
            result = effects(true[-1], used, sample.flux, filled, hidden)
            results.append({"hidden": f"below {end:.0f} Å", "remedy": remedy, **result})
            predicted.append(predictions)
    with_scores(results, predicted, sample.labels, sample.objects)
    return {"hidden": int(hidden.sum()), "results": results}


def _natural(
    spark: SparkSession, config: TrainConfig, sample: Sample, scratch: Path
) -> dict[str, Any]:
    """Apply the remedies to all spectra as they are."""
    log.info("gaps as observed")
    results: list[dict[str, Any]] = []
    predicted = []
    for remedy, _, predictions in Pipeline(spark, config, sample, scratch).apply():
        results.append({"hidden": "as observed", "remedy": remedy})
        predicted.append(predictions)
    with_scores(results, predicted, sample.labels, sample.objects)
    missing = float((sample.ivar <= 0).mean())
    return {**sample.counts(), "missing": missing, "results": results}


def _load(warehouse: Warehouse, blue: float) -> Sample:
    """Bring a sample to the driver; its test split is one fold more.

    Parameters
    ----------
    blue
        Only spectra with all pixels below this wavelength, in Angstrom.
    """
    pixels = int(np.searchsorted(wavelength(), blue))
    columns = [*NARROW, "split"]
    names: list[pa.Table] = []
    arrays: list[tuple[Floats, Floats]] = []
    for part in slices(warehouse):
        for spectra in read_slice(part, columns, labelled=True):
            chosen = np.flatnonzero((spectra.ivar[:, :pixels] > 0).all(axis=1))
            names.append(spectra.rows.take(pa.array(chosen)))
            arrays.append((spectra.flux[chosen], spectra.ivar[chosen]))
        names, arrays = _first(names, arrays)
    if not names:
        raise UserError(f"{warehouse.root} has no labelled spectrum: run galspec preprocess")
    (narrow,), ((flux, ivar),) = names, arrays
    fold = pc.fill_null(narrow["fold"], pc.add(pc.max(narrow["fold"]), 1)).cast(pa.int32())
    narrow = narrow.set_column(narrow.schema.get_field_index("fold"), "fold", fold)
    sample = Sample(narrow, flux, ivar)
    return replace(sample, flux=np.where(ivar > 0, flux, sample.fill_spectrum))


def _first(
    names: list[pa.Table], arrays: list[tuple[Floats, Floats]]
) -> tuple[list[pa.Table], list[tuple[Floats, Floats]]]:
    """Keep the first `MOST` spectra in the order of a hash of their names; then by name."""
    if not names:
        return names, arrays
    narrow = pa.concat_tables(names)
    flux, ivar = (np.concatenate(pixels) for pixels in zip(*arrays, strict=True))
    kept = np.argsort(positions(narrow["spectrum_id"].to_pylist(), seed=1))[:MOST]
    kept = kept[np.argsort(np.array(narrow["spectrum_id"].to_pylist())[kept])]
    return [narrow.take(pa.array(kept)).combine_chunks()], [(flux[kept], ivar[kept])]


def _without_small_gaps(sample: Sample, k: int) -> Sample:
    """Fill the few missing pixels outside of the blue end, so that what we hide is the only gap."""
    moments = Moments.empty(sample.flux.shape[1])
    moments.add(sample.flux)
    flux = fill_gaps(sample.flux, sample.ivar, principal_components(moments, k))
    typical = np.nanmedian(np.where(sample.ivar > 0, sample.ivar, np.nan), axis=1, keepdims=True)
    return replace(sample, flux=flux, ivar=np.where(sample.ivar > 0, sample.ivar, typical))
