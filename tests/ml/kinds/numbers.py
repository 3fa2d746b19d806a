"""What each kind predicts in its present version.

``python -m tests.ml.kinds.numbers [KIND …]`` writes them anew. A change of numbers is a change of
version: the same configuration and rows no longer give the model that they gave.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml.kinds import EVERY_KIND
from ml.kinds.base import Model
from tests.ml.kinds.models import fitted
from tests.ml.samples import halides

NUMBERS = Path(__file__).with_name("numbers.json")


def numbers_of(model: Model) -> dict[str, Any]:
    """The version, and every fourth number of two predictions."""
    found = model.predict(halides(2, seed=1))
    return {
        "version": model.version,
        "mean": found.mean[:, ::4].round(5).tolist(),
        "sigma": found.sigma[:, ::4].round(5).tolist(),
    }


def main() -> None:
    known = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    with tempfile.TemporaryDirectory() as cache:
        for kind in sys.argv[1:] or EVERY_KIND:
            found = numbers_of(fitted(kind, Path(cache)))
            before = known.get(kind)
            if before and before["version"] == found["version"] and before != found:
                sys.stderr.write(f"{kind}: other numbers, the same version\n")
            known[kind] = found
    lines = [f' "{kind}": {json.dumps(known[kind])}' for kind in sorted(known)]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
