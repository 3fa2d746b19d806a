"""What a match is asked: which edge, which range, how far the energy axis may be off."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError

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

    def checked(self) -> MatchOptions:
        """The same with symbols as they are written (``mn`` is Mn).

        Raises
        ------
        InputError
            No such element or edge, a range that ends before it starts, a shift below zero.
        """
        absorber, edge = self.absorber, self.edge
        if absorber and (absorber := normalise_element(absorber)) is None:
            raise InputError("absorber", self.absorber, "no such element")
        if edge and (edge := normalise_edge(edge)) is None:
            raise InputError("edge", self.edge, "no such edge")
        if self.energy_range is not None and self.energy_range[0] >= self.energy_range[1]:
            raise InputError("range", self.energy_range, "must start below its end")
        if not (isfinite(self.max_shift_ev) and self.max_shift_ev >= 0.0):
            raise InputError("max_shift_ev", self.max_shift_ev, "must be 0 eV or more")
        return replace(self, absorber=absorber, edge=edge)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> MatchOptions:
        pair = values.get("energy_range")
        return cls(**{**values, "energy_range": None if pair is None else (pair[0], pair[1])})
