"""Check that the spectra of a warehouse are like those that a model learned from."""

from __future__ import annotations

from typing import Any

from galspec_spark.errors import UserError
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.preprocess.recipe import State, read_state
from galspec_spark.warehouse.tables import MADE_BY, Warehouse


def check_recipe(warehouse: Warehouse, bundle: Bundle) -> None:
    """Check that spectra were moved and labelled like those that a model learned from.

    Raises
    ------
    UserError
        If the recipes or label policies differ, or the table ``sample`` does not exist.
    """
    state = read_state(warehouse)
    if state is None:
        raise UserError(f"no table 'sample' in {warehouse.root}: run {MADE_BY['sample']}")
    found, learned = _recipe(state), _recipe(State.of(bundle.preprocess))
    for key, value in learned.items():
        if found[key] != value:
            raise UserError(
                f"the table restframe has preprocess.{key} {found[key]}, the model learned from "
                f"{value}: preprocess with the model's configuration"
            )


def _recipe(state: State) -> dict[str, Any]:
    return {**state.recipe.model_dump(mode="json"), "label": state.label.model_dump(mode="json")}
