"""Names of files with letters beyond ASCII, where the machine has no locale (cron, containers)."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Sequence

from pyspark import SparkContext

from galspec_spark.errors import ConfigError

#: A locale with UTF-8 that needs no package.
UTF8_LOCALE = "C.UTF-8"
REMEDY = f"export LC_ALL={UTF8_LOCALE}"


def keep_names(arguments: Sequence[str]) -> None:
    """Give Java a locale in which it keeps names as they are, or find out that it lost some.

    Parameters
    ----------
    arguments
        Of the command line. Java, if it started this program, turned letters that its locale lacks
        into question marks.

    Raises
    ------
    ConfigError
        If Python does not name files in UTF-8, or Java has started without.
    """
    if sys.getfilesystemencoding() != "utf-8":
        raise ConfigError(f"Python names files in {sys.getfilesystemencoding()}: {REMEDY}")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        if locale.getencoding().lower() != "utf-8":
            os.environ["LC_ALL"] = UTF8_LOCALE
        return
    encoding = _encoding_of_java()
    is_lost = any("?" in text for text in arguments) or not os.getcwd().isascii()
    if encoding != "UTF-8" and is_lost:
        raise ConfigError(
            f"Java names files in {encoding}, which turned letters into question marks: {REMEDY}"
        )


def _encoding_of_java() -> str:
    SparkContext._ensure_initialized()
    system = SparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    return str(system.getProperty("sun.jnu.encoding"))
