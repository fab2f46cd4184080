"""A page to look at spectra, of a catalogue or of a run's test split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run, Summary
from galspec_spark.ml.model.apply import Apply
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.preprocess.recipe import read_state
from galspec_spark.report.contents import title
from galspec_spark.viewer.choose import OF_CATALOG, choose_from_catalog, choose_from_predictions
from galspec_spark.viewer.contents import Contents
from galspec_spark.viewer.page import page_of
from galspec_spark.viewer.rows import read_chosen
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import MADE_BY, Warehouse

#: Name of the page, beside ``report.html``.
PAGE = "spectra.html"


def view_catalog(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    bundle: Bundle,
    release: str | None,
    output: Path,
    rows: DataFrame | None = None,
    where: str | None = None,
) -> Summary:
    """Write the page of a catalogue into a folder.

    Parameters
    ----------
    bundle
        The model that made the catalogue.
    release
        The data release; None for all.
    rows
        The rows of the catalogue that are wanted; None for all.
    where
        The condition that these fulfil, to be shown.

    Returns
    -------
    dict
        The page, and the number of spectra in it.

    Raises
    ------
    UserError
        If there is no such catalogue, it has no such rows, or tables differ in their spectra.
    """
    parts = catalog_parts(warehouse, bundle.id, release)
    catalog = scan(spark, parts, OF_CATALOG) if rows is None else rows
    ids = choose_from_catalog(catalog, run.config.viewer.spectra)
    name = f"Release {release}" if release else f"All releases, model {bundle.id}"
    about = {"Filter": where} if where else {}
    return _write(spark, run, warehouse, bundle, ids, parts, name, about, output)


def view_test_split(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    bundle: Bundle,
    predictions: DataFrame,
    output: Path,
) -> Summary:
    """Write the page of the spectra that a run was tested on into a folder.

    Parameters
    ----------
    bundle
        The run's model.
    predictions
        Those of the bundle's classifier, from a run's folder.
    """
    ids = choose_from_predictions(predictions, bundle.classes.positive, run.config.viewer.spectra)
    return _write(
        spark, run, warehouse, bundle, ids, None, f"Test split of run {run.id}", {}, output
    )


def _write(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    bundle: Bundle,
    ids: Sequence[str],
    catalog: Sequence[Location] | None,
    name: str,
    about: dict[str, str],
    output: Path,
) -> Summary:
    if not ids:
        raise UserError("no spectrum fulfils the filter: there is nothing to look at")
    state = read_state(warehouse)
    if state is None:
        raise UserError(f"no table 'sample' in {warehouse.root}: run {MADE_BY['sample']}")
    apply = Apply(bundle, run.config.classify.abstain)
    rows = read_chosen(spark, warehouse, ids, apply, state.recipe, catalog)
    card = bundle.card
    model = f"{bundle.id}: {title(card.classifier)} on {len(card.selected)} {title(card.features)}"
    made = run.columns()
    about = {
        **about,
        "Model": model,
        "Run": made["run_id"],
        "Configuration": made["config_hash"],
        "galspec_spark": made["version"],
    }
    content = page_of(Contents(name, about, rows, bundle)).encode()
    page = output / PAGE
    Location.of(page).write(content)
    return {"spectra": len(rows), "bytes": len(content), "page": str(page)}
