"""A job that says where its tasks ran, and with what."""

import json
import sys

from galspec_spark.config import Config
from galspec_spark.harness.session import open_session


def where(numbers):
    """Return what a task sees."""
    import os
    import socket
    import time

    import galspec_spark

    time.sleep(0.5)  # so that each executor gets a task
    yield {
        "address": os.environ["SPARK_LOCAL_IP"],
        "host": socket.gethostname(),
        "package": galspec_spark.__file__,
        "python": sys.executable,
    }


def main():
    """Print all of it as one line of JSON."""
    with open_session("probe", Config()) as spark:
        context = spark.sparkContext
        settings = {key: spark.conf.get(key, None) for key in sys.argv[1:]}
        tasks = context.parallelize(range(2), 2).mapPartitions(where).collect()
        found = {"master": context.master, "cores": context.defaultParallelism}
        print(json.dumps({**found, "settings": settings, "tasks": tasks}))  # noqa: T201


if __name__ == "__main__":
    main()
