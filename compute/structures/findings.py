"""What a reader or a check has to say of a structure, and how much it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Weight(StrEnum):
    """How much a finding matters."""

    NOTE = "note"  # told; the structure is what the file says
    DOUBT = "doubt"  # the structure is likely not what is meant: no calculation until overruled
    MARK = "mark"  # right as it is, and calculated, but models do not predict it (disorder)


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    code : str
        Short and fixed, for programs: ``formula``, ``setting``, ``contact`` …
    text : str
        In words that name field and value.
    weight : Weight
    """

    code: str
    text: str
    weight: Weight = Weight.NOTE

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "text": self.text, "weight": str(self.weight)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        return cls(str(data["code"]), str(data["text"]), Weight(data["weight"]))


def doubts(findings: Iterable[Finding]) -> list[Finding]:
    """Those that speak against the structure."""
    return [one for one in findings if one.weight == Weight.DOUBT]


def obstacles(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stand before a calculation."""
    return doubts(findings)


def unpredictable(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stand before the prediction of a model: doubts, and what models do not know."""
    return [one for one in findings if one.weight != Weight.NOTE]
