"""The page: its markup, style, script and data in one file that asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

import jinja2
from markupsafe import Markup

from galspec_spark.report.origin import Simulated
from galspec_spark.viewer.contents import Contents

#: The script's pieces, in the order in which they need each other.
SCRIPTS = (
    "decode.js",
    "draw.js",
    "places.js",
    "spectrum.js",
    "plane.js",
    "details.js",
    "table.js",
    "viewer.js",
)


def page_of(contents: Contents) -> str:
    """Return the page.

    Its content-security policy lets no script and no style run but these, by their SHA-256, and
    nothing be loaded. The data are a block of JSON, which is no script.
    """
    script = "\n".join(["'use strict';", *map(_source, SCRIPTS)])
    style = _source("viewer.css")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source("viewer.html")).render(
        title=Simulated(contents.simulated, len(contents.rows)).titled(contents.title),
        about=contents.about,
        count=len(contents.rows),
        simulated=contents.simulated,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        # As an escape of JSON: what is between the tags ends at the first "</".
        data=Markup(contents.json().replace("<", "\\u003c")),
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _source(name: str) -> str:
    return files("galspec_spark.viewer").joinpath(name).read_text("utf-8")
