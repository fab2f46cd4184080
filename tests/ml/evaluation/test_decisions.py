"""Probabilities and classes from scores, of two classes and of three."""

from __future__ import annotations

import numpy as np

from galspec_spark.ml.evaluation.calibration import Calibration
from galspec_spark.ml.evaluation.decisions import called, count_of, of_agn, probabilities

HALVED = Calibration("isotonic", True, scores=(0.0, 1.0), probabilities=(0.0, 0.5))
AS_IT_IS = Calibration("isotonic", True, scores=(0.0, 1.0), probabilities=(0.0, 1.0))
SCORES = np.array([[0.2, 0.6, 0.2], [0.0, 0.0, 1.0], [0.1, 0.0, 0.9]])


def test_of_two_classes_all_is_about_agn():
    scores = np.array([0.2, 0.8])
    found = probabilities(scores, HALVED, ())
    np.testing.assert_array_equal(found, [0.1, 0.4])
    assert called(found, 0.4).tolist() == [0, 1]
    assert count_of(found) == 2


def test_agn_has_its_own_calibration_and_the_others_share_the_rest():
    found = probabilities(SCORES, HALVED, (AS_IT_IS, AS_IT_IS))
    np.testing.assert_allclose(of_agn(found), [0.1, 0.5, 0.45])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[0, :2], [0.9 * 0.25, 0.9 * 0.75])
    np.testing.assert_allclose(found[1, :2], 0.25)  # nothing tells the others apart


def test_agn_is_decided_by_the_threshold_and_the_rest_by_what_is_likeliest():
    found = probabilities(SCORES, HALVED, (AS_IT_IS, AS_IT_IS))
    assert called(found, 0.45).tolist() == [1, 2, 2]
    assert called(found, 0.6).tolist() == [1, 0, 0]
