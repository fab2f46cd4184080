from __future__ import annotations

import numpy as np

from galspec_spark.ml.means import class_means


def test_means_and_counts_of_each_class(spark):
    random = np.random.default_rng(10)
    flux = random.normal(3, 1, (30, 7)).astype(np.float32)
    label = np.arange(30) % 3 // 2
    rows = list(zip(label.tolist(), flux.tolist(), strict=True))
    df = spark.createDataFrame(rows, "label int, flux array<float>").repartition(4)
    means = class_means(df)
    assert {name: count for name, (count, _) in means.items()} == {0: 20, 1: 10}
    for name, (_, mean) in means.items():
        np.testing.assert_allclose(mean, flux[label == name].mean(axis=0), rtol=1e-6)
