"""Published splittings, charge-transfer energies and spin-pairing energies that constants fit.

``seen`` says whether a value was read at its source; what was not is unverified, quoted from
memory of the literature, and weighs half.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("published.json")
_UNVERIFIED_WEIGHT = 0.7  # squared: half


@cache
def published() -> dict[str, list[dict[str, Any]]]:
    """The values of each kind (``splitting``, ``complex_splitting``,
    ``charge_transfer``, ``spin_pairing``)."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return {kind: entries for kind, entries in data.items() if kind != "note"}


def weight(entry: dict[str, Any]) -> float:
    """What multiplies an entry's residual."""
    return 1.0 if entry["seen"] else _UNVERIFIED_WEIGHT
