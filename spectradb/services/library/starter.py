"""What comes in the box beside the theory release: measured spectra and models.

spectradb/starter/                    the theory release (manifest, tables) and its plan
spectradb/starter/supplements/NAME/   what was computed since, in the same form
spectradb/starter/measured/NAME/      a set of measured spectra
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spectradb.services.learning.shipped import SHIPPED, load_shipped
from spectradb.services.library.measured import load_measured
from spectradb.services.library.release import MANIFEST


def supplements(release: Path) -> list[Path]:
    """Folders of what was computed after a release and lies beside it, in order."""
    return sorted(path.parent for path in release.glob(f"supplements/*/{MANIFEST}"))


def load_beside(starter: Path) -> Iterator[str]:
    """Load it; a line of text for each part.

    Raises
    ------
    ReadError
        If a file of a part is missing, cut short or changed; nothing of that part is stored then.
    """
    for folder in sorted(path.parent for path in starter.glob(f"measured/*/{MANIFEST}")):
        measured = load_measured(folder)
        yield f"{measured.new} measured spectra, {measured.linked} of known crystals."
        yield from measured.refused
    new = [
        path.parent.name
        for path in sorted(starter.glob(f"models/*/{SHIPPED}"))
        if load_shipped(path.parent)
    ]
    if new:
        yield f"Models ready: {', '.join(new)}."
