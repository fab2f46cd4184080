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
from markupsafe import Markup
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from galspec_spark.report.contents import decimals, duration, integer
from galspec_spark.report.style import style
from galspec_spark.warehouse.storage import Location

Report = TypeVar("Report")


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
    output: Path, entries: Mapping[str, FigureEntry[Report]], report: Report
) -> dict[str, Image]:
    """Write ``figures/*.png`` into a folder; return them as the templates embed them.

    A figure without data in this report is left out; an earlier run's is removed.
    """
    images = {}
    for name, entry in entries.items():
        path = output / "figures" / f"{name}.png"
        with style():
            figure = entry.draw(report)
            if figure is None:
                path.unlink(missing_ok=True)
                continue
            content = _png(figure)
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
    output: Path, template: str, filters: Mapping[str, Callable[..., object]], **values: object
) -> Path:
    """Write ``report.html`` into a folder; it needs no other file.

    Parameters
    ----------
    template
        Name of a file beside this module that extends ``page.html``.
    filters
        Filters of this template, besides the filters of all templates.
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
        percent=lambda value: "–" if decimals(value) == "–" else f"{value:.0%}",
        **filters,
    )
    content = environment.get_template(template).render(css=Markup(_source("page.css")), **values)
    page = output / "report.html"
    Location.of(page).write(content.encode())
    return page


def spark_version() -> str:
    """Return the version of pyspark; a dash if it was not installed as a package."""
    try:
        return version("pyspark")
    except PackageNotFoundError:
        return "–"


def _png(figure: Figure) -> bytes:
    """Return a figure as PNG; `Figure.savefig` would draw it twice, once for the layout."""
    content = io.BytesIO()
    figure.set_dpi(rcParams["savefig.dpi"])
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
    return content.getvalue()


def _source(name: str) -> str:
    return files("galspec_spark.report").joinpath(name).read_text("utf-8")
