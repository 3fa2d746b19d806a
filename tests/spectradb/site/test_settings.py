"""Settings: every variable that is read is told, and processes share what they must share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from spectradb import environment, settings

_READ = re.compile(
    r"(?:environ(?:\.get\(|\[)|\b(?:flag|(?:optional_)?integer|names|one_of)\()\s*\"([A-Z_]+)\""
)


def test_every_variable_that_is_read_is_in_the_list_and_the_other_way_round() -> None:
    files = (settings.__file__, environment.__file__)
    text = "".join(Path(file).read_text(encoding="utf-8") for file in files)
    told = re.findall(r"^``([A-Z_]+)``", settings.__doc__ or "", re.MULTILINE)
    assert sorted(told) == sorted(set(_READ.findall(text)))
    readme = (settings.BASE_DIR / "README.md").read_text(encoding="utf-8")
    assert "spectradb/settings.py" in readme


def _cache_backend(tmp_path: Path, **environment: str) -> str:
    return _setting("s.CACHES['default']['BACKEND']", tmp_path, **environment)


def _setting(name: str, tmp_path: Path, **environment: str) -> str:
    code = f"from spectradb import settings as s; print({name})"
    given = os.environ | {"SPECTRADB_VAR": str(tmp_path)} | environment
    answer = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]


def test_processes_share_a_cache_where_there_is_redis(tmp_path: Path) -> None:
    told = _cache_backend(tmp_path, REDIS_URL="redis://localhost:6379/0")
    assert told.endswith("RedisCache")
    assert "CACHES" in _cache_backend(tmp_path, REDIS_URL="")  # Django's own default then


def test_addresses_are_confirmed_where_mail_is_sent(tmp_path: Path) -> None:
    mail = {"EMAIL_URL": "smtp://mail.example.org"}
    assert _setting("s.REGISTRATION", tmp_path) == "open"
    assert _setting("s.REGISTRATION", tmp_path, **mail) == "confirm"
    assert _setting("s.REGISTRATION", tmp_path, **mail, REGISTRATION="open") == "open"
