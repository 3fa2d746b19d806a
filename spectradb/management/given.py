"""Files that commands of learning are given: splits and scales."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

SPLIT_HELP = "{source_id: train|val|test}"
SCALE_HELP = '{"source_id:site_index": factor}'


def read_json(path: str | None, option: str) -> Any:
    """What a JSON file holds; None without a file."""
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
        return json.loads(text, object_pairs_hook=_once)
    except (OSError, ValueError) as error:
        raise CommandError(f"{option} {path}: {error}") from error


def add_split(parser: CommandParser) -> None:
    """``--split`` of what is asked of a trained model."""
    parser.add_argument(
        "--split",
        metavar="FILE.json",
        help=f"{SPLIT_HELP}, or 'hash' for that by the hash of the material's name; the model's "
        "own when not given",
    )


def add_scale(parser: CommandParser) -> None:
    """``--target-scale`` of what is asked of a trained model."""
    parser.add_argument(
        "--target-scale",
        metavar="FILE.json",
        help=f"{SCALE_HELP}, or 'none'; the model's own when not given",
    )


def split_given(path: str | None) -> Any:
    """As a service takes it."""
    return _given(path, "--split", "hash")


def scale_given(path: str | None) -> Any:
    """As a service takes it."""
    return _given(path, "--target-scale", "none")


def estimate_in_words(estimate: dict[str, float | None]) -> str:
    """A metric with its interval, where there is one."""
    low, high = estimate["low"], estimate["high"]
    interval = "one material: no interval" if low is None else f"95 %: {low:.5g} … {high:.5g}"
    return f"{estimate['value']:.5g} ({interval})"


def _given(path: str | None, option: str, without: str) -> Any:
    from spectradb.services.learning.as_trained import AS_TRAINED

    if path is None:
        return AS_TRAINED
    return None if path == without else read_json(path, option)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names say one thing each."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise ValueError(f"{name} is both {found[name]!r} and {value!r}")
        found[name] = value
    return found
