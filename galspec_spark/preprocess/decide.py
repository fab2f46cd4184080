"""The rows of ``sample``: object, primary, reason, label, split and fold of every spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.config import PreprocessConfig
from galspec_spark.harness.run import Run
from galspec_spark.preprocess.objects import Integers, find_objects, primaries
from galspec_spark.preprocess.person_labels import PERSON, SURVEY, PersonLabels, with_person
from galspec_spark.preprocess.selection import (
    UNLABELLED,
    Booleans,
    draw,
    is_duplicate,
    labels,
    positions,
    reasons,
    splits,
)
from galspec_spark.warehouse.sample import NOT_DRAWN
from galspec_spark.warehouse.schemas import SAMPLE


@dataclass(frozen=True)
class Decided:
    """All rows of ``sample``, and a count of joined objects."""

    rows: pa.Table
    joined: int  #: objects that turned out to be parts of others


def decide(
    rows: pa.Table, before: pa.Table, config: PreprocessConfig, person: PersonLabels, run: Run
) -> Decided:
    """Decide about all spectra anew; only the names of objects are kept.

    Parameters
    ----------
    rows
        The columns of ``sample`` that do not depend on other spectra.
    before
        Columns ``spectrum_id``, ``object_id`` and ``first_seen`` of the last table, if any.
    person
        Labels that win over the survey's.
    run
        The run that decides, and is the first to see the new spectra.
    """
    place = pc.index_in(rows["spectrum_id"], before["spectrum_id"]).combine_chunks()
    known_as = before["object_id"].combine_chunks().take(place)
    first_seen = pc.fill_null(before["first_seen"].combine_chunks().take(place), run.id)
    objects = find_objects(rows, known_as, first_seen)
    reason = reasons(rows, is_duplicate(rows), config)
    of_survey = labels(rows["subclass"], config.label)
    label, by_person = with_person(of_survey, rows["spectrum_id"], objects.number, person)
    usable = (reason == "") & (label != UNLABELLED)
    drawn = draw(rows["spectrum_id"], usable, config)
    reason = np.where(usable & ~drawn, NOT_DRAWN, reason)
    is_test, fold = _splits(objects.name, objects.number, drawn, config)
    values = {
        "first_seen": first_seen,
        "object_id": objects.name,
        "observations": np.bincount(objects.number)[objects.number],
        "is_primary": primaries(rows, objects),
        "label": pa.array(label, mask=label == UNLABELLED),
        "label_source": pa.array(
            np.where(by_person, PERSON, SURVEY).tolist(), mask=label == UNLABELLED
        ),
        "reason": pa.array(reason.tolist(), pa.string(), mask=reason == ""),
        "split": pa.array(np.where(is_test, "test", "train").tolist(), mask=~drawn),
        "fold": pa.array(fold, mask=~drawn | is_test),
        **{name: pa.repeat(value, len(rows)) for name, value in run.columns().items()},
    }
    for name, value in values.items():
        rows = rows.append_column(name, pa.array(value))
    return Decided(rows.select(SAMPLE.names).cast(SAMPLE), objects.joined)


def _splits(
    names: pa.Array, numbers: Integers, drawn: Booleans, config: PreprocessConfig
) -> tuple[Booleans, Integers]:
    """Return the `splits` of spectra by their objects; only drawn objects are hashed."""
    objects, first = np.unique(numbers[drawn], return_index=True)
    chosen = names.filter(pa.array(drawn)).take(pa.array(first))
    place = np.zeros(numbers.max(initial=-1) + 1)
    place[objects] = positions(chosen.to_pylist(), config.seed)
    return splits(place[numbers], config)
