"""Warnings of a catalogue row: named bits of its column ``flags``."""

from __future__ import annotations

#: Class of a spectrum that the model does not classify.
ABSTAIN = "abstain"
#: Bit number and meaning of each flag.
FLAGS = {
    "LEFT_OUT": (0, "preprocess left the spectrum out; reason says why"),
    "LOW_COVERAGE": (1, "less of the window is covered than in the training set"),
    "Z_RANGE": (2, "the redshift is outside that of the training set"),
    "LOW_SN": (3, "the signal-to-noise ratio is below that of the training set"),
    "HIGH_SN": (4, "the signal-to-noise ratio is above that of the training set"),
    "OUTLIER": (5, "the features explain it worse than training spectra of its S/N"),
    "LABEL_DIFFERS": (6, "the label, the survey's or a person's, is another class"),
    "IN_TRAINING": (7, "the model learned from this object"),
    "UNSURE": (8, "the prediction set has several classes, or none"),
}
FLAG_BITS = {name: bit for name, (bit, _) in FLAGS.items()}
