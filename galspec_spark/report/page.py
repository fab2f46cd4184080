"""Common parts of all report pages: templates, and figures as files and within the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from galspec_spark.report.origin import Origin, Simulated
from galspec_spark.report.style import AGN, style
from galspec_spark.report.text import decimals, duration, integer, out_of, percent, share_of
from galspec_spark.warehouse.storage import Location

Report = TypeVar("Report")
BAND = 0.25  #: inches above a figure, for the mark


@dataclass(frozen=True)
class FigureEntry(Generic[Report]):
    """One figure of a report."""

    draw: Callable[[Report], Figure | None]  #: None if the run has nothing to show
    alt: Callable[[Report], str]  #: what it shows, for readers who cannot see it
    caption: str  #: how to read it


@dataclass(frozen=True)
class Image:
    """One figure as the templates embed it."""

    source: str
    alt: str
    caption: str
    width: int  #: pixels
    height: int


def draw(figure: Callable[[Report], Figure], report: Report) -> bytes:
    """Return a figure as PNG, in the report's style."""
    with style():
        return _png(figure(report))


def write_figures(
    output: Path, entries: Mapping[str, FigureEntry[Report]], report: Report, mark: str
) -> dict[str, Image]:
    """Write ``figures/*.png`` into a folder; return them as the templates embed them.

    A figure without data in this report is left out; an earlier run's is removed.

    Parameters
    ----------
    mark
        Words above each figure, such as "Simulated data"; may be empty.
    """
    images = {}
    for name, entry in entries.items():
        path = output / "figures" / f"{name}.png"
        with style():
            figure = entry.draw(report)
            if figure is None:
                path.unlink(missing_ok=True)
                continue
            content = _png(figure, mark)
        Location.of(path).write(content)
        images[name] = Image(
            source=f"data:image/png;base64,{base64.b64encode(content).decode()}",
            alt=entry.alt(report),
            caption=entry.caption,
            width=int.from_bytes(content[16:20]),  # from PNG's first chunk
            height=int.from_bytes(content[20:24]),
        )
    return images


def write_page(
    output: Path,
    template: str,
    origin: Origin,
    simulated: Simulated,
    filters: Mapping[str, Callable[..., object]],
    name: str = "report.html",
    **values: object,
) -> Path:
    """Write a page into a folder; it needs no other file.

    Parameters
    ----------
    template
        Name of a file beside this module that extends ``page.html``.
    origin, simulated
        What the page was made from.
    filters
        Filters of this template, besides the filters of all templates.
    name
        Of the page.
    values
        Variables of the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        decimals=decimals,
        duration=duration,
        integer=integer,
        percent=percent,
        of=share_of,
        outof=out_of,
        **filters,
    )
    css = Markup(_source("page.css"))
    content = environment.get_template(template).render(
        css=css, origin=origin, simulated=simulated, **values
    )
    page = output / name
    Location.of(page).write(content.encode())
    return page


def spark_version() -> str:
    """Return the version of pyspark; a dash if it was not installed as a package."""
    try:
        return version("pyspark")
    except PackageNotFoundError:
        return "–"


def _png(figure: Figure, mark: str = "") -> bytes:
    """Return a figure as PNG, with a line of words above it: it is passed on without its page."""
    figure.set_dpi(rcParams["savefig.dpi"])
    picture = _pixels(figure)
    if mark:
        # Half a pixel more, for the width is rounded down.
        band = Figure(figsize=((picture.shape[1] + 0.5) / figure.dpi, BAND), dpi=figure.dpi)
        band.text(0.1 / band.get_figwidth(), 0.5, mark, va="center", color=AGN, fontweight="bold")
        picture = np.concatenate([_pixels(band), picture])
    content = io.BytesIO()
    imsave(content, picture, format="png")
    return content.getvalue()


def _pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    """Return a figure drawn, (height, width, 4); `savefig` draws it twice, once for the layout."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _source(name: str) -> str:
    return files("galspec_spark.report").joinpath(name).read_text("utf-8")
