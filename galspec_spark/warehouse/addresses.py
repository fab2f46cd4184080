"""Paths and addresses as a user gives them, and texts without the passwords in them."""

from __future__ import annotations

import re

from galspec_spark.errors import ConfigError, without_passwords
from galspec_spark.warehouse.local import one_form, path_of_uri

REMOTE_SCHEMES = {"s3": "s3", "s3a": "s3", "hdfs": "hdfs"}  #: s3a is Spark's name for S3
#: What is no path although Python and pyarrow would take it for one: s3:/bucket, file:x, http:/x.
SLASHES_LACK = re.compile(
    r"(file(?=:[^/])|(?:https?|s3[an]?|hdfs|gs|abfss?|wasbs?)(?=:(?!//)))", re.I
)


def read_address(text: str) -> str:
    """Return the one name of a local place, and an address of a file in its usual form.

    Raises
    ------
    ConfigError
        If the address is incomplete, has an unknown scheme, or holds credentials.
    UserError
        If a path is not UTF-8, or of another machine.
    """
    lacking = SLASHES_LACK.match(text)
    if lacking:
        name = lacking[1].lower()
        raise ConfigError(
            f"{without_passwords(text)} is neither a path nor an address: write {name}://... for "
            f"an address, ./{name}:... for a path"
        )
    if text.startswith("file:/"):
        return one_form(path_of_uri(text))
    scheme, separator, rest = text.partition("://")
    if text.startswith("/") or not separator:
        return one_form(text)
    if scheme not in REMOTE_SCHEMES:
        schemes = ", ".join(["file", *REMOTE_SCHEMES])
        raise ConfigError(f"cannot open {scheme}://...: known are local paths and {schemes}")
    if "@" in rest.partition("/")[0] or "?" in rest:
        raise ConfigError(
            f"the {scheme}:// address holds credentials or options: set them in the environment"
        )
    if REMOTE_SCHEMES[scheme] == "s3" and not rest.partition("/")[0]:
        raise ConfigError(f"{text} names no bucket: write {scheme}://BUCKET/FOLDER")
    return f"{REMOTE_SCHEMES[scheme]}://{rest.rstrip('/')}"
