"""What reading a first structure loads, loaded beforehand: libraries, tables, radii."""

from __future__ import annotations

_CIF = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na 0 0 0
Cl 0.5 0.5 0.5
"""


def warm() -> None:
    """Read rock salt and find its sites."""
    from compute.errors import ReadError
    from compute.sites import analyze_sites
    from compute.structures.read import read_crystals

    read = read_crystals(_CIF, "warm.cif")[0]
    if isinstance(read, ReadError):
        raise read
    analyze_sites(read.structure)
