"""Series and maps: many spectra on one axis, answered together.

`unmix` for known references, `compute.series.factor` without them, `compute.series.parameters` for
single numbers, `compute.series.corrections` before any of these. Loaded when asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compute.series.references import unmix
    from compute.series.unmixed import Unmixed

__all__ = ["Unmixed", "unmix"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "references" if name == "unmix" else "unmixed"
    return getattr(import_module(f"{__name__}.{home}"), name)
