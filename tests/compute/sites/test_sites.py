"""Sites of textbook crystals come out with their textbook valence, polyhedron and symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from compute.crystals import published
from compute.errors import InputError
from compute.sites import Site, analyze_sites, frame
from compute.sites.analysis import as_dict
from compute.sites.polyhedra import nearest_shape

FD3M_SHIFT = 0.125  # pymatgen puts the origin of Fd-3m at -43m; the tables below use -3m


def crystal(group, lattice, species, coordinates):
    if group == "Fd-3m":
        coordinates = [[x + FD3M_SHIFT for x in xyz] for xyz in coordinates]
    return Structure.from_spacegroup(group, lattice, species, coordinates)


CRYSTALS = {
    "MnO": crystal("Fm-3m", Lattice.cubic(4.445), ["Mn", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "SrTiO3": crystal(
        "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0.5] * 3, [0] * 3, [0.5, 0, 0]]
    ),
    "TiO2": crystal(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0] * 3, [0.305, 0.305, 0]]
    ),
    "CuO": crystal(
        "C2/c",
        Lattice.monoclinic(4.6837, 3.4226, 5.1288, 99.54),
        ["Cu", "O"],
        [[0.25, 0.25, 0], [0, 0.4184, 0.25]],
    ),
    "LaMnO3": crystal(
        "Pnma",
        Lattice.orthorhombic(5.7473, 7.6929, 5.5367),
        ["La", "Mn", "O", "O"],
        [[0.049, 0.25, 0.0078], [0, 0, 0.5], [0.4874, 0.25, -0.0745], [0.3066, 0.0384, 0.2744]],
    ),
    "Fe2O3": crystal(
        "R-3c", Lattice.hexagonal(5.038, 13.772), ["Fe", "O"], [[0, 0, 0.3553], [0.3059, 0, 0.25]]
    ),
    "Co3O4": crystal(
        "Fd-3m", Lattice.cubic(8.084), ["Co", "Co", "O"], [[0.125] * 3, [0.5] * 3, [0.2631] * 3]
    ),
    "Fe3O4": crystal(
        "Fd-3m", Lattice.cubic(8.396), ["Fe", "Fe", "O"], [[0.125] * 3, [0.5] * 3, [0.2547] * 3]
    ),
    "FeS2": crystal("Pa-3", Lattice.cubic(5.418), ["Fe", "S"], [[0] * 3, [0.3849] * 3]),
    "V2O5": crystal(
        "Pmmn",
        Lattice.orthorhombic(11.512, 3.564, 4.368),
        ["V", "O", "O", "O"],
        [[0.35118, 0.5, -0.1083], [0.3543, 0.5, -0.469], [0.1811, 0.5, 0.003], [0.5, 0.5, 0.001]],
    ),
    "LiFePO4": crystal(
        "Pnma",
        Lattice.orthorhombic(10.332, 6.01, 4.692),
        ["Li", "Fe", "P", "O", "O", "O"],
        [
            [0, 0, 0],
            [0.2822, 0.25, 0.9747],
            [0.0948, 0.25, 0.4182],
            [0.0968, 0.25, 0.7428],
            [0.4571, 0.25, 0.206],
            [0.1656, 0.0465, 0.2848],
        ],
    ),
    "NaCuO2": crystal(
        "C2/m",
        Lattice.monoclinic(6.351, 2.747, 6.103, 120.77),
        ["Na", "Cu", "O"],
        [[0, 0.5, 0.5], [0, 0, 0], [0.3347, 0, 0.7778]],
    ),
    "FeTiO3": crystal(
        "R-3",
        Lattice.hexagonal(5.0884, 14.0855),
        ["Fe", "Ti", "O"],
        [[0, 0, 0.3553], [0, 0, 0.1464], [0.3174, 0.0233, 0.2451]],
    ),
    "LaCoO3": crystal(
        "R-3c",
        Lattice.hexagonal(5.444, 13.0936),
        ["La", "Co", "O"],
        [[0, 0, 0.25], [0, 0, 0], [0.5495, 0, 0.25]],
    ),
}


@pytest.mark.parametrize(
    ("name", "element", "which", "charge", "spin", "number", "geometry", "group"),
    [
        ("MnO", "Mn", 0, 2, "high", 6, "octahedron", "Oh"),
        ("SrTiO3", "Ti", 0, 4, "", 6, "octahedron", "Oh"),
        ("SrTiO3", "Sr", 0, 2, "", 12, "cuboctahedron", "Oh"),
        ("TiO2", "Ti", 0, 4, "", 6, "octahedron", "D2h"),
        ("CuO", "Cu", 0, 2, "", 4, "square plane", "Ci"),
        ("LaMnO3", "Mn", 0, 3, "high", 6, "octahedron", "Ci"),
        ("Fe2O3", "Fe", 0, 3, "high", 6, "octahedron", "C3"),
        ("Co3O4", "Co", 0, 2, "high", 4, "tetrahedron", "Td"),
        ("Co3O4", "Co", 1, 3, "low", 6, "octahedron", "D3d"),
        ("Fe3O4", "Fe", 0, 3, "high", 4, "tetrahedron", "Td"),
        ("Fe3O4", "Fe", 1, 2.5, "high", 6, "octahedron", "D3d"),
        ("FeS2", "Fe", 0, 2, "low", 6, "octahedron", "S6"),
        ("V2O5", "V", 0, 5, "", 5, "square pyramid", "Cs"),
        ("LiFePO4", "Fe", 0, 2, "high", 6, "octahedron", "Cs"),
        ("LiFePO4", "P", 0, 5, "", 4, "tetrahedron", "Cs"),
        ("NaCuO2", "Cu", 0, 3, "low", 4, "square plane", "C2h"),
        ("FeTiO3", "Fe", 0, 2, "high", 6, "octahedron", "C3"),
        ("FeTiO3", "Ti", 0, 4, "", 6, "octahedron", "C3"),
        ("LaCoO3", "Co", 0, 3, "low", 6, "octahedron", "S6"),
    ],
)
def test_site_is_what_the_textbook_says(
    name, element, which, charge, spin, number, geometry, group
):
    site = [s for s in analyze_sites(CRYSTALS[name]) if s.element == element][which]
    found = (
        site.oxidation_state,
        site.spin_state,
        site.coordination_number,
        site.geometry,
        site.point_group_schoenflies,
    )
    assert found == (charge, spin, number, geometry, group)


def test_multiplicities_cover_every_atom_once():
    for structure in CRYSTALS.values():
        members = [i for s in analyze_sites(structure) for i in s.equivalent_indices]
        assert sorted(members) == list(range(len(structure)))


def test_stated_charges_win_over_bond_valence():
    structure = CRYSTALS["MnO"].copy()
    structure.add_oxidation_state_by_element({"Mn": 2, "O": -2})
    sites = analyze_sites(structure)
    assert [(s.oxidation_state, s.oxidation_source, s.oxidation_confidence) for s in sites] == [
        (2.0, "stated", 1.0),
        (-2.0, "stated", 1.0),
    ]


def test_magnetic_labels_split_an_orbit_by_stated_charge():
    structure = CRYSTALS["MnO"].copy()
    structure.add_oxidation_state_by_site([2, 2, 3, 3, -2, -2, -3, -3])
    mn = [s for s in analyze_sites(structure) if s.element == "Mn"]
    assert sorted(s.oxidation_state for s in mn) == [2.0, 3.0]


def test_octahedron_axes_lie_along_the_bonds_and_z_along_the_fourfold_axis():
    k2nif4 = crystal(
        "I4/mmm",
        Lattice.tetragonal(4.006, 13.076),
        ["K", "Ni", "F", "F"],
        [[0, 0, 0.352], [0, 0, 0], [0, 0.5, 0], [0, 0, 0.151]],
    )
    ni = next(s for s in analyze_sites(k2nif4) if s.element == "Ni")
    assert abs(ni.local_axes[2, 2]) == pytest.approx(1.0, abs=1e-12)
    along = np.abs(ni.ligand_vectors @ ni.local_axes.T).max(axis=1)
    np.testing.assert_allclose(along, np.linalg.norm(ni.ligand_vectors, axis=1), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(["TiO2", "LaMnO3", "Co3O4", "CuO"]))
def test_turning_the_crystal_turns_only_vectors_and_axes(seed: int, name: str) -> None:
    structure = CRYSTALS[name]
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = Structure(
        Lattice(structure.lattice.matrix @ turn.T), structure.species, structure.frac_coords
    )
    for before, after in zip(analyze_sites(structure), analyze_sites(turned), strict=True):
        for field in ("element", "oxidation_state", "geometry", "point_group", "spin_state"):
            assert getattr(before, field) == getattr(after, field)
        lengths = [np.linalg.norm(s.ligand_vectors, axis=1) for s in (before, after)]
        np.testing.assert_allclose(*lengths, atol=1e-8)
        np.testing.assert_allclose(after.local_axes @ after.local_axes.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(after.local_axes) == pytest.approx(1.0)


def test_symmetry_operations_carry_the_ligands_into_each_other():
    for structure in CRYSTALS.values():
        for site in analyze_sites(structure):
            for operation in site.symmetry_rotations:
                moved = site.ligand_vectors @ operation.T
                gap = np.linalg.norm(moved[:, None] - site.ligand_vectors[None], axis=2)
                assert gap.min(axis=1).max() < 0.02


def test_coincident_atoms_are_refused():
    structure = Structure(
        Lattice.cubic(4), ["Mn", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.51]]
    )
    with pytest.raises(InputError, match="on top of each other"):
        analyze_sites(structure)


def test_a_metal_has_no_valence_and_twelve_neighbours():
    copper = crystal("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]])
    (site,) = analyze_sites(copper)
    assert (site.oxidation_state, site.coordination_number) == (0.0, 12)
    assert site.geometry == "cuboctahedron"


def test_an_isolated_atom_has_no_ligands():
    (site,) = analyze_sites(Structure(Lattice.cubic(30), ["Mn"], [[0, 0, 0]]))
    assert (site.coordination_number, site.geometry) == (0, "isolated")


def test_hydrogen_and_phosphorus_are_not_ligands_of_a_metal():
    mn_oh_2 = crystal(
        "P-3m1",
        Lattice.hexagonal(3.322, 4.734),
        ["Mn", "O", "H"],
        [[0, 0, 0], [1 / 3, 2 / 3, 0.222], [1 / 3, 2 / 3, 0.43]],
    )
    mn = analyze_sites(mn_oh_2)[0]
    assert (mn.oxidation_state, set(mn.ligand_elements), mn.geometry) == (2, {"O"}, "octahedron")


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(["octahedron", "trigonal prism", "square plane", "trigonal bipyramid"]),
)
def test_a_shaken_turned_stretched_shape_keeps_its_name(seed: int, name: str) -> None:
    from compute.sites.polyhedra import _shapes

    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    vectors = _shapes()[name] @ turn.T * rng.uniform(1.8, 2.4, (len(_shapes()[name]), 1))
    shape = nearest_shape(rng.permutation(vectors) + rng.normal(0, 0.05, vectors.shape))
    assert shape.name == name
    assert shape.deviation < 2.0


def test_shape_measure_of_a_prism_against_an_octahedron_is_the_published_one():
    from compute.sites.polyhedra import _fit, _pair_frames, _shapes

    prism = _shapes()["trigonal prism"]
    deviation, _ = _fit(prism, _pair_frames(prism), "octahedron")
    assert deviation == pytest.approx(16.7, abs=0.2)


def test_as_dict_is_json_ready():
    import json

    site: Site = analyze_sites(CRYSTALS["TiO2"])[0]
    assert json.loads(json.dumps(as_dict(site)))["geometry"] == "octahedron"


def test_operations_that_nearly_fix_a_site_are_taken_as_a_group():
    """Four-fold axis: turns move a split site farther than its mirror does."""
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    group = np.array([np.linalg.matrix_power(turn, k) for k in range(4)])
    moved = np.array([0.0, 0.09, 0.127, 0.09])  # within 0.1 Å: no half turn, but quarter turns
    assert len(frame._closed(group, moved, 0.1)) == 1
    assert len(frame._closed(group, moved, 0.2)) == 4


@pytest.mark.parametrize("name", ["olivine-Mn2SiO4", "olivine-LiFePO4"])
def test_centres_of_oxo_anions_beside_a_shared_edge_are_no_ligands(name: str) -> None:
    for site in analyze_sites(published.crystal(name).structure()):
        if site.element in ("Mn", "Fe"):
            assert set(site.ligand_elements) == {"O"}


def oxo_chloride(metal: str, oxygens: list[list[float]], chlorines: list[list[float]]) -> Site:
    """The metal of a molecule in a box; vectors to its ligands, Å."""
    species = [metal, *["O"] * len(oxygens), *["Cl"] * len(chlorines)]
    places = np.vstack([np.zeros((1, 3)), oxygens, chlorines]) + 7.0
    box = Structure(Lattice.cubic(14.0), species, places, coords_are_cartesian=True)
    return next(site for site in analyze_sites(box) if site.element == metal)


@pytest.mark.parametrize(
    ("metal", "oxygens", "chlorines", "geometry"),
    [
        ("V", [[0, 0, 1.57]], [[2.0, 0, -0.75], [-1.0, 1.73, -0.75], [-1.0, -1.73, -0.75]],
         "tetrahedron"),
        ("Cr", [[0, 1.28, 0.93], [0, -1.28, 0.93]], [[1.79, 0, -1.15], [-1.79, 0, -1.15]],
         "tetrahedron"),
        ("V", [[0, 0, 1.6]],
         [[2.35, 0, -0.3], [-2.35, 0, -0.3], [0, 2.35, -0.3], [0, -2.35, -0.3], [0, 0, -2.6]],
         "octahedron"),
    ],
)  # fmt: skip
def test_a_short_bond_to_oxygen_hides_no_chlorine(
    metal: str, oxygens: list[list[float]], chlorines: list[list[float]], geometry: str
) -> None:
    site = oxo_chloride(metal, oxygens, chlorines)
    assert sorted(site.ligand_elements) == ["Cl"] * len(chlorines) + ["O"] * len(oxygens)
    assert site.geometry == geometry


def test_far_chlorine_above_and_below_a_square_of_oxygen_stays_no_ligand():
    """Cu–Cl of 2.75 Å beside Cu–O of 1.97 Å carries an eighth of the valence."""
    square = [[1.97, 0, 0], [-1.97, 0, 0], [0, 1.97, 0], [0, -1.97, 0]]
    site = oxo_chloride("Cu", square, [[0, 0, 2.75], [0, 0, -2.75]])
    assert site.geometry == "square plane"
