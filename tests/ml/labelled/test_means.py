from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from galspec_spark.ml.labelled.means import class_means
from tests.ml.synthetic import restframe, write_warehouse
from tests.warehouses import labelled


def test_means_and_counts_of_each_class_in_the_training_split(spark, tmp_path):
    table = restframe(60)
    means = class_means(spark, labelled(write_warehouse(tmp_path, table, parts=3)))
    train = table.filter(pc.is_valid(table["fold"]))
    flux = train["flux"].combine_chunks().flatten().to_numpy().reshape(len(train), -1)
    label = train["label"].to_numpy()
    assert {name: count for name, (count, _) in means.items()} == {
        name: int((label == name).sum()) for name in (0, 1)
    }
    for name, (_, mean) in means.items():
        np.testing.assert_allclose(mean, flux[label == name].mean(axis=0, dtype=float), rtol=1e-6)
