"""Which catalogues are of older models."""

from __future__ import annotations

from collections.abc import Sequence

from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.storage import Location


def of_older_models(catalog: Sequence[Location], keep: int | None) -> set[Location]:
    """Return the parts of models that did not classify a release lately.

    Parameters
    ----------
    catalog
        Parts of ``catalog``.
    keep
        Number of models to keep in each release: those that last classified spectra of it. None
        for all.
    """
    if keep is None:
        return set()
    last: dict[str, dict[str, str]] = {}
    for part in catalog:
        values = partition_values(part)
        models = last.setdefault(values["release"], {})
        _, last_run = open_part(part).bounds("run_id")  # runs sort by time
        models[values["model"]] = max(models.get(values["model"], ""), last_run)
    kept = {
        (release, model)
        for release, models in last.items()
        for model in sorted(models, key=lambda name: (models[name], name))[-keep:]
    }

    def is_kept(part: Location) -> bool:
        values = partition_values(part)
        return (values["release"], values["model"]) in kept

    return {part for part in catalog if not is_kept(part)}
