"""Whatever happens to a file: the same crystal, a question, an error or a doubt, never another."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from compute.crystals.published import crystals
from compute.errors import ReadError
from compute.structures.findings import doubts
from compute.structures.read import read_crystals
from tests.compute.structures.mutations import (
    DESTRUCTIVE,
    READABLE,
    Written,
    same_crystal,
    settings,
)


@dataclass
class Tally:
    """Outcomes by mutation: right, told (question, error, doubt) and wrong."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, mutation: str, outcome: str, where: str) -> None:
        self.counts.setdefault(mutation, Counter())[outcome] += 1
        if outcome == "wrong":
            self.wrong.append(f"{mutation}: {where}")

    def share(self, outcome: str) -> float:
        total = sum(sum(one.values()) for one in self.counts.values())
        return sum(one[outcome] for one in self.counts.values()) / total


def outcome(text: str, one: Written) -> str:
    try:
        (found,) = read_crystals(text, "x.cif")
    except ReadError:
        return "told"
    if isinstance(found, ReadError) or doubts(found.findings):
        return "told"
    if same_crystal(found.structure, one.crystal):
        return "right"
    # An atom list without its hydrogens is kept, and says so.
    return "told" if any(finding.code == "hydrogen" for finding in found.findings) else "wrong"


def run(mutations: dict, every: int, seed: int, most_settings: int) -> Tally:
    rng = random.Random(seed)
    tally = Tally()
    for crystal in crystals()[seed::every]:
        found = list(settings(crystal.structure()))
        for one in rng.sample(found, min(most_settings, len(found))):
            for name, mutate in mutations.items():
                text = mutate(one, rng)
                if text is not None:
                    tally.add(name, outcome(text, one), f"{crystal.id}, Hall {one.hall}")
    return tally


def test_what_a_person_could_read_is_read_and_nothing_is_silently_wrong() -> None:
    # Trying every group of a cell takes a second a file; the slow test does.
    quick = {name: one for name, one in READABLE.items() if not name.startswith("nothing")}
    tally = run(quick, every=47, seed=3, most_settings=1)
    assert tally.wrong == []
    assert tally.share("right") > 0.8


def test_what_is_destroyed_is_never_another_crystal() -> None:
    assert run(DESTRUCTIVE, every=71, seed=3, most_settings=1).wrong == []


@pytest.mark.slow
def test_many_crystals_in_several_settings() -> None:
    """All of them take a quarter of an hour: ``python -m tests.benchmarks.structure_files``."""
    tally = run(READABLE, every=12, seed=5, most_settings=2)
    lost = run(DESTRUCTIVE, every=12, seed=5, most_settings=2)
    assert tally.wrong + lost.wrong == []
    assert tally.share("right") > 0.8
