"""The set-up script, on a machine of stand-ins: Pythons and Javas that only act their part."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = [
    "bash", "cat", "cksum", "cp", "dirname", "find", "grep", "id", "ls", "mkdir", "mv", "rm", "sed",
    "tail",
]  # fmt: skip

PYTHON = """#!/bin/bash
case "$*" in
    *"version_info >= (3, 11)"*) [ {minor} -ge 11 ] && echo "$0" ;;
    --version) echo "Python 3.{minor}.0" ;;
    "-m venv"*) rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
        echo 'PATH="$PWD/.venv/bin:$PATH"' >.venv/bin/activate
        mkdir -p .venv/lib/python3.{minor}/site-packages/pyspark/jars ;;
    *" install "*) echo "$*" >>installed
        [ ! -e full-disk ] || {{ echo "ERROR: No space left on device"; exit 1; }} ;;
    *harness.java) echo 4 ;; # gigabytes for the driver
esac
"""
JAVA = """#!/bin/bash
echo 'openjdk version "{version}.0.{update}" 2025-04-15' >&2
"""
SPARK_SUBMIT = r"""#!/bin/bash
[ ! -e old-java ] || { echo "ArchiveClassesAtExit is unsupported"; exit 1; }
[ "$1 $3" = "--driver-java-options tools/warm_up.py" ] || exit 1
part=${2#\'-XX:ArchiveClassesAtExit=}
echo >"${part%\'}"
"""
FAST_START = "Preparing a fast start of Spark (again when Java or Spark change)"


class Machine:
    """A clone of the repository on a machine with the tools above and what a test adds."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.bin = folder / "clone", folder / "bin"
        self.environment = {"PATH": str(self.bin), "HOME": str(folder)}
        self.spark = self.clone / ".venv" / "lib" / "python3.11" / "site-packages" / "pyspark"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self._add(self.bin / "spark-submit", SPARK_SUBMIT)
        (self.clone / "tools").mkdir(parents=True)
        for name in ("pyproject.toml", "tools/setup.sh"):
            shutil.copy(ROOT / name, self.clone / name)

    def add_python(self, name: str, minor: int) -> None:
        self._add(self.bin / name, PYTHON.format(minor=minor))

    def add_java(self, version: int, update: int = 1) -> Path:
        home = self.bin.parent / f"java-{version}"
        self._add(home / "bin" / "java", JAVA.format(version=version, update=update))
        return home

    def _add(self, path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def set_up(self, *arguments: str) -> tuple[int, list[str]]:
        """Run the script from another folder; return its exit code and what it says."""
        result = subprocess.run(
            [str(self.clone / "tools" / "setup.sh"), *arguments],
            env=self.environment,
            cwd=self.bin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.stdout == ""
        return result.returncode, result.stderr.splitlines()

    def activated(self, variable: str) -> str:
        """Return what a variable is in the activated environment."""
        command = f'. .venv/bin/activate && echo "${{{variable}-}}"'
        return subprocess.check_output(
            ["bash", "-c", command], env=self.environment, cwd=self.clone, text=True
        ).strip()


@pytest.fixture
def machine(tmp_path):
    """A machine with a Python 3.11 and a Java 17, in JAVA_HOME."""
    machine = Machine(tmp_path)
    machine.add_python("python3", minor=11)
    machine.environment["JAVA_HOME"] = str(machine.add_java(17))
    return machine


def test_the_environment_knows_its_java_settings_and_memory(machine):
    machine.environment["SPARK_HOME"] = "/another/spark"
    code, said = machine.set_up()
    assert (code, said[-2]) == (0, "Set-up done")
    assert machine.activated("JAVA_HOME") == machine.environment["JAVA_HOME"]
    assert machine.activated("SPARK_CONF_DIR") == str(machine.clone / "conf")
    assert machine.activated("SPARK_DRIVER_MEMORY") == "4g"
    assert machine.activated("SPARK_HOME") == ""


def test_a_second_run_does_nothing(machine):
    machine.set_up()
    assert machine.set_up() == (0, [])


def test_users_get_no_developers_packages_until_a_target_needs_them(machine):
    machine.set_up()
    assert "--group dev" not in (machine.clone / "installed").read_text()
    assert machine.set_up("developers")[1][-1] == "Developers' packages added"
    assert "--group dev" in (machine.clone / "installed").read_text()
    assert machine.set_up() == machine.set_up("developers") == (0, [])
    (machine.clone / ".venv" / "ready").unlink()  # made again, without them
    machine.set_up()
    assert machine.set_up("developers")[1][-1] == "Developers' packages added"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda clone: (clone / ".venv" / "bin" / "python").unlink(),
        lambda clone: (clone / ".venv" / "ready").unlink(),  # pip was killed
        lambda clone: (clone / "pyproject.toml").write_text("# other packages\n"),
        lambda clone: shutil.rmtree(clone.parent / "java-17"),
    ],
    ids=["python gone", "half made", "packages changed", "java gone"],
)
def test_an_environment_that_no_longer_fits_is_made_again(machine, spoil):
    machine.set_up()
    (machine.clone / ".venv" / "leftover").touch()
    spoil(machine.clone)
    machine.environment["JAVA_HOME"] = str(machine.add_java(21))
    assert machine.set_up()[1][-2] == "Set-up done"
    assert not (machine.clone / ".venv" / "leftover").exists()
    assert machine.set_up() == (0, [])


def test_a_moved_clone_gets_a_new_environment(machine):
    machine.set_up()
    machine.clone = machine.clone.rename(machine.clone.with_name("moved"))
    assert machine.set_up()[1][-2] == "Set-up done"
    assert machine.activated("SPARK_CONF_DIR") == str(machine.clone / "conf")


def test_a_failing_pip_is_one_line_and_the_next_run_starts_afresh(machine):
    (machine.clone / "full-disk").touch()
    code, said = machine.set_up()
    assert code == 1
    assert said[-1].startswith("error: pip: ERROR: No space left on device")
    (machine.clone / "full-disk").unlink()
    assert machine.set_up()[0] == 0


def test_a_newer_python_is_found_beside_an_old_one(machine):
    machine.add_python("python3", minor=9)
    machine.add_python("python3.12", minor=12)
    code, said = machine.set_up()
    assert code == 0
    assert "Python 3.12.0" in said[1]


def test_no_python_that_is_new_enough_is_one_line(machine):
    machine.add_python("python3", minor=9)
    code, said = machine.set_up()
    assert code == 1
    assert said[-1].startswith("error: no Python 3.11 or newer found: install one, or name it")


def test_a_java_of_the_wrong_version_is_passed_over(machine):
    machine.environment["JAVA_HOME"] = str(machine.add_java(11))
    good = machine.add_java(21)
    (machine.bin.parent / ".sdkman" / "candidates" / "java").mkdir(parents=True)
    (machine.bin.parent / ".sdkman" / "candidates" / "java" / "21").symlink_to(good)
    assert machine.set_up()[0] == 0
    assert "java-11" not in machine.activated("JAVA_HOME")


def test_the_archive_of_classes_is_made_once(machine):
    assert machine.set_up()[1][-1] == FAST_START
    assert sorted(path.name for path in machine.spark.iterdir()) == [
        "jars", "jars.jsa", "jars.jsa.made-by",
    ]  # fmt: skip
    assert machine.set_up() == (0, [])


def test_the_archive_of_classes_is_made_anew_with_another_java_or_other_jars(machine):
    def makes_it_anew() -> bool:
        archive = machine.spark / "jars.jsa"
        archive.write_text("old")
        assert machine.set_up() == (0, [FAST_START])
        assert machine.set_up() == (0, [])
        return archive.read_text() != "old"

    machine.set_up()
    machine.add_java(17, update=2)
    assert makes_it_anew()
    (machine.spark / "jars" / "more.jar").touch()
    assert makes_it_anew()
    (machine.spark / "jars.jsa.made-by").unlink()  # as one that was cut short leaves it
    assert makes_it_anew()


def test_a_java_that_cannot_make_archives_is_asked_once(machine):
    (machine.clone / "old-java").touch()
    code, said = machine.set_up()
    assert code == 0
    assert said[-2] == FAST_START
    assert said[-1].startswith("  this Java cannot: Spark starts more slowly (the reason is in")
    assert not (machine.spark / "jars.jsa").exists()
    assert "ArchiveClassesAtExit is unsupported" in (machine.clone / "build/setup.log").read_text()
    assert machine.set_up() == (0, [])
