"""All jobs in one application on the cluster; before them it says where its tasks run.

Arguments: a list of jobs as JSON, each a program with its options; then names of settings to be
said. It knows nothing of the tests, which are not on the cluster.
"""

import json
import runpy
import sys
from contextlib import nullcontext
from unittest.mock import patch

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


def probe(spark, names):
    """Return where tasks run, and settings by name."""
    context = spark.sparkContext
    settings = {key: spark.conf.get(key, None) for key in names}
    tasks = context.parallelize(range(2), 2).mapPartitions(where).collect()
    found = {"master": context.master, "cores": context.defaultParallelism}
    return {**found, "settings": settings, "tasks": tasks}


def main(jobs, *names):
    """Print where tasks run as a line of JSON, run the jobs, and return the first bad exit code."""
    with open_session("all jobs", Config()) as spark:
        print(json.dumps(probe(spark, names)), flush=True)  # noqa: T201
        session = patch(
            "galspec_spark.harness.cli.open_session", lambda name, config: nullcontext(spark)
        )
        without_report = patch("galspec_spark.train.stage.write_report", lambda output, _: output)
        for job in json.loads(jobs):
            with session, without_report, patch.object(sys, "argv", job):
                try:
                    runpy.run_path(job[0], run_name="__main__")
                except SystemExit as end:
                    if end.code:
                        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
