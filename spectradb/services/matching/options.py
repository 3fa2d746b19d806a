"""What a match is asked: which edge, which range, how far the energy axis may be off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Of an energy axis that a file brings: surveys of energy losses are off by 4 to 6 eV now and then.
# The prior makes large shifts unlikely; a limit close by would make the wrong candidate sure.
MAX_SHIFT_EV = 8.0


@dataclass(frozen=True)
class MatchOptions:
    """What to search for and where; energies in eV."""

    absorber: str | None = None
    edge: str | None = None
    kind: str | None = None
    energy_range: tuple[float, float] | None = None
    top: int = 10
    max_shift_ev: float = MAX_SHIFT_EV

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> MatchOptions:
        pair = values.get("energy_range")
        return cls(**{**values, "energy_range": None if pair is None else (pair[0], pair[1])})
