"""The lock holds what the requirements ask for."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pins(file: str) -> set[tuple[str, str]]:
    """(name, version) of each line that pins one."""
    lines = (ROOT / file).read_text().splitlines()
    found = (re.match(r"([\w.-]+)(?:\[[\w,-]+])?==([^\s;]+)", line) for line in lines)
    return {(m[1].lower().replace("_", "-"), m[2]) for m in found if m}


def test_the_lock_has_every_requirement_at_its_version():
    missing = pins("requirements.txt") - pins("requirements.lock")
    assert {name for name, _ in missing} == {"torch"}, f"make lock: {missing}"


def test_every_locked_version_has_a_hash():
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    assert len(entries) > 80
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
