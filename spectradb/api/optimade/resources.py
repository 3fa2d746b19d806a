"""A structure as an OPTIMADE resource, and the description of its properties."""

from __future__ import annotations

from functools import reduce
from math import gcd
from typing import Any

from spectradb.api.optimade.query import PREFIX, anonymous_formula
from spectradb.models import Structure

PROPERTIES: dict[str, tuple[str, str, bool]] = {
    "immutable_id": ("string", "Hash of cell and atoms.", True),
    "last_modified": ("timestamp", "When the entry last changed.", True),
    "elements": ("list", "Chemical elements, in alphabetical order.", True),
    "nelements": ("integer", "How many different elements.", True),
    "elements_ratios": ("list", "Atomic fraction of each element.", True),
    "chemical_formula_descriptive": ("string", "The formula as chemists write it.", True),
    "chemical_formula_hill": ("string", "Not told.", False),
    "chemical_formula_reduced": ("string", "Reduced, elements in alphabetical order.", True),
    "chemical_formula_anonymous": ("string", "Elements as letters, the most frequent A.", True),
    "dimension_types": ("list", "Periodic in all three directions.", False),
    "nperiodic_dimensions": ("integer", "Three.", True),
    "lattice_vectors": ("list", "Å, one vector a row.", False),
    "cartesian_site_positions": ("list", "Å, one site a row.", False),
    "nsites": ("integer", "Sites in the cell.", True),
    "species": ("list", "Each element as a species.", False),
    "species_at_sites": ("list", "Name of the species of each site.", False),
    "assemblies": ("list", "None: no disorder.", False),
    "structure_features": ("list", "None: no disorder, nothing implicit.", True),
    "space_group_it_number": ("integer", "Of the space group.", False),
    "space_group_symbol_hermann_mauguin": ("string", "Not told.", False),
    "space_group_symbol_hermann_mauguin_extended": ("string", "Not told.", False),
    "space_group_symbol_hall": ("string", "Not told.", False),
    "space_group_symmetry_operations_xyz": ("list", "Not told.", False),
    f"{PREFIX}source": ("string", "Where the structure comes from.", True),
    f"{PREFIX}source_id": ("string", "Its identifier there, e.g. mp-1234.", True),
    f"{PREFIX}space_group_number": ("integer", "Of the space group.", True),
    f"{PREFIX}crystal_system": ("string", "E.g. cubic.", True),
    f"{PREFIX}volume": ("float", "Å³.", True),
    f"{PREFIX}density": ("float", "g/cm³.", True),
    f"{PREFIX}energy_above_hull": ("float", "eV per atom.", True),
}
"""Name → type, description, whether it can be searched; besides ``id`` and ``type``."""

_FROM_DATA = {"lattice_vectors", "cartesian_site_positions", "species_at_sites"}
_FROM_ELEMENTS = {"elements", "elements_ratios", "chemical_formula_reduced", "species"}
_NOT_TOLD = {
    "chemical_formula_hill", "assemblies", "space_group_symbol_hermann_mauguin",
    "space_group_symbol_hermann_mauguin_extended", "space_group_symbol_hall",
    "space_group_symmetry_operations_xyz",
}  # fmt: skip
"""Properties of the standard that a structure may leave unknown: null where they are asked for."""
DEFAULT = tuple(name for name in PROPERTIES if name != "immutable_id" and name not in _NOT_TOLD)


def needs_data(names: set[str]) -> bool:
    return not _FROM_DATA.isdisjoint(names)


def needs_elements(names: set[str]) -> bool:
    return not _FROM_ELEMENTS.isdisjoint(names)


def resource(row: Structure, names: set[str]) -> dict[str, Any]:
    """One structure with the properties asked for."""
    attributes: dict[str, Any] = {
        **dict.fromkeys(_NOT_TOLD),
        "space_group_it_number": row.space_group_number,
        "immutable_id": row.content_hash,
        "last_modified": row.updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nelements": row.n_elements,
        "chemical_formula_descriptive": row.formula,
        "chemical_formula_anonymous": anonymous_formula(row),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "nsites": row.n_sites,
        "structure_features": [],
        f"{PREFIX}source": row.source,
        f"{PREFIX}source_id": row.source_id,
        f"{PREFIX}space_group_number": row.space_group_number,
        f"{PREFIX}crystal_system": row.crystal_system,
        f"{PREFIX}volume": row.volume,
        f"{PREFIX}density": row.density,
        f"{PREFIX}energy_above_hull": row.energy_above_hull,
    }
    if needs_elements(names):
        attributes |= _composition(row)
    if needs_data(names):
        attributes |= _geometry(row)
    return {
        "id": str(row.pk),
        "type": "structures",
        "attributes": {name: attributes[name] for name in PROPERTIES if name in names},
    }


def _composition(row: Structure) -> dict[str, Any]:
    fractions = {one.element: one.fraction for one in row.element_rows.all()}
    symbols = sorted(fractions)
    counts = [round(fractions[symbol] * row.n_sites) for symbol in symbols]
    divisor = reduce(gcd, counts, 0) or 1
    return {
        "elements": symbols,
        "elements_ratios": [fractions[symbol] for symbol in symbols],
        "chemical_formula_reduced": "".join(
            symbol + (str(n // divisor) if n // divisor > 1 else "")
            for symbol, n in zip(symbols, counts, strict=True)
        ),
        "species": [
            {"name": symbol, "chemical_symbols": [symbol], "concentration": [1.0]}
            for symbol in symbols
        ],
    }


def _geometry(row: Structure) -> dict[str, Any]:
    crystal = row.to_pymatgen()
    return {
        "lattice_vectors": crystal.lattice.matrix.tolist(),
        "cartesian_site_positions": crystal.cart_coords.tolist(),
        "species_at_sites": [
            getattr(site.specie, "element", site.specie).symbol for site in crystal
        ],
    }
