"""Compile ``locale/*/LC_MESSAGES/django.po`` in pure Python; no gettext tools are needed."""

from __future__ import annotations

import ast
import struct
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Compile the translations (.po to .mo)."

    def handle(self, *args: Any, **options: Any) -> None:
        for folder in settings.LOCALE_PATHS:
            for po in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
                messages = read_po(po.read_text(encoding="utf-8"))
                po.with_suffix(".mo").write_bytes(mo_bytes(messages))
                self.stderr.write(f"{po.parent.parent.name}: {len(messages) - 1} messages")


def read_po(text: str) -> dict[str, str]:
    """msgid → msgstr; a plural's parts are joined by NUL, as the compiled form wants.

    Raises
    ------
    CommandError
        Naming the line that cannot be read.
    """
    messages: dict[str, str] = {}
    entry: dict[str, str] = {}
    current = ""

    def keep() -> None:
        if "msgid" in entry:
            plural = entry.get("msgid_plural")
            key = entry["msgid"] + (f"\0{plural}" if plural is not None else "")
            forms = [entry[name] for name in sorted(entry) if name.startswith("msgstr")]
            messages[key] = "\0".join(forms)
        entry.clear()

    for number, line in enumerate([*text.splitlines(), ""], 1):
        line = line.strip()
        if not line:
            keep()
            continue
        if line.startswith("#"):
            continue
        if not line.startswith('"'):
            current, _, line = line.partition(" ")
            entry[current] = ""
        try:
            entry[current] += ast.literal_eval(line)
        except (SyntaxError, ValueError, KeyError) as error:
            raise CommandError(f"line {number} cannot be read: {line!r}") from error
    return messages


def mo_bytes(messages: dict[str, str]) -> bytes:
    """The GNU .mo layout: header, sorted tables of lengths and offsets, then the strings."""
    pairs = sorted((key.encode(), text.encode()) for key, text in messages.items())
    n = len(pairs)
    start = 28 + 16 * n
    keys: list[tuple[int, int]] = []
    texts: list[tuple[int, int]] = []
    body = b""
    for column, table in ((0, keys), (1, texts)):
        for pair in pairs:
            table.append((len(pair[column]), start + len(body)))
            body += pair[column] + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, n, 28, 28 + 8 * n, 0, 0)
    tables = b"".join(struct.pack("<2I", *one) for one in (*keys, *texts))
    return header + tables + body
