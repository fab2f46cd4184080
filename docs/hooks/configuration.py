"""The reference of the configuration, made of conf/default.yaml and its comments."""

from __future__ import annotations

import re
from pathlib import Path

HEAD = """# Configuration

`galspec COMMAND --config FILE` reads a YAML file that states only what differs from the values
below, and `--set section.key=value` changes one of them. An option of a command that means a key
wins over both. An unknown key is an error. These are the words of `conf/default.yaml`, which the
package has inside.
"""
OTHERS = """## Configurations of the package

`--config NAME` takes one of these by its name. Each states where it differs from the values above.
"""


def configuration_reference(folder: Path) -> str:
    """Return the page, from the folder of the package's configurations."""
    sections = sections_of((folder / "default.yaml").read_text(encoding="utf-8"))
    others = [_other(path) for path in sorted(folder.glob("*.yaml")) if path.stem != "default"]
    return "\n".join([HEAD, *(_section(*each) for each in sections), OTHERS, *others])


def sections_of(text: str) -> list[tuple[str, str, str]]:
    """Return each section's name, the comment above it, and its YAML with its comments."""
    blocks = text.split("\n\n")
    assert all(line.startswith("#") for line in blocks[0].splitlines())  # the file's own comment
    return [_parts(block.rstrip()) for block in blocks[1:]]


def _parts(block: str) -> tuple[str, str, str]:
    lines = block.splitlines()
    above = [line for line in lines if line.startswith("#")]
    body = [line for line in lines if not line.startswith("#")]
    name = re.match(r"\w+", body[0])
    assert name is not None
    return name[0], " ".join(line.removeprefix("#").strip() for line in above), "\n".join(body)


def _section(name: str, meaning: str, body: str) -> str:
    return f"## {name}\n\n{_code_names(meaning)}\n\n```yaml\n{body}\n```\n"


def _other(path: Path) -> str:
    return f"### {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"


def _code_names(text: str) -> str:
    """Mark names of files as code."""
    return re.sub(r"(?<![`\w])[\w/]+\.(?:py|json|csv|html|fits|parquet)\b", r"`\g<0>`", text)
