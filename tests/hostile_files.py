"""Small files that cost much, and large ones that say nothing: made here, one a kind.

Each name tells the format; each function makes the bytes when it is asked, so that collecting
tests costs nothing.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable

import h5py
import numpy as np

Maker = Callable[[], bytes]
MB = 10**6
_ATHENA = b"# Athena project file -- Demeter version 0.9.26\n\n$old_group = 'a';\n"
_XDI = b"# XDI/1.0\n# Element.symbol: Fe\n# Element.edge: K\n# Mono.d_spacing: 3.13\n"
_CIF = "data_a\n_cell_length_a {a}\n_cell_length_b {b}\n_cell_length_c {c}\n_cell_angle_alpha 90\n\
_cell_angle_beta 90\n_cell_angle_gamma {gamma}\n_symmetry_space_group_name_H-M 'P 1'\n"
_ATOMS = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _hdf5(fill: Callable[[h5py.File], None]) -> bytes:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        fill(file)
    return held.getvalue()


def _signal(file: h5py.File, n: int, **how: object) -> None:
    group = file.create_group("entry/data")
    group.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": "energy"})
    group.create_dataset("energy", shape=(n,), dtype="f8", **how)
    group.create_dataset("mu", shape=(n,), dtype="f8", **how)


def _one_chunk(file: h5py.File) -> None:
    group = file.create_group("entry/data")
    group.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": "energy"})
    for name in ("energy", "mu"):
        group.create_dataset(
            name, shape=(1000,), maxshape=(None,), chunks=(30_000_000,), dtype="f8",
            compression="gzip", compression_opts=1,
        )[:3] = (1.0, 2.0, 3.0)  # fmt: skip


def _wide_attribute(file: h5py.File) -> None:
    _signal(file, 100)
    file["entry/data"].attrs["title"] = "x" * 60_000


def _many_groups(file: h5py.File) -> None:
    for n in range(30_000):
        file.create_group(f"g{n}")


def _deep(file: h5py.File) -> None:
    group: h5py.Group = file
    for _ in range(3000):
        group = group.create_group("g")


def _many_rows(file: h5py.File) -> None:
    group = file.create_group("entry/data")
    group.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": [".", "energy"]})
    group["energy"] = np.arange(4.0) + 7000
    group.create_dataset("mu", shape=(1_900_000, 4), dtype="f4", compression="gzip")


def _hyperspy_axis(file: h5py.File) -> None:
    group = file.create_group("Experiments/a")
    group["data"] = np.zeros((2, 3))
    for n in range(2):
        axis = group.create_group(f"axis-{n}")
        axis.attrs.update({"size": 10**7, "scale": 1.0, "offset": 0.0, "navigate": n == 0,
                           "units": "eV", "name": "Energy loss"})  # fmt: skip


def _atoms(n: int) -> str:
    side = round(n ** (1 / 3)) + 1
    places = ((i / side, j / side, k / side)
              for i in range(side) for j in range(side) for k in range(side))  # fmt: skip
    return "".join(
        f"Fe{k} {x:.5f} {y:.5f} {z:.5f}\n" for k, (x, y, z) in zip(range(n), places, strict=False)
    )


def _cif(n: int = 2, a: float = 100.0, b: float = 100.0, c: float = 100.0, gamma: float = 90,
         more: str = "") -> bytes:  # fmt: skip
    return (_CIF.format(a=a, b=b, c=c, gamma=gamma) + more + _ATOMS + _atoms(n)).encode()


def _operations(n: int, sites: int) -> bytes:
    """As many sites under as many operations that are no group."""
    listed = "".join(f"'x+{k}/{n},y,z'\n" for k in range(n))
    text = _CIF.format(a=50, b=50, c=50, gamma=90).replace("'P 1'", "?")
    return (f"{text}loop_\n_symmetry_equiv_pos_as_xyz\n{listed}{_ATOMS}{_atoms(sites)}").encode()


def _f_cubic(sites: int) -> bytes:
    text = _CIF.format(a=30, b=30, c=30, gamma=90).replace("'P 1'", "'F d -3 m'")
    rng = np.random.default_rng(1)
    rows = "".join(
        f"{el}{k} {x:.4f} {y:.4f} {z:.4f}\n"
        for k, (x, y, z) in enumerate(rng.random((sites, 3)))
        for el in [("Fe", "O", "Si")[k % 3]]
    )
    return f"{text}{_ATOMS}{rows}".encode()


def _poscar(counts: str, vectors: str, atoms: str = "0 0 0\n0.5 0.5 0.5\n", symbols: str = "Fe O",
            scale: str = "1.0") -> bytes:  # fmt: skip
    return f"x\n{scale}\n{vectors}\n{symbols}\n{counts}\nDirect\n{atoms}".encode()


def _json(**change: object) -> bytes:
    body: dict[str, object] = {
        "@module": "pymatgen.core.structure", "@class": "Structure",
        "lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]},
        "sites": [{"species": [{"element": "Fe", "occu": 1}], "abc": [0, 0, 0]}],
    }  # fmt: skip
    return json.dumps(body | change).encode()


CUBE = "3 0 0\n0 3 0\n0 0 3"
SPECTRA: dict[str, Maker] = {
    "kek-min.dat": lambda: b"  9809     KEK-PF   BL12C\n",
    "many-fields.xdi": lambda: _XDI + b"".join(b"# A.k%d: 1\n" % n for n in range(16 * MB // 13)),
    "one-field.xdi": lambda: _XDI + b"# A.k: " + b"1" * 16 * MB + b"\n# ---\n# e mu\n1 2\n3 4\n",
    "no-fields.xdi": lambda: _XDI + b"# a\n" * (4 * MB),
    "comments.xdi": lambda: _XDI + b"# ///\n" + b"# a\n" * (4 * MB) + b"# ---\n1 2\n3 4\n",
    "labels.xdi": lambda: _XDI + b"# ---\n#" + b" a" * (8 * MB) + b"\n1 2\n3 4\n",
    "columns.xdi": lambda: (
        _XDI + b"".join(b"# Column.%d: a\n" % n for n in range(1 * MB)) + b"# ---\n1 2\n3 4\n"
    ),
    "args.prj": lambda: _ATHENA + b"@args = (" + b"'a'," * (4 * MB) + b"'b');\n[record]\n",
    "nested.prj": lambda: _ATHENA + b"@args = (" + b"[[1],[2]]," * (16 * MB // 10) + b"1);\n",
    "open.prj": lambda: _ATHENA + b"@x = ('1'," * (16 * MB // 10),
    "unclosed.prj": lambda: _ATHENA + b"@x = '" * (16 * MB // 6),
    "groups.prj": lambda: _ATHENA + b"$old_group = 'a';\n@args = ();\n" * (16 * MB // 32),
    "groups.prj.gz": lambda: _gz(_ATHENA + b"$old_group = 'a';\n@x = (1,2);\n" * (2 * MB // 2)),
    "numbers.prj": lambda: _ATHENA + b"@x = (" + b"1," * (8 * MB) + b"1);\n@y = (1,2);\n",
    "json.prj": lambda: (
        b'{"_____header1": "# Athena project file", "a": {"x": [' + b"1," * (8 * MB) + b"1]}}"
    ),
    "deep.prj": lambda: b'{"_____header1": "# Athena project file", "a":' + b"[" * 10**6,
    "deep.json": lambda: b"[" * 10**7,
    "zeros.gz": lambda: _gz(bytes(300 * MB)),
    "text.dat.gz": lambda: _gz(b"1 2\n" * (60 * MB)),
    "bomb.gz.gz": lambda: _gz(_gz(bytes(300 * MB))),
    "one-line.dat": lambda: b"1 " * (8 * MB),
    "words.dat": lambda: b"# energy mu\n" + b"a b\n" * (4 * MB),
    "header.dat": lambda: b"# a=b\n" * (2_500_000) + b"1 2\n2 3\n3 4\n",
    "blank.dat": lambda: b"\n" * (16 * MB) + b"1 2\n2 3\n3 4\n",
    "wide.dat": lambda: b"\n".join(
        b" ".join(b"%d" % (n + k) for k in range(4000)) for n in range(700)
    ),
    "rows.dat": lambda: b"".join(b"%d 1\n" % n for n in range(2 * MB)),
    "huge-int.dat": lambda: b"1" * 5 * MB + b" 2\n2 3\n3 4\n",
    "huge.dat": lambda: b"1e999 1\nnan 2\n-1e308 3\n1e308 4\n",
    "minus.dat": lambda: b"1" + b"-1" * (8 * MB) + b" 2\n",
    "header.msa": lambda: b"#FORMAT : EMSA/MAS\n" + b"#A : b\n" * (2 * MB),
    "npoints.msa": lambda: (
        b"#FORMAT : EMSA/MAS Spectral Data File\n#VERSION : 1.0\n"
        b"#NPOINTS : 1e300\n#NCOLUMNS : 1\n#XUNITS : eV\n#DATATYPE : Y\n#XPERCHAN : 1e-300\n"
        b"#OFFSET : 1e308\n#SPECTRUM :\n1\n2\n3\n#ENDOFDATA :\n"
    ),
    "kek-long.dat": lambda: (
        b"  9809     KEK-PF   BL12C\nA 01.01.01 10:10\nb\nRing : 2.5 GeV\n"
        b"Mono : SI(111) D= 3.13551 A\nc\nParam\n" + b"1 " * (8 * MB)
    ),
    "chunk.h5": lambda: _hdf5(_one_chunk),
    "long.h5": lambda: _hdf5(lambda f: _signal(f, 10**12, chunks=(1000,))),
    "attribute.h5": lambda: _hdf5(_wide_attribute),
    "groups.h5": lambda: _hdf5(_many_groups),
    "deep.h5": lambda: _hdf5(_deep),
    "rows.h5": lambda: _hdf5(_many_rows),
    "axis.h5": lambda: _hdf5(_hyperspy_axis),
    "torn.h5": lambda: _hdf5(lambda f: _signal(f, 1000))[:3000],
}
"""By name: what an upload of spectra meets."""

STRUCTURES: dict[str, Maker] = {
    "POSCAR": lambda: _poscar("999999999", CUBE, symbols="Fe"),
    "POSCAR.many": lambda: _poscar(" ".join(["1"] * 500_000), CUBE, symbols="Fe " * 500_000),
    "POSCAR.digits": lambda: _poscar("1" * 5000, CUBE, symbols="Fe"),
    "POSCAR.listed": lambda: _poscar("400000", CUBE, "0 0 0\n" * 400_000, symbols="Fe"),
    "POSCAR.tiny": lambda: _poscar("1 1", "0.001 0 0\n0 0.001 0\n0 0 0.001"),
    "POSCAR.scaled": lambda: _poscar("1 1", CUBE, scale="1e-4"),
    "POSCAR.volume": lambda: _poscar("1 1", CUBE, scale="-1e-9"),
    "POSCAR.huge": lambda: _poscar("1 1", "1e200 0 0\n0 1e200 0\n0 0 1e200"),
    "POSCAR.flat": lambda: _poscar("1 1", "3 0 0\n2.99999 0.0001 0\n0 0 3"),
    "POSCAR.needle": lambda: _poscar("1 1", "3 0 0\n0 3 0\n0 2999.99 0.01"),
    "POSCAR.sheet": lambda: _poscar("1 1", "30000 0 0\n0 30000 0\n0 0 0.01"),
    "POSCAR.far": lambda: _poscar("1 1", CUBE, "1e300 0 0\n0 0 1e-300\n"),
    "POSCAR.heap": lambda: _poscar(
        "900", CUBE, "".join(f"{k / 900:.5f} 0 0\n" for k in range(900)), symbols="Fe"
    ),  # fmt: skip
    "atoms.cif": lambda: _cif(20_000),
    "blocks.cif": lambda: b"".join(
        _cif(2, 4, 4, 4).replace(b"data_a", b"data_%d" % n) for n in range(5000)
    ),
    "empty-blocks.cif": lambda: b"".join(b"data_%d\n_a 1\n" % n for n in range(150_000)),
    "symmetry.cif": lambda: _f_cubic(500),
    "operations.cif": lambda: _operations(5000, 20),
    "operations-sites.cif": lambda: _operations(192, 500),
    "tiny.cif": lambda: _cif(2, 0.001, 0.001, 0.001),
    "flat.cif": lambda: _cif(2, 3, 3, 3, 0.002),
    "wide.cif": lambda: _cif(2, 9999, 9999, 0.6),
    "values.cif": lambda: _cif(2, more="".join(f"_a{n} 1\n" for n in range(150_000))),
    "loop.cif": lambda: _cif(2, more="loop_\n_a\n" + "1\n" * 900_000),
    "columns.cif": lambda: _cif(2, more="loop_\n" + "".join(f"_a{n}\n" for n in range(200_000))),
    "text.cif": lambda: _cif(2, more="_a\n;\n" + "x" * 1_900_000 + "\n;\n"),
    "quotes.cif": lambda: _cif(2, more="_a '" + "'a" * 900_000 + "\n"),
    "formula.cif": lambda: _cif(2, more="_chemical_formula_sum '" + "H" * 1_500_000 + "'\n"),
    "brackets.cif": lambda: _cif(
        2, more="_chemical_formula_sum '" + "(" * 5000 + "H" + ")99" * 5000 + "'\n"
    ),  # fmt: skip
    "exponent.cif": lambda: _cif(2, more="_chemical_formula_sum 'Fe1e999 O" + "9" * 400 + "'\n"),
    "fraction.cif": lambda: (
        _cif(2)
        .replace(b"'P 1'", b"?")
        .replace(
            b"loop_\n",
            b"loop_\n_symmetry_equiv_pos_as_xyz\n'x+" + b"9" * 6000 + b"/7,y,z'\nloop_\n",
            1,
        )
    ),
    "zero.cif": lambda: (
        _cif(2)
        .replace(b"'P 1'", b"?")
        .replace(b"loop_\n", b"loop_\n_symmetry_equiv_pos_as_xyz\n'x+1/0,y,z'\nloop_\n", 1)
    ),
    "silent.cif": lambda: _cif(390, 30, 30, 30).replace(b"'P 1'", b"?"),
    "deep.json": lambda: b"[" * 1_000_000,
    "infinite.json": lambda: _json(lattice={"matrix": [[1e999, 0, 0], [0, 4, 0], [0, 0, 4]]}),
    "nan.json": lambda: b'{"lattice": {"matrix": [[NaN,0,0],[0,4,0],[0,0,4]]}, "sites": []}',
    "sites.json": lambda: _json(
        sites=[{"species": [{"element": "Fe", "occu": 1}], "abc": [0, 0, 0]}] * 20_000
    ),
    "species.json": lambda: _json(
        sites=[{"species": [{"element": "Fe", "occu": 1e-9}] * 30_000, "abc": [0, 0, 0]}]
    ),
    "tiny.json": lambda: _json(lattice={"matrix": [[1e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1e-3]]}),
    "flat.json": lambda: _json(lattice={"matrix": [[3, 0, 0], [2.99999, 1e-4, 0], [0, 0, 3]]}),
    "shape.json": lambda: _json(lattice={"matrix": [[3] * 100_000]}),
    "parameters.json": lambda: _json(
        lattice={"a": 1e-3, "b": 1e9, "c": "x", "alpha": 0, "beta": None, "gamma": [1]}
    ),  # fmt: skip
    "far.json": lambda: _json(
        sites=[{"species": [{"element": "Fe", "occu": 1}], "abc": [1e300, 1e308, -1e999]}]
    ),
    "charge.json": lambda: _json(charge="9" * 5000),
    "structures.json": lambda: b"[" + b",".join([_json()] * 8000) + b"]",
    "class.json": lambda: _json(**{"@module": "os", "@class": "system"}),
    "digits.json": lambda: b'{"lattice": ' + b"1" * 900_000 + b', "sites": []}',
    "occupancy.json": lambda: _json(
        sites=[{"species": [{"element": "Fe", "occu": 1e300}], "abc": [0, 0, 0]}]
    ),
    "oxidation.json": lambda: _json(
        sites=[
            {"species": [{"element": "Fe", "occu": 1, "oxidation_state": 1e300}], "abc": [0, 0, 0]}
        ]
    ),  # fmt: skip
}
"""By name: what an upload of structures meets."""
