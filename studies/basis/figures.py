"""H beta on spectra that a basis has not seen, beside SDSS's."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from galspec_spark.lines.formula import FORMULA_LINES
from galspec_spark.report.style import ACCENT, FAINT, OTHER, new_figure
from studies.basis.scores import INDEX, Measured, differences
from studies.basis.training import Training

#: sigma that the figure spans, to either side.
SPAN = 20.0


def h_beta(training: Training, before: Measured, after: Measured) -> Figure:
    """Draw H beta less SDSS's in sigma, with components of stars and with a learned basis."""
    figure = new_figure(3.6)
    counts, places = figure.subplots(1, 2)
    line = FORMULA_LINES.index("h_beta")
    signal = training.area[:, INDEX[line]] / training.area_err[:, INDEX[line]]
    for found, name, colour in ((before, "Stars", OTHER), (after, "Learned", ACCENT)):
        sigma = differences(training, found)[:, line].clip(-SPAN, SPAN)
        counts.hist(sigma, np.linspace(-SPAN, SPAN, 81), histtype="step", color=colour, label=name)
        places.plot(signal, sigma, ".", color=colour, markersize=3)
    counts.set_xlabel("Hβ minus SDSS's (σ)")
    counts.set_ylabel("Spectra")
    counts.legend()
    places.axhline(0, color=FAINT, zorder=0)
    places.set_xscale("symlog", linthresh=10)
    places.set_xlabel("S/N of Hβ by SDSS")
    places.set_ylabel("Hβ minus SDSS's (σ)")
    return figure
