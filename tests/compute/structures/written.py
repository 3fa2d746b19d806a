"""CIF and POSCAR texts to read, written from what they are meant to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CUBE = {"a": 4.177, "b": 4.177, "c": 4.177}
NIO = ("Ni1 Ni 0 0 0", "O1 O 0.5 0.5 0.5")
ANATASE_CELL = {"a": 3.785, "b": 3.785, "c": 9.514}
FM3M = {"_symmetry_space_group_name_H-M": "'F m -3 m'"}


def cif(
    atoms: Iterable[str],
    cell: Mapping[str, float] = CUBE,
    *,
    tags: Mapping[str, str] | None = None,
    operations: Iterable[str] = (),
    columns: str = "label type_symbol fract_x fract_y fract_z",
    block: str = "x",
) -> str:
    """A block with this cell, these items and rows of the atom list."""
    angles = {"alpha": 90.0, "beta": 90.0, "gamma": 90.0}
    lines = [f"data_{block}"]
    lines += [f"_cell_length_{k} {v}" for k, v in cell.items() if k in "abc"]
    lines += [f"_cell_angle_{k} {cell.get(k, v)}" for k, v in angles.items()]
    lines += [f"{k} {v}" for k, v in (tags or {}).items()]
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{one}'" for one in operations)]
    lines += ["loop_", *(f"_atom_site_{name}" for name in columns.split()), *atoms]
    return "\n".join(lines) + "\n"
