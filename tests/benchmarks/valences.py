"""Oxidation states against the cited set: how many are right, and what their confidence is worth.

``python -m tests.benchmarks.valences [--half development|"held out"|all] [--list]``

A site is one orbit of a structure whose state the set gives. ``--list`` names those that are wrong,
and the right ones whose confidence is at most 0.9. The reliability table is of all sites.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from compute.errors import InputError
from compute.sites import analyze_sites
from compute.structures.findings import obstacles
from compute.structures.read import check
from compute.structures.valence import valence_findings
from tests.benchmarks.output import say
from tests.compute.sites.valence_set import Entry, entries

_SURE = 0.9
_STEPS = (0.0, 0.25, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0001)


@dataclass(frozen=True)
class Judged:
    """One site: what is accepted, what is found; NaN with the words of an error."""

    entry: Entry
    element: str
    accepted: float
    found: float
    confidence: float
    note: str = ""

    @property
    def right(self) -> bool:
        return abs(self.found - self.accepted) < 0.01


def judge(entry: Entry) -> list[Judged]:
    """Every site of an entry that the set gives a state of."""
    structure, truth = entry.structure(), entry.truth()
    try:
        sites = analyze_sites(structure)
    except InputError as error:
        elements = {structure[i].specie.symbol: state for i, state in truth.items()}
        return [Judged(entry, e, v, float("nan"), 0.0, str(error)) for e, v in elements.items()]
    against = obstacles([*check(structure), *valence_findings(structure, sites)])
    note = "; ".join(one.text for one in against)
    return [
        Judged(
            entry,
            site.element,
            truth[site.index],
            site.oxidation_state,
            site.oxidation_confidence,
            note,
        )
        for site in sites
        if site.index in truth
    ]


def table(rows: Sequence[Judged]) -> list[str]:
    """The figures of the acceptance, by kind, in Markdown."""
    out = [
        "| sites | n | right | wrong above 0.9 | of the right ones above 0.9 | doubted |",
        "|---|---|---|---|---|---|",
    ]
    kinds = {"all": list(rows)}
    for row in rows:
        kinds.setdefault(row.entry.kind, []).append(row)
    for kind, some in kinds.items():
        right = [row for row in some if row.right]
        sure = sum(row.confidence > _SURE for row in right)
        wrong = sum(row.confidence > _SURE and not row.right for row in some)
        share = f"{sure / len(right):.0%}" if right else "–"
        out.append(
            f"| {kind} | {len(some)} | {len(right)} ({len(right) / len(some):.1%}) | {wrong} | "
            f"{share} | {sum(bool(row.note) for row in some)} |"
        )
    return out


def reliability(rows: Sequence[Judged]) -> list[str]:
    """How many are right in each step of confidence."""
    out = ["| confidence | n | mean confidence | right |", "|---|---|---|---|"]
    for low, high in zip(_STEPS, _STEPS[1:], strict=False):
        some = [row for row in rows if low <= row.confidence < high]
        if some:
            mean = sum(row.confidence for row in some) / len(some)
            right = sum(row.right for row in some) / len(some)
            name = f"{low:g} to {min(high, 1.0):g}"
            out.append(f"| {name} | {len(some)} | {mean:.2f} | {right:.0%} |")
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", default="development", choices=("development", "held out", "all"))
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    rows: list[Judged] = []
    started = time.perf_counter()
    for entry in entries():
        if options.half in ("all", entry.half):
            rows += judge(entry)
    say("\n".join(["", *table(rows), "", *reliability(rows)]))
    say(f"\n{time.perf_counter() - started:.0f} s")
    if not options.list:
        return
    by_family: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        by_family[row.entry.family].append(row)
    for family, some in sorted(by_family.items()):
        say(f"{family}: {sum(row.right for row in some)} of {len(some)}")
        for row in some:
            if not row.right or row.confidence <= _SURE:
                say(
                    f"  {'' if row.right else 'WRONG '}{row.entry.id} "
                    f"{row.entry.data.get('formula', '')}: {row.element} {row.found:+.3g} "
                    f"({row.confidence:.2f}), accepted {row.accepted:+g} {row.note[:170]}"
                )


if __name__ == "__main__":
    main()
