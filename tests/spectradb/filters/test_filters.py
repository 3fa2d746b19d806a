"""The search language: what each key finds, and how bad searches are refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from spectradb.filters import EVERYTHING, SearchError, apply_where, parse_text
from spectradb.filters.chemistry import reduced_formula
from spectradb.models import Spectrum, SpectrumEdge, Status, Structure
from tests.factories import make_peak_fit, make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db


def found(**query: str | list[str]) -> set[int]:
    return set(apply_where("spectrum", query, EVERYTHING).values_list("pk", flat=True))


def test_values_of_one_key_are_alternatives_and_keys_combine() -> None:
    ni = make_spectrum()
    co = make_spectrum(absorber="Co")
    make_spectrum(absorber="Co", kind="experiment")
    assert found(absorber=["Ni", "Co"], kind="theory") == {ni.pk, co.pk}
    assert found(absorber="Ni,Co", kind="theory") == {ni.pk, co.pk}


def test_l3_finds_spectra_that_hold_it_and_l23_wants_both() -> None:
    l23, l3, k = make_spectrum(), make_spectrum(edge="L3"), make_spectrum(edge="K")
    assert found(edge="L3") == {l23.pk, l3.pk}
    assert found(edge="L2,3".replace(",", "")) == {l23.pk}
    assert found(edge="K") == {k.pk}


def test_further_edges_of_a_survey_are_found_as_pairs() -> None:
    survey = make_spectrum("experiment", absorber="O", edge="K")
    SpectrumEdge.objects.create(spectrum=survey, absorber="Mn", edge="L23")
    assert found(absorber="Mn", edge="L3") == {survey.pk}
    assert found(absorber="Mn", edge="K") == set()


def test_elements_must_all_be_there_and_formula_is_reduced() -> None:
    oxide = make_spectrum(structure=make_structure("LiCoO2"), absorber="Co")
    make_spectrum(structure=make_structure("CoO"), absorber="Co")
    assert found(elements=["Li", "O"]) == {oxide.pk}
    assert found(formula="Li2Co2O4") == {oxide.pk}
    assert found(chemsys="O-Li-Co") == {oxide.pk}
    assert found(elements="Co", without_elements="Li") != {oxide.pk}


def test_only_elements_leaves_out_what_holds_another() -> None:
    lithiated = make_spectrum(structure=make_structure("LiCoO2"), absorber="Co")
    plain = make_spectrum(structure=make_structure("CoO"), absorber="Co")
    assert found(only_elements="Co,O") == {plain.pk}
    assert found(only_elements=["O", "Li", "Co"]) == {lithiated.pk, plain.pk}
    assert found(only_elements="Co") == set()


def test_a_record_without_a_crystal_is_made_of_what_its_formula_says() -> None:
    measured = make_spectrum("experiment", formula="CoO", absorber="Co")
    make_spectrum("experiment", formula="", absorber="Co")
    make_spectrum("experiment", formula="LiCoO2", absorber="Co")
    assert found(only_elements="Co,O") == {measured.pk}
    assert found(only_elements="Co,O", crystal_system="cubic") == set()


def test_site_keys_describe_the_absorbing_site() -> None:
    site = make_site(coordination_number=4, ligands="Cl-O")
    tetrahedral = make_spectrum(structure=site.structure, site=site)
    make_spectrum(structure=site.structure, site=make_site(site.structure, index=1))
    assert found(coordination_number="4", ligands="O-Cl") == {tetrahedral.pk}
    assert found(oxidation_state="2", coordination_number="4") == {tetrahedral.pk}


def test_structures_are_found_by_one_site_that_meets_every_site_key() -> None:
    structure = make_structure("CoO")
    make_site(structure, element="Co", coordination_number=6, oxidation_state=3)
    make_site(structure, index=1, element="Co", coordination_number=4, oxidation_state=2)
    both = {"coordination_number": "4", "oxidation_state": "2"}
    assert list(apply_where(Structure, both)) == [structure]
    assert not apply_where(Structure, {**both, "oxidation_state": "3"}).exists()


def test_peak_keys_speak_of_one_peak() -> None:
    spectrum = make_spectrum()
    make_peak_fit(spectrum, (853.0, 0.3, 1.0), (870.0, 1.5, 2.0))
    assert found(peak_position_min="852", peak_position_max="854") == {spectrum.pk}
    assert found(peak_position_min="869", peak_hwhm_max="0.5") == set()
    assert found(peak_position_max="860", peak_main="true") == set()
    assert found(peak_position_min="860", peak_main="true") == {spectrum.pk}
    assert found(peak_position_min="852", peak_fit="accepted") == set()


def test_measurement_keys_and_energy() -> None:
    spectrum = make_spectrum("experiment", measurement_temperature_k=13.0)
    make_spectrum("experiment", measurement_facility="ALS")
    assert found(facility="Photon Factory", temperature_max="20") == {spectrum.pk}
    assert spectrum.pk in found(energy="853")
    assert not found(energy="900")


@pytest.mark.parametrize(
    "text",
    [
        "SDB-{pk}",
        "{source_id}",
        "Ni L3",
        "ni L2,3",
        "NiO",
        "Ni-O",
        "NiO Ni L₂,₃ theory",
        "bunsenite",
    ],
)
def test_free_text_finds_it(text: str) -> None:
    structure = make_structure("NiO", name="Bunsenite")
    spectrum = make_spectrum(structure=structure)
    make_spectrum(absorber="Cu", edge="K", formula="CuO")
    assert found(q=text.format(pk=spectrum.pk, source_id=structure.source_id)) == {spectrum.pk}


def test_text_k_after_an_element_is_an_edge_and_alone_is_potassium() -> None:
    assert (parse_text("Cu K").absorber, parse_text("Cu K").edge) == ("Cu", "K")
    assert parse_text("K").elements == ["K"]


def test_ordering_is_total_and_refuses_unknown_names() -> None:
    rows = [make_spectrum(formula="B"), make_spectrum(formula="A"), make_spectrum(formula="B")]
    ordered = apply_where("spectrum", {"ordering": "formula"})
    assert [row.pk for row in ordered] == [rows[1].pk, rows[0].pk, rows[2].pk]
    with pytest.raises(SearchError, match="ordering"):
        found(ordering="energy")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"absorbr": "Ni"}, "Do you mean absorber"),
        ({"absorber": "Xx"}, "'Xx' is not an element"),
        ({"kind": "guess"}, "'guess' is none of theory, experiment"),
        ({"energy": "nan"}, "finite"),
        ({"energy": ["1", "2"]}, "one value only"),
        ({"id": "99999999999999999999"}, "too large"),
        ({"has_structure": "maybe"}, "true or false"),
        ({"formula_anonymous": "A\x00"}, "Null characters"),
    ],
)
def test_a_bad_search_names_key_and_value(query: dict[str, str], message: str) -> None:
    with pytest.raises(SearchError, match=message) as caught:
        found(**query)
    assert list(caught.value.errors) == list(query)


def test_who_sees_what() -> None:
    author, curator = make_user(role="contributor"), make_user(role="curator")
    rows = {status: make_spectrum(status=status, contributor=author) for status in Status.values}

    def seen(user: object) -> set[str]:
        return set(apply_where("spectrum", {}, user).values_list("status", flat=True))  # type: ignore[arg-type]

    assert seen(None) == seen(AnonymousUser()) == {"published"}
    assert seen(make_user(role="contributor")) == {"published"}
    assert seen(author) == seen(curator) == set(rows)


def test_lists_defer_arrays() -> None:
    make_spectrum()
    assert "intensity" in Spectrum.objects.without_arrays()[0].get_deferred_fields()


@pytest.mark.parametrize(
    "text",
    [
        "Nickel", "nickel", "nickel oxide", "NICKEL OXIDE", "ニッケル", "酸化ニッケル",
        "nio", "NiO", "ＮｉＯ",
        "Ni²⁺", "Ni2+", "ni+2", "Ni, O", "Ni,O", "Ni O", "Ni; theory", "Ni、O",
        "Ni L₂,₃", "Ni L2,3",
        "Fm-3m", "fm-3m", "10.1000/nio", "https://doi.org/10.1000/NIO", "rocksalt",
        "Ni²⁺ L3", "o2ni2",
    ],
)  # fmt: skip
def test_a_search_is_read_as_people_write_it(text: str) -> None:
    nio = make_structure("NiO", name="bunsenite, rocksalt, no perovskite-like", doi="10.1000/nio")
    row = make_spectrum(structure=nio, site=make_site(nio))
    mno = make_structure("MnO", space_group_symbol="P1", space_group_number=1)
    make_spectrum(structure=mno, site=make_site(mno, element="Mn"), absorber="Mn")
    assert found(q=text) == {row.pk}


def test_an_ion_is_one_of_its_valence() -> None:
    rows = {}
    for valence in (2.0, 3.0):
        site = make_site(make_structure("CoO"), element="Co", oxidation_state=valence)
        rows[valence] = make_spectrum(structure=site.structure, site=site, absorber="Co").pk
    assert found(q="Co3+") == {rows[3.0]}
    assert found(q="Co²⁺") == {rows[2.0]}
    assert found(q="Co") == set(rows.values())


@pytest.mark.parametrize(
    ("text", "element", "valence"),
    [
        ("Fe(IV)", "Fe", 4.0), ("fe(iii)", "Fe", 3.0), ("iron(III)", "Fe", 3.0),
        ("鉄4+", "Fe", 4.0), ("鉄(IV)", "Fe", 4.0), ("Co3+", "Co", 3.0), ("Ni²⁺", "Ni", 2.0),
    ],
)  # fmt: skip
def test_an_ion_is_read_however_it_is_written(text: str, element: str, valence: float) -> None:
    found = parse_text(text)
    assert (found.absorber, found.valence, found.words) == (element, valence, [])


def test_a_symbol_in_small_letters_is_an_element_unless_it_is_a_word_in_a_line() -> None:
    assert parse_text("fe").elements == ["Fe"]
    assert parse_text("in").elements == ["In"]
    assert parse_text("oxides in water").words == ["water"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("perovskite", "perovskite"), ("Perovskites", "perovskite"),
        ("ペロブスカイト型", "perovskite"),
        ("spinel-type", "spinel"), ("スピネル", "spinel"), ("rutile", "rutile"),
        ("ルチル型構造", "rutile"),
        ("rock salt", "rocksalt"), ("halite", "rocksalt"), ("Zinc Blende", "zincblende"),
        ("layered rocksalt", "layered rocksalt"), ("garnets", "garnet"),
    ],
)  # fmt: skip
def test_a_structure_type_is_read_however_it_is_written(text: str, kind: str) -> None:
    found = parse_text(f"{text} Ni L3")
    assert (found.prototype, found.words, found.edge) == (kind, [], "L3")


def test_a_prototype_is_told_by_formula_group_and_neighbours() -> None:
    def crystal(formula: str, group: int, *coordination: int, name: str = "") -> int:
        anonymous = {"CaTiO3": "ABC3", "CaCO3": "ABC3", "LiCoO2": "ABC2", "CuFeO2": "ABC2"}
        structure = make_structure(
            formula, formula_anonymous=anonymous.get(formula, "AB2"), name=name,
            space_group_number=group,
        )  # fmt: skip
        sites = [
            make_site(structure, index=k, coordination_number=n) for k, n in enumerate(coordination)
        ]
        return make_spectrum(structure=structure, site=sites[0]).pk

    perovskite = crystal("CaTiO3", 62, 6, 10, 4)
    crystal("CaCO3", 62, 9, 3, 4)  # aragonite
    crystal("CaCO3", 167, 6, 3, 3)  # calcite
    layered, copper = crystal("LiCoO2", 166, 6, 6, 6), crystal("CuFeO2", 166, 6, 2, 4)
    named = crystal("TiO2", 1, 6, name="Rutile")
    made = crystal("NiO2", 123, 6, name="perovskite prototype")
    assert found(q="perovskite") == found(prototype="perovskite") == {perovskite, made}
    assert found(q="ペロブスカイト Ni L3") == {perovskite, made}
    assert found(prototype=["rutile", "delafossite"]) == {named, copper}
    assert found(q="layered rocksalt") == {layered}
    with pytest.raises(SearchError, match="not a structure type"):
        found(prototype="unobtainium")


def test_each_part_of_a_record_is_searched() -> None:
    wanted = make_spectrum(
        "experiment", formula="NiO", doi="10.1000/own", measurement_facility="Photon Factory",
        measurement_beamline="BL-12C", measurement_sample_name="nickel foam 3",
    )  # fmt: skip
    make_spectrum("experiment", formula="MnO", measurement_facility="ALS")
    for text in ("Photon Factory", "BL-12C", "foam", "10.1000/OWN", f"SDB-{wanted.pk}", "NiO"):
        assert found(q=text) == {wanted.pk}, text


@pytest.mark.parametrize(
    "text",
    [
        "L2,3 edge", "L-edge", "L3 edge of nickel", "Ni L3吸収端", "Ni L端", "NiL3", "Ni-L3",
        "Ni2p", "2p3/2 XAS", "octahedral", "Ni octahedra and O", "八面体 Ni", "6-coordinate Ni",
        "6配位",
        "cubic", "立方晶 NiO", "space group 225", "No. 225", "空間群 225", "Fm3\u0305m", "NIO",
        "853 eV", "850-870 eV", "computed", "計算 Ni L3", "Ni L3 XANES", "NEXAFS", "high-spin Ni",
        "SDB-S{structure}", "sdb{pk}", "SDB {pk}", "α-NiO", "酸化ニッケル(II)",
        "nickel L-edge spectra", "225", '"NiO"', "Ni & O", "rocksalt containing Ni and O",
        "Ni L23 between 850 and 870 eV", "NiO, CuO", "Ni2+ in NiO",
    ],
)  # fmt: skip
def test_a_phrase_is_read_as_a_whole(text: str) -> None:
    nio = make_structure("NiO")
    row = make_spectrum(structure=nio, site=make_site(nio, spin_state="high"))
    rutile = make_structure(
        "MnO", space_group_symbol="P4_2/mnm", space_group_number=136, crystal_system="tetragonal"
    )
    site = make_site(
        rutile, element="Mn", geometry="tetrahedron", coordination_number=4, oxidation_state=4
    )
    other = make_spectrum(
        "experiment", structure=rutile, site=site, absorber="Mn", edge="K", technique="EXAFS",
        energy=[6500.0, 6600.0], intensity=[0.0, 1.0], measurement_sample_name="MnO powder",
    )  # fmt: skip
    assert found(q=text.format(pk=row.pk, structure=nio.pk)) == {row.pk}
    assert found(q="tetrahedral") == found(q="P42/mnm") == found(q="P4₂/mnm") == {other.pk}


@pytest.mark.parametrize(
    ("text", "formula"),
    [("CuSO4·5H2O", "CuH10SO9"), ("UO2", "UO2"), ("β-MnO2", "MnO2"), ("VO2", "VO2")],
)
def test_a_formula_is_read_as_people_write_it(text: str, formula: str) -> None:
    assert parse_text(text).formulae == [reduced_formula(formula)]


@pytest.mark.parametrize("text", ["Fe(NO3)3", "Co(NO3)2·6H2O"])
def test_a_nitrate_is_no_space_group(text: str) -> None:
    asked = parse_text(text)
    assert asked.formulae
    assert asked.about.space_group is None


def test_a_doi_is_read_whole_whatever_words_it_holds() -> None:
    asked = parse_text("NiO 10.1000/spectra-at.no.5,")
    assert (asked.doi, asked.formulae, asked.words) == ("10.1000/spectra-at.no.5", ["NiO"], [])


@pytest.mark.parametrize("text", ["O K", "O K edge", "O K-edge", "O K吸収端"])
def test_an_edge_is_that_of_the_element_before_it(text: str) -> None:
    nickel = make_spectrum(structure=make_structure("NiO"), absorber="Ni", edge="K")
    oxygen = make_spectrum(structure=nickel.structure, absorber="O", edge="K")
    assert found(q=f"{text} nickel") == {oxygen.pk}


def test_at_an_edge_names_no_astatine() -> None:
    asked = parse_text("At K edge")
    assert (asked.edge, asked.absorber, asked.elements) == ("K", "", [])


def test_the_name_of_another_database_is_no_number_of_ours() -> None:
    assert parse_text("SDBS").words == ["SDBS"]


def test_a_line_that_is_all_phrases_of_no_meaning_is_looked_for_as_it_stands() -> None:
    assert parse_text("edge").words == ["edge"]
    assert parse_text("of").words == ["of"]


def test_a_crystal_system_in_a_samples_name_is_found_without_a_crystal() -> None:
    named = make_spectrum("experiment", formula="ZrO2", measurement_sample_name="cubic ZrO2")
    make_spectrum("experiment", formula="ZrO2", measurement_sample_name="monoclinic ZrO2")
    assert found(q="cubic ZrO2") == {named.pk}


def test_a_line_of_formulae_finds_each() -> None:
    rows = {make_spectrum(formula=one).pk for one in ("CuO", "Cu2O")}
    make_spectrum(formula="NiO")
    assert found(q="CuO, Cu2O") == found(q="CuO Cu2O") == rows


def test_the_number_of_a_sample_is_no_space_group() -> None:
    mine = make_spectrum("experiment", formula="NiO", measurement_sample_name="NiO sample no. 3")
    make_spectrum("experiment", formula="NiO", measurement_sample_name="NiO sample no. 4")
    assert found(q="sample no. 3") == found(q="NiO sample No. 3") == {mine.pk}
    assert parse_text("no. 3").about.space_group == 3
    assert parse_text("231").words == ["231"]


def test_a_mode_of_detection_and_a_licence_are_searched_for() -> None:
    row = make_spectrum("experiment", formula="FeO", measurement_mode="TEY", licence="CC0 1.0")
    make_spectrum("experiment", formula="FeO", measurement_mode="fluorescence", licence="CC BY 4.0")
    for text in ("TEY", "FeO total electron yield", "全電子収量", "CC0", "FeO CC0 1.0"):
        assert found(q=text) == {row.pk}, text


@pytest.mark.parametrize(
    "text",
    ["measured", "EXAFS", "9000 eV", "Cu K edge", "measured EXAFS at 9 keV", "Cu2+", "10.1000/cu"],
)
def test_structures_are_searched_for_by_their_spectra(text: str) -> None:
    nio, cuo = make_structure("NiO"), make_structure("CuO", doi="10.1000/cu")
    make_spectrum(structure=nio, site=make_site(nio))
    make_spectrum(
        "experiment", structure=cuo, absorber="Cu", edge="K", technique="EXAFS",
        energy=[8900.0, 9100.0], intensity=[0.0, 1.0],
    )  # fmt: skip
    make_site(cuo, element="Cu", oxidation_state=2.0)
    make_structure("MnO")
    assert set(apply_where("structure", {"q": text}).values_list("pk", flat=True)) == {cuo.pk}
