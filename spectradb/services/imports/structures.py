"""Store crystal structures, each once, with symmetry and distinct sites."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history

from compute.errors import InputError, ReadError
from compute.io.question import QuestionError
from compute.isolation import apart
from compute.sites import Site as FoundSite
from compute.sites import analyze_sites
from compute.sites.oxidation import STATED
from compute.structures.disorder import disorder_findings
from compute.structures.findings import Finding, doubts, obstacles
from compute.structures.read import check
from compute.structures.valence import valence_findings
from spectradb.models import Site, Structure, StructureElement
from spectradb.services.imports.same_crystal import (
    atom_order,
    content_hash,
    known_structure,
)
from spectradb.services.imports.structure_files import ReadStructure, read_each, structure_files

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure

SYMPREC = 0.01  # Å, for space group and sites alike
_SAME_VALENCE = 0.01


class StructureConflict(ValueError):
    """A source id that is already stored with another compound."""

    cause = "Stored with another structure"
    permanent = True


@dataclass(frozen=True)
class ImportedStructure:
    """What became of one structure of one file."""

    path: Path
    status: str  # new, unchanged or failed
    structure_id: int | None = None
    formula: str = ""
    space_group: str = ""
    source_id: str = ""
    n_sites: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    question: dict[str, Any] | None = None


def import_structures(
    paths: list[Path], *, space_group: str = "", keep_doubted: bool = False, **fields: Any
) -> Iterator[ImportedStructure]:
    """Store every structure of these files and folders, one result each as it is done.

    A structure that fails stops nothing else; nothing of it is stored.

    Parameters
    ----------
    space_group : str
        The answer to a question of symmetry, for all CIFs.
    keep_doubted : bool
        Store also what is likely not meant so; it is not calculated before a curator agrees.
    fields
        Those of :func:`store_structure`, for all structures.
    """
    for path in structure_files(paths):
        for one in read_each(path, space_group=space_group):
            try:
                yield _imported(path, one, keep_doubted, fields)
            # Whatever one structure does to the analysis is that structure's failure alone.
            except Exception as error:
                name = "" if isinstance(one, ReadError) else one.source_id
                text = f"{path.name}: {type(error).__name__}: {error}"
                yield ImportedStructure(path, "failed", source_id=name, errors=[text])


def _imported(
    path: Path, one: ReadStructure | ReadError, keep_doubted: bool, fields: dict[str, Any]
) -> ImportedStructure:
    if isinstance(one, ReadError):
        question = one.question.as_json() if isinstance(one, QuestionError) else None
        return ImportedStructure(path, "failed", errors=one.errors, question=question)
    failed = ImportedStructure(path, "failed", source_id=one.source_id)
    warnings = [finding.text for finding in one.findings]
    against = [finding.text for finding in doubts(one.findings)]
    if against and not keep_doubted:
        advice = "--keep-doubted stores it, for a curator to judge"
        return replace(
            failed,
            formula=one.structure.composition.element_composition.reduced_formula,
            errors=[f"{path.name}: {text}" for text in against] + [advice],
            warnings=warnings,
        )
    origin = {"source": one.source, "source_id": one.source_id} | fields
    try:
        row, is_new = store_structure(one.structure, findings=one.findings, **origin)
    except (InputError, StructureConflict) as error:
        return replace(failed, errors=[f"{path.name}: {error}"], warnings=warnings)
    return ImportedStructure(
        path,
        "new" if is_new else "unchanged",
        row.pk,
        row.formula,
        row.space_group_symbol,
        row.source_id,
        row.sites.count(),
        warnings=[one.text for one in row.told]
        if is_new
        else list(dict.fromkeys([*warnings, *_stated_otherwise(row, one.structure)])),
    )


def _stated_otherwise(row: Structure, structure: PymatgenStructure) -> list[str]:
    """In words, the valences in which a file and the stored row of its crystal differ, where one
    of them states them: what is stored stays."""
    order = atom_order(row, structure)
    sites = {
        (atom, site.element): site for site in row.sites.all() for atom in site.equivalent_indices
    }
    told = []
    for atom, place in zip(order, structure, strict=True):
        for specie in place.species:
            symbol = getattr(specie, "element", specie).symbol
            site = sites.get((atom, symbol))
            if site is None or site.oxidation_state is None:
                continue
            stated, kept = getattr(specie, "oxi_state", None), f"{site.oxidation_state:+.3g}"
            where = f"SDB-S{row.pk}, which holds this crystal already"
            if stated is not None and abs(stated - site.oxidation_state) > _SAME_VALENCE:
                told.append(f"{symbol} is stated as {stated:+.3g}; it stays {kept} in {where}")
            elif stated is None and site.oxidation_method == STATED:
                told.append(f"{symbol} has no stated valence; it is stated as {kept} in {where}")
    return list(dict.fromkeys(told))


def store_structure(
    structure: PymatgenStructure,
    *,
    source: str = "file",
    source_id: str = "",
    name: str = "",
    citation: str = "",
    doi: str = "",
    hypothetical: bool = False,
    energy_above_hull: float | None = None,
    licence: str = "",
    read_from: str = "",
    read_sha256: str = "",
    findings: Sequence[Finding] | None = None,
) -> tuple[Structure, bool]:
    """The row of this structure, and whether it is new.

    The same crystal in the same cell is one row, whatever the order of its atoms and the noise
    of its numbers. Sites number the atoms of the *stored* cell; :func:`atom_order` translates.

    Parameters
    ----------
    read_from, read_sha256 : str
        The file (or entry of a database) that the cell was read from, and its hash. A cell that is
        stored without a file, and is the same, is verified by it.
    findings : sequence of Finding, optional
        What its reader had to tell; None has the structure checked here, unless it is
        hypothetical. What its oxidation states tell is added. A doubt or mark stands before any
        calculation.

    Raises
    ------
    InputError
        If the structure cannot be analysed (no atoms, overlapping atoms …).
    StructureConflict
        If the source id is stored with another compound; another cell of the same one is a
        further structure of it.
    """
    digest = content_hash(structure)
    row = known_structure(structure)
    if row is not None:
        if read_from:
            verify(row, licence, read_from, read_sha256)
        return row, False
    if findings is None:
        # A hypothetical crystal is made by a rule, whatever it looks like.
        findings = () if hypothetical else check(structure)
    found, told = analysed(structure, findings)
    columns = describe(structure)
    primary = _primary(source, source_id)
    if primary is not None and primary.formula != columns["formula"]:
        raise StructureConflict(
            f"{source_id} is stored as {primary.formula} (SDB-S{primary.pk}), this is "
            f"{columns['formula']}"
        )
    fields = {
        "is_primary": primary is None,
        "findings": [one.as_json() for one in told],
        "source": source,
        "source_id": source_id,
        "name": name,
        "citation": citation,
        "doi": doi,
        "hypothetical": hypothetical,
        "energy_above_hull": energy_above_hull,
        "licence": licence,
        "read_from": read_from,
        "read_sha256": read_sha256,
        "content_hash": digest,
    }
    try:
        with transaction.atomic():
            row = Structure.objects.create(**columns, **fields)
            _join_elements(row, structure)
            bulk_create_with_history([_site_row(row, one) for one in found], Site, batch_size=500)
    except IntegrityError as error:
        # Another import stored it meanwhile, or the source id is taken.
        if row := Structure.objects.filter(content_hash=digest).first():
            return row, False
        if primary is None and (other := _primary(source, source_id)) is not None:
            raise StructureConflict(
                f"{source_id} was stored by another import just now (SDB-S{other.pk}); try again"
            ) from error
        raise
    return row, True


def verify(row: Structure, licence: str, read_from: str, read_sha256: str) -> bool:
    """Keep the file that shows that a stored cell is as it is; whether it had none before."""
    if row.read_from:
        return False
    row.licence, row.read_from, row.read_sha256 = licence, read_from, read_sha256
    row.save(update_fields=["licence", "read_from", "read_sha256", "updated"])
    return True


def _primary(source: str, source_id: str) -> Structure | None:
    """The structure that answers for an id of a database; files have names, not ids."""
    if source == "file" or not source_id:
        return None
    rows = Structure.objects.filter(source=source, source_id=source_id, is_primary=True)
    return rows.defer("data").first()


def analysed(
    structure: PymatgenStructure,
    findings: Sequence[Finding] = (),
    *,
    stated: Mapping[int | str, float] | None = None,
) -> tuple[list[FoundSite], list[Finding]]:
    """The distinct sites, and the findings with what the oxidation states add to them.

    Parameters
    ----------
    stated : mapping, optional
        Known oxidation states (:func:`compute.sites.analyze_sites`).

    Raises
    ------
    InputError
        If the structure cannot be analysed.
    """
    sites = apart(analyze_sites, structure, symprec=SYMPREC, stated=stated)
    of_sites = [*valence_findings(structure, sites), *disorder_findings(sites)]
    return sites, list(dict.fromkeys([*findings, *of_sites]))


def refuse_doubted(row: Structure, structure: PymatgenStructure) -> None:
    """Stand before a calculation of a stored structure.

    What is stored without findings (an older row) is checked now.

    Raises
    ------
    InputError
        Saying what speaks against it; a curator can overrule a doubt.
    """
    why = row.refusal
    if not (why or row.findings or row.overruled_at or row.hypothetical):
        why = "; ".join(one.text for one in obstacles(check(structure)))
    if why:
        raise InputError("structure", str(row), f"not calculated: {why}")


def describe(structure: PymatgenStructure) -> dict[str, Any]:
    """The columns of a Structure that follow from the crystal alone."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    composition = structure.composition.element_composition
    symbols = sorted(str(element) for element in composition.elements)
    try:
        symmetry = SpacegroupAnalyzer(structure, symprec=SYMPREC)
        group: dict[str, Any] = {
            "space_group_number": symmetry.get_space_group_number(),
            "space_group_symbol": symmetry.get_space_group_symbol(),
            "crystal_system": symmetry.get_crystal_system(),
        }
    except (SymmetryUndeterminedError, TypeError):
        # spglib gives up on some strained cells; the structure is still worth having.
        group = {"space_group_number": None, "space_group_symbol": "", "crystal_system": ""}
    lattice = structure.lattice
    return {
        "formula": composition.reduced_formula,
        "formula_anonymous": composition.anonymized_formula,
        "chemical_system": "-".join(symbols),
        "n_elements": len(symbols),
        "n_sites": len(structure),
        **group,
        **dict(zip(("a", "b", "c"), map(float, lattice.abc), strict=True)),
        **dict(zip(("alpha", "beta", "gamma"), map(float, lattice.angles), strict=True)),
        "volume": float(lattice.volume),
        "density": float(structure.density),
        "data": plain_dict(structure),
    }


def site_of_atom(stored: Structure, atom: int) -> Site | None:
    """The distinct site whose orbit holds this atom of the stored cell."""
    return next((site for site in stored.sites.all() if atom in site.equivalent_indices), None)


def plain_dict(structure: PymatgenStructure) -> dict[str, Any]:
    """pymatgen's dictionary without what only its classes could read back."""
    with warnings.catch_warnings():
        # A charge stands for hydrogens that the cell lacks: no atom carries it.
        warnings.filterwarnings("ignore", message="Structure charge")
        body = structure.as_dict()
    data: dict[str, Any] = json.loads(json.dumps(body, default=str))
    data["properties"] = {}
    for site in data["sites"]:
        site["properties"] = {}
    return data


def _join_elements(row: Structure, structure: PymatgenStructure) -> None:
    composition = structure.composition.element_composition
    StructureElement.objects.bulk_create(
        StructureElement(
            structure=row,
            element=str(element),
            fraction=float(composition.get_atomic_fraction(element)),
        )
        for element in composition.elements
    )


def _site_row(row: Structure, found: FoundSite) -> Site:
    return Site(
        structure=row,
        index=found.index,
        element=found.element,
        multiplicity=found.multiplicity,
        occupancy=found.occupancy,
        equivalent_indices=list(found.equivalent_indices),
        oxidation_state=found.oxidation_state,
        oxidation_method=found.oxidation_source,
        oxidation_confidence=found.oxidation_confidence,
        spin_state=found.spin_state,
        coordination_number=found.coordination_number,
        geometry=found.geometry,
        ligands="-".join(sorted(found.possible_ligands))[:60],
        site_symmetry=found.point_group,
        mean_bond_length=found.mean_bond_length_ang
        if isfinite(found.mean_bond_length_ang)
        else None,
    )
