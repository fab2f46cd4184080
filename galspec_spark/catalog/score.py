"""Observed spectra that no warehouse holds, as a model sees them.

The steps are those of preprocess, measure and classify, on rows in memory and without Spark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from galspec_spark.lines.templates import Templates
from galspec_spark.measure.part import MEASURED_FROM, bad_sky_bits, measure_rows
from galspec_spark.ml.model.apply import PREDICTED, Apply
from galspec_spark.ml.model.training_objects import TrainingObjects
from galspec_spark.preprocess.pixels import PIXEL_COLUMNS, STORED, move_rows
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.preprocess.selection import UNLABELLED, labels, reasons
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.sample import spectra_of

#: Columns of ``spectra`` that a score depends on.
SCORED = tuple(sorted({*STORED, *PIXEL_COLUMNS, *MEASURED_FROM, "survey"}))
#: Spectra that are scored at once: some 50 MB of their pixels.
BATCH = 500
UNKNOWN = dict.fromkeys((field.name for field in PROVENANCE), None)


@dataclass(frozen=True)
class Score:
    """Classifies rows of the table ``spectra``, wherever they come from.

    Parameters
    ----------
    templates
        Of the continua under the lines; None where the model's features read no lines.
    """

    apply: Apply
    training: TrainingObjects
    templates: Templates | None

    def __call__(self, spectra: pa.Table) -> pa.Table:
        """Return `PREDICTED` of spectra with the columns `SCORED`, in their order.

        The same spectrum twice is scored twice. A spectrum that preprocess would leave out has the
        reason, and no probability.
        """
        found = [self._scored(batch, survey) for batch, survey in of_one_survey(spectra)]
        return pa.concat_tables([PREDICTED.empty_table(), *found])

    def _scored(self, batch: pa.RecordBatch, survey: str) -> pa.Table:
        bundle = self.apply.bundle
        config = bundle.preprocess
        reject = Recipe.of(config).reject(survey)
        moved = move_rows(batch, reject, config.normalise, UNKNOWN)
        rows = pa.Table.from_batches([moved])
        reason = reasons(rows, np.zeros(len(rows), bool), config)
        label = labels(rows["subclass"], config.label)
        decided = (
            rows.append_column("object_id", rows["survey_object_id"])
            .append_column("reason", pa.array(reason.tolist(), pa.string(), mask=reason == ""))
            .append_column("label", pa.array(label, mask=label == UNLABELLED))
        )
        is_training = self.training.contain(decided)
        if self.templates is None:
            return self.apply(spectra_of(decided, moved, ()), is_training)
        measured = measure_rows(batch, bad_sky_bits(survey), self.templates)
        lines = pa.RecordBatch.from_pydict({name: measured[name] for name in bundle.line_columns})
        return self.apply(spectra_of(decided, lines, bundle.line_columns), is_training)


def of_one_survey(spectra: pa.Table) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Yield consecutive rows of one survey, `BATCH` at most."""
    survey = spectra["survey"].to_numpy(zero_copy_only=False)
    changes = np.flatnonzero(survey[1:] != survey[:-1]) + 1
    starts = np.union1d(changes, np.arange(0, len(survey), BATCH)).astype(int).tolist()
    for start, end in pairwise([*starts, len(survey)]):
        (batch,) = spectra.slice(start, end - start).combine_chunks().to_batches()
        yield batch, survey[start]
