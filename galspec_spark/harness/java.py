"""Start Java for a job that spark-submit did not start, with the settings that it would have got.

conf/spark-env.sh, which the package has inside, makes most of them: Spark reads it, whoever starts
Spark.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

from galspec_spark.config import CONF

#: Java writes it before it runs any program, and has no option against it. MLlib uses the module.
OF_JAVA = re.compile(rb"^WARNING: Using incubator modules: .*\n", re.MULTILINE)
#: Names of settings that hold secrets: Spark's own spark.redaction.regex.
SECRET = re.compile("secret|password|token|access[.]?key", re.IGNORECASE)
#: A container's limit of memory.
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def start_java(settings: Mapping[str, str]) -> None:
    """Start the Java of this process, with settings of Spark, unless it runs."""
    if "PYSPARK_GATEWAY_PORT" in os.environ or SparkContext._gateway is not None:
        return
    _set_defaults()
    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        if not SECRET.search(name):  # everyone sees a command line; the session gets it later
            conf.set(name, value)
    source, sink = os.pipe()
    threading.Thread(target=_pass_on, args=(source,), daemon=True).start()
    try:
        gateway = launch_gateway(conf, {"stderr": sink})  # type: ignore[no-untyped-call]
    finally:
        os.close(sink)
    SparkContext._ensure_initialized(gateway=gateway)


def _set_defaults() -> None:
    """Have Spark read the package's own configuration, unless the user has one."""
    if "SPARK_CONF_DIR" in os.environ or "SPARK_HOME" in os.environ:
        return
    os.environ["SPARK_CONF_DIR"] = str(CONF)
    os.environ.setdefault("SPARK_DRIVER_MEMORY", f"{driver_gigabytes()}g")


def driver_gigabytes() -> int:
    """Return half of the machine's or the container's memory; Spark's Python workers need the rest.

    Returns
    -------
    int
        1 to 16 GB.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if CONTAINER_LIMIT.exists() and (limit := CONTAINER_LIMIT.read_text().strip()).isdigit():
        memory = min(memory, int(limit))
    return min(max(memory // 2**31, 1), 16)


def _pass_on(source: int) -> None:
    """Copy what Java writes to stderr, at once and as it is, but for one line."""
    with os.fdopen(source, "rb", 0) as java, os.fdopen(2, "wb", 0, closefd=False) as stderr:
        while chunk := java.read(1 << 16):
            stderr.write(OF_JAVA.sub(b"", chunk))


if __name__ == "__main__":  # of tools/setup.sh, for the Java that spark-submit starts
    sys.stdout.write(f"{driver_gigabytes()}\n")
