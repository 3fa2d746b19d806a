"""All readers loaded, for the child that fuzzing runs in."""

from __future__ import annotations

import compute.io.warm
import compute.structures.warm


def warm() -> None:
    compute.io.warm.warm()
    compute.structures.warm.warm()
