"""Published mineral structures: one for each compound, the best refined at ambient conditions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

from django.db import transaction

from compute.errors import InputError, ReadError
from compute.structures.amcsd import CITATION, Entry, installed_file, read_entries
from compute.structures.findings import doubts
from spectradb.models import Structure
from spectradb.services.imports.structure_files import parse_each
from spectradb.services.imports.structures import StructureConflict, store_structure

SOURCE = "amcsd"
INTERNAL = "internal error"


@dataclass(frozen=True)
class ImportedEntry:
    """What became of one entry.

    Attributes
    ----------
    status : str
        ``new``, ``unchanged`` or ``refused``; entries whose compound is there are not listed.
    cause : str
        Short class of a refusal.
    """

    source_id: str
    name: str
    formula: str
    status: str
    structure_id: int | None = None
    cause: str = ""
    reason: str = ""


class _Doubted(Exception):
    """What the gate doubts of a new structure, which is not kept then."""

    cause = "Doubtful structure"
    permanent = True

    def __init__(self, row: Structure) -> None:
        super().__init__("; ".join(one.text for one in doubts(row.told)))
        self.cause = doubts(row.told)[0].code


def compounds(path: Path, elements: Collection[str]) -> list[list[Entry]]:
    """Entries that hold one of the elements, grouped by compound.

    Ordered compounds first, then those with partly occupied places; within a compound the entry to
    be taken first: ambient, ordered, best refined, latest.

    Raises
    ------
    ReadError
        If the file is no such database.
    """
    groups: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for one in read_entries(path):
        if isinstance(one, Entry) and not set(elements).isdisjoint(one.amounts):
            groups[one.compound].append(one)
    ranked = [sorted(group, key=_rank) for group in groups.values()]
    return sorted(ranked, key=lambda group: (not group[0].ordered, group[0].number))


def _rank(entry: Entry) -> tuple[object, ...]:
    far = (entry.pressure_gpa or 0.0, abs((entry.temperature_k or 295.0) - 295.0))
    return (not entry.ordered, not entry.ambient, far, -entry.displacements, -entry.year)


def import_amcsd(groups: list[list[Entry]]) -> Iterator[list[ImportedEntry]]:
    """Store one structure of each compound; of each what became of its entries.

    An entry that the gate refuses gives way to the next of its compound. What is stored already
    stays, so that a run that was stopped goes on where it was.
    """
    stored = dict(
        Structure.objects.filter(source=SOURCE).values_list("source_id", "pk").order_by("pk")
    )
    origin = f"larixite {installed('larixite')}"
    for group in groups:
        known = next((one for one in group if one.source_id in stored), None)
        if known is not None:
            pk = stored[known.source_id]
            yield [ImportedEntry(known.source_id, known.mineral, known.formula, "unchanged", pk)]
            continue
        tried: list[ImportedEntry] = []
        for entry in group:
            tried.append(_imported(entry, origin))
            if tried[-1].status != "refused":
                break
        yield tried


def _imported(entry: Entry, origin: str) -> ImportedEntry:
    about = (entry.source_id, entry.mineral, entry.formula)
    (read,) = parse_each(entry.cif, f"{entry.source_id}.cif")
    if isinstance(read, ReadError):
        return ImportedEntry(*about, "refused", cause="not readable", reason=str(read))
    try:
        with transaction.atomic():
            row, is_new = store_structure(
                read.structure,
                source=SOURCE,
                source_id=entry.source_id,
                name=entry.mineral[:120],
                citation=f"{entry.citation}. {CITATION}",
                licence=entry.licence,
                read_from=f"{origin}: AMCSD entry {entry.number}",
                read_sha256=entry.sha256,
                findings=read.findings,
            )
            if is_new and doubts(row.told):
                raise _Doubted(row)
    except _Doubted as doubted:
        return ImportedEntry(*about, "refused", cause=doubted.cause, reason=str(doubted))
    except (InputError, StructureConflict) as error:
        return ImportedEntry(*about, "refused", cause=error.cause, reason=str(error))
    # Whatever one entry does to the analysis is that entry's failure alone.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return ImportedEntry(*about, "refused", cause=INTERNAL, reason=reason)
    return ImportedEntry(*about, "new" if is_new else "unchanged", row.pk)


def database() -> Path:
    """The database of the installed package.

    Raises
    ------
    ReadError
        Saying how to install it.
    """
    path = installed_file()
    if path is None:
        advice = "pip install --no-deps -r requirements-amcsd.txt"
        raise ReadError([f"the package larixite is not installed: {advice}"])
    return path
