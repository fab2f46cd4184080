"""Run a job as a user does: through spark-submit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def submit(script: Path, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script through spark-submit in a folder, as the activated environment would."""
    executables = Path(sys.executable).parent
    settings = {
        "PATH": f"{executables}{os.pathsep}{os.environ['PATH']}",
        "SPARK_CONF_DIR": str(ROOT / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    return subprocess.run(
        [str(executables / "spark-submit"), "--master", "local[2]", str(script), *options],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def messages(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of stderr, without the one that Java itself always writes."""
    lines = result.stderr.splitlines()
    return [
        line for line in lines if line != "WARNING: Using incubator modules: jdk.incubator.vector"
    ]
