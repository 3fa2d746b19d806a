"""What a CIF means to a crystallographer is what is read, or it is a question or an error."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.io.question import QuestionError
from compute.sites import analyze_sites
from compute.structures.cif import CrystalRead, read_cif
from compute.structures.findings import doubts
from compute.structures.operations import parse_operation
from tests.compute.structures.written import ANATASE_CELL, CUBE, FM3M, NIO, cif

ANATASE_1 = ("Ti1 Ti 0 0 0", "O1 O 0 0 0.2081")
ANATASE_2 = ("Ti1 Ti 0 0.75 0.125", "O1 O 0 0.75 0.3331")
GOETHITE_CELL = {"a": 9.951, "b": 3.0178, "c": 4.5979}
GOETHITE = ("Fe1 Fe 0.1459 0.25 0.9545", "O1 O 0.8013 0.25 0.288", "O2 O 0.9465 0.25 0.8017")
PNMA = {"_symmetry_space_group_name_H-M": "'P n m a'"}


def read_one(text: str, **options: str) -> CrystalRead:
    (found,) = read_cif(text, "x.cif", **options)
    if isinstance(found, ReadError):
        raise found
    return found


def told(found: CrystalRead) -> str:
    return " | ".join(one.text for one in found.findings)


def shortest(found: CrystalRead) -> float:
    distances = found.structure.distance_matrix
    return float(distances[distances > 0.01].min())


@pytest.mark.parametrize("atoms", [ANATASE_1, ANATASE_2])
@pytest.mark.parametrize("symbol", ["I 41/a m d", "I4_1/amd", None])
def test_the_origin_is_the_one_that_gives_real_bonds(
    atoms: tuple[str, ...], symbol: str | None
) -> None:
    tags = (
        {"_symmetry_space_group_name_H-M": f"'{symbol}'"}
        if symbol
        else {"_symmetry_Int_Tables_number": "141"}
    )
    found = read_one(cif(atoms, ANATASE_CELL, tags=tags))
    assert found.structure.composition.formula == "Ti4 O8"
    assert found.structure.density == pytest.approx(3.89, abs=0.01)
    assert shortest(found) == pytest.approx(1.93, abs=0.02)
    assert "origin choice" in told(found)


@pytest.mark.parametrize(
    ("tags", "atoms"),
    [
        ({"_symmetry_space_group_name_H-M": "'I 41/a m d :2'"}, ANATASE_2),
        ({"_symmetry_space_group_name_H-M": "'I 41/a m d Z'"}, ANATASE_2),
        ({"_symmetry_space_group_name_H-M": "'I 41/a m d S'"}, ANATASE_1),
        ({"_space_group_name_Hall": "'-I 4bd 2'"}, ANATASE_2),
        ({"_space_group_name_Hall": "'I 4bw 2bw -1bw'"}, ANATASE_1),
        ({"_space_group_IT_number": "141", "_space_group_IT_coordinate_system_code": "2"},
         ANATASE_2),
    ],
)  # fmt: skip
def test_a_stated_setting_is_used(tags: dict[str, str], atoms: tuple[str, ...]) -> None:
    found = read_one(cif(atoms, ANATASE_CELL, tags=tags))
    assert found.structure.composition.formula == "Ti4 O8"
    assert not doubts(found.findings)


def test_a_wrongly_stated_origin_is_found_out_and_told() -> None:
    text = cif(ANATASE_2, ANATASE_CELL, tags={"_symmetry_space_group_name_H-M": "'I 41/a m d :1'"})
    found = read_one(text)
    assert found.structure.composition.formula == "Ti4 O8"
    assert "origin choice 2" in told(found)


HEMATITE_H = {"a": 5.0346, "b": 5.0346, "c": 13.7473, "gamma": 120.0}
HEMATITE_R = {"a": 5.4243, "b": 5.4243, "c": 5.4243, "alpha": 55.28, "beta": 55.28, "gamma": 55.28}


@pytest.mark.parametrize(
    ("cell", "atoms", "n"),
    [
        (HEMATITE_H, ("Fe1 Fe 0 0 0.35530", "O1 O 0.3059 0 0.25"), 30),
        (HEMATITE_R, ("Fe1 Fe 0.3553 0.3553 0.3553", "O1 O 0.5559 0.9441 0.25"), 10),
    ],
)
@pytest.mark.parametrize("symbol", ["R -3 c", "R-3c", "R -3 c H"])
def test_the_cell_tells_hexagonal_from_rhombohedral_axes(
    cell: dict[str, float], atoms: tuple[str, ...], n: int, symbol: str
) -> None:
    found = read_one(cif(atoms, cell, tags={"_symmetry_space_group_name_H-M": f"'{symbol}'"}))
    assert (len(found.structure), found.structure.reduced_formula) == (n, "Fe2O3")
    assert found.structure.density == pytest.approx(5.27, abs=0.03)


def test_a_named_group_beside_the_identity_alone_is_used() -> None:
    found = read_one(cif(NIO, tags=FM3M, operations=["x,y,z"]))
    assert found.structure.composition.formula == "Ni4 O4"


def test_a_full_list_under_a_named_group_is_not_multiplied() -> None:
    every = [f"Ni{k} Ni {p}" for k, p in enumerate(("0 0 0", "0 .5 .5", ".5 0 .5", ".5 .5 0"))]
    every += [f"O{k} O {p}" for k, p in enumerate((".5 .5 .5", ".5 0 0", "0 .5 0", "0 0 .5"))]
    found = read_one(cif(every, tags=FM3M, operations=["x,y,z"]))
    assert found.structure.composition.formula == "Ni4 O4"


def test_no_symmetry_at_all_is_a_question_that_can_be_answered() -> None:
    text = cif(NIO)
    with pytest.raises(QuestionError) as caught:
        read_one(text)
    choices = caught.value.question.choices
    answers = {one.label: dict(one.options)["space-group"] for one in choices}
    assert any("F m -3 m" in label and "6.81 g/cm³" in label for label in answers)
    for label, answer in answers.items():
        found = read_one(text, space_group=answer)
        assert f"{found.structure.density:.2f} g/cm³" in label


def test_figures_of_the_file_answer_the_question_of_symmetry() -> None:
    tags = {"_chemical_formula_sum": "'Ni O'", "_cell_formula_units_Z": "4"}
    found = read_one(cif(NIO, tags=tags))
    assert found.structure.composition.formula == "Ni4 O4"
    assert found.structure.density == pytest.approx(6.81, abs=0.01)


@pytest.mark.parametrize("missing", ["?", "."])
def test_an_unknown_occupancy_is_one(missing: str) -> None:
    atoms = [f"{row} {missing}" for row in NIO]
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    found = read_one(cif(atoms, tags=FM3M, columns=columns))
    assert found.structure.composition.formula == "Ni4 O4"


@pytest.mark.parametrize("none", ["0", "1e-320", "-0.0001"])
def test_an_occupancy_of_nothing_leaves_the_atom_out(none: str) -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    rows = ("Ni1 Ni 0 0 0 1", "O1 O 0.5 0.5 0.5 1", f"O2 O 0.25 0.25 0.25 {none}")
    found = read_one(cif(rows, tags=FM3M, columns=columns))
    assert found.structure.composition.formula == "Ni4 O4"
    assert "O2 has occupancy" in told(found)


def test_an_atom_without_a_place_is_left_out_and_told() -> None:
    found = read_one(cif((*NIO, "H1 H ? ? ?"), tags=FM3M))
    assert found.structure.composition.formula == "Ni4 O4"
    assert "H1" in told(found)


@pytest.mark.parametrize(
    ("label", "outcome"),
    [("OH", "O"), ("Wat1", "O"), ("Ow", "O"), ("OH2", "O"), ("M1", None), ("X", None)],
)
def test_a_label_is_understood_or_refused_never_dropped(label: str, outcome: str | None) -> None:
    text = cif(
        ("Ni1 0 0 0", f"{label} 0.5 0.5 0.5"), tags=FM3M, columns="label fract_x fract_y fract_z"
    )
    if outcome is None:
        with pytest.raises(ReadError, match=label):
            read_one(text)
    else:
        found = read_one(text)
        assert found.structure.composition.element_composition.reduced_formula == "NiO"
        assert label in told(found)


def test_the_formula_sum_decides_between_two_elements_of_a_label() -> None:
    rows = ("CO1 0 0 0", "O1 0.5 0.5 0.5")
    columns = "label fract_x fract_y fract_z"
    cobalt = read_one(cif(rows, tags=FM3M | {"_chemical_formula_sum": "'Co O'"}, columns=columns))
    assert cobalt.structure.composition.formula == "Co4 O4"


def test_hydrogen_that_only_the_formula_holds_is_told_and_decides_the_valence() -> None:
    tags = PNMA | {"_chemical_formula_sum": "'Fe H O2'"}
    found = read_one(cif(GOETHITE, GOETHITE_CELL, tags=tags))
    assert not doubts(found.findings)
    assert "4 of 4 H atoms" in told(found)
    iron = next(s for s in analyze_sites(found.structure) if s.element == "Fe")
    assert iron.oxidation_state == 3


def test_hydrogen_that_nothing_names_is_told_by_the_bonds() -> None:
    found = read_one(cif(GOETHITE, GOETHITE_CELL, tags=PNMA))
    iron = next(s for s in analyze_sites(found.structure) if s.element == "Fe")
    assert iron.oxidation_state == 3
    assert iron.oxidation_confidence < 0.9


@pytest.mark.parametrize(
    ("tag", "value", "word"),
    [
        ("_chemical_formula_sum", "'Ni O2'", "formula sum"),
        ("_exptl_crystal_density_diffrn", "3.4", "g/cm³"),
        ("_cell_volume", "36.4", "Å³"),
    ],
)
def test_a_cell_against_its_own_figures_is_doubted(tag: str, value: str, word: str) -> None:
    found = read_one(cif(NIO, tags=FM3M | {tag: value}))
    assert any(word in one.text for one in doubts(found.findings))


def test_z_is_checked_too() -> None:
    tags = FM3M | {"_chemical_formula_sum": "'Ni O'", "_cell_formula_units_Z": "8"}
    assert doubts(read_one(cif(NIO, tags=tags)).findings)


def test_each_block_keeps_its_name_and_headers_are_passed_over() -> None:
    header = "data_global\n_publ_section_title 'a title'\n"
    rutile = cif(
        ("Ti1 Ti 0 0 0", "O1 O 0.3053 0.3053 0"),
        {"a": 4.594, "b": 4.594, "c": 2.959},
        tags={"_symmetry_space_group_name_H-M": "'P 42/m n m'"},
        block="rutile",
    )
    anatase = cif(
        ANATASE_1, ANATASE_CELL, tags={"_symmetry_Int_Tables_number": "141"}, block="anatase"
    )
    broken = rutile.replace("data_rutile", "data_broken").replace("0.3053 0.3053", "0.3053 abc")
    found = read_cif(header + rutile + broken + anatase, "x.cif")
    assert [getattr(one, "name", "error") for one in found] == ["rutile", "error", "anatase"]
    assert "broken" in str(found[1])
    assert "'abc'" in str(found[1])


def test_thirds_written_with_few_digits_are_thirds() -> None:
    cell = {"a": 3.2495, "b": 3.2495, "c": 5.2069, "gamma": 120.0}
    tags = {"_symmetry_space_group_name_H-M": "'P 63 m c'"}
    found = read_one(cif(("Zn Zn .3333 .6667 0", "O O .3333 .6667 .3821"), cell, tags=tags))
    assert found.structure.composition.formula == "Zn2 O2"
    np.testing.assert_allclose(found.structure[0].frac_coords[:2], [1 / 3, 2 / 3], atol=1e-6)


def test_stated_oxidation_numbers_are_kept() -> None:
    text = cif(NIO, tags=FM3M) + (
        "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nNi 2\nO -2\n"
    )
    found = read_one(text)
    assert {site.specie.oxi_state for site in found.structure} == {2, -2}


def test_occupancy_within_a_refinements_error_of_one_is_one_and_less_is_kept() -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    nearly = read_one(cif(("Ni1 Ni 0 0 0 0.99", "O1 O .5 .5 .5 1"), tags=FM3M, columns=columns))
    assert nearly.structure.is_ordered
    assert "0.99" in told(nearly)
    part = read_one(cif(("Ni1 Ni 0 0 0 0.9", "O1 O .5 .5 .5 1"), tags=FM3M, columns=columns))
    assert part.structure[0].species.as_dict() == {"Ni": 0.9}
    assert "partly occupied" in told(part)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("_cell_length_a 4.177", "_cell_length_a abc"), "_cell_length_a 'abc'"),
        (("_cell_length_b 4.177\n", ""), "_cell_length_b is missing"),
        (("Ni1 Ni 0 0 0", "Ni1 Ni 0 0"), "fill no whole number of rows"),
        (("Ni1 Ni 0 0 0", "Ni1 Ni 0 0 0x"), "'0x'"),
        (("_cell_length_c 4.177", "_cell_length_c 5.2"), "F m -3 m"),
    ],
)
def test_an_error_names_what_is_wrong(change: tuple[str, str], message: str) -> None:
    text = cif(NIO, tags=FM3M).replace(*change)
    with pytest.raises(ReadError, match=message.replace("(", r"\(")):
        read_one(text)


def test_a_lone_atom_in_a_box_is_read_as_it_is() -> None:
    box = dict.fromkeys("abc", 20.0)
    tags = {"_symmetry_space_group_name_H-M": "'P 1'"}
    found = read_one(cif(("Cu1 Cu 0 0 0",), box, tags=tags, operations=["x,y,z"]))
    assert found.structure.composition.formula == "Cu1"
    assert not doubts(found.findings)


def test_an_answer_overrides_what_the_file_says() -> None:
    found = read_one(cif(NIO, tags={"_symmetry_space_group_name_H-M": "'P m -3 m'"}),
                     space_group="F m -3 m")  # fmt: skip
    assert found.structure.composition.formula == "Ni4 O4"
    with pytest.raises(ReadError, match="Q 7"):
        read_one(cif(NIO, CUBE), space_group="Q 7")


def test_a_full_list_under_the_identity_alone_is_taken_as_it_is() -> None:
    every = [f"Ni{k} Ni {p}" for k, p in enumerate(("0 0 0", "0 .5 .5", ".5 0 .5", ".5 .5 0"))]
    every += [f"O{k} O {p}" for k, p in enumerate((".5 .5 .5", ".5 0 0", "0 .5 0", "0 0 .5"))]
    found = read_one(cif(every, operations=["x,y,z"]))
    assert found.structure.composition.formula == "Ni4 O4"


def test_an_asymmetric_unit_under_the_identity_alone_is_a_question() -> None:
    nickeline = {"a": 3.4395, "b": 3.4395, "c": 5.3484, "gamma": 120.0}
    atoms = ("Ni Ni 0 0 0", "S S 0.3333 0.6667 0.25")
    with pytest.raises(QuestionError, match="P 6_3/m m c"):
        read_one(cif(atoms, nickeline, operations=["x,y,z"]))


def test_atoms_that_the_operations_make_already_count_once_and_are_told() -> None:
    fcc = ["x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z"]
    found = read_one(cif((*NIO, "Ni2 Ni 0 0.5 0.5"), operations=fcc))
    assert found.structure.composition.formula == "Ni4 O4"
    assert "Ni2" in told(found)


def test_a_formula_with_brackets_is_understood() -> None:
    tags = PNMA | {"_chemical_formula_sum": "'Fe O (O H)'"}
    assert "4 of 4 H atoms" in told(read_one(cif(GOETHITE, GOETHITE_CELL, tags=tags)))


def test_hydrogens_that_the_file_attaches_to_an_atom_are_told() -> None:
    columns = "label type_symbol fract_x fract_y fract_z attached_hydrogens"
    atoms = [f"{row} {n}" for row, n in zip(GOETHITE, (0, 0, 1), strict=True)]
    found = read_one(cif(atoms, GOETHITE_CELL, tags=PNMA, columns=columns))
    assert "4 hydrogens a cell" in told(found)
    iron = next(s for s in analyze_sites(found.structure) if s.element == "Fe")
    assert iron.oxidation_state == 3


@pytest.mark.parametrize("place", [f"{'9' * 400}/4", f"1/{'9' * 400}"])
def test_a_fraction_of_hundreds_of_digits_is_no_number(place: str) -> None:
    with pytest.raises(ReadError, match="is no number"):
        read_one(cif((f"Ni1 Ni {place} 0 0",), CUBE))


@pytest.mark.parametrize("factor", ["99999999999999999999", "1.5", "3/2"])
def test_an_operation_with_an_impossible_factor_is_refused(factor: str) -> None:
    with pytest.raises(ReadError, match="is not understood"):
        parse_operation(f"{factor}x,y,z")
