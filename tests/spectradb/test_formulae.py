"""Formulae for reading, against how they are written in the literature."""

from __future__ import annotations

import pytest

from spectradb.filters.chemistry import reduced_formula
from spectradb.formulae import as_written
from spectradb.templatetags.science import formula


@pytest.mark.parametrize(
    "written",
    [
        "NiO", "NiTiO3", "CuCrO2", "ZnCr2S4", "Ni(OH)2", "FeO(OH)", "CoFe2O4", "FeCo2O4", "MgAl2O4",
        "SrTiO3", "LaCoO3", "LiCoO2", "LiMn2O4", "NaCuO2", "CaCu3Ti4O12", "FeTiO3", "MnFe2O4",
        "NiFe2O4", "FeCr2O4", "FeAl2O4", "KCuF3", "K2NiF4", "LiFePO4", "FeVO4", "NiWO4", "CoMoO4",
        "BiFeO3", "YMnO3", "CuAlO2", "CaCO3", "MnCO3", "CuSO4", "Fe2O3", "CuFeS2", "La2CuO4", "TiN",
        "FeF3", "MnSi", "NiCl2", "BaTiO3", "PbTiO3", "ZnFe2O4", "Co(OH)2", "Sr2FeMoO6",
    ],
)  # fmt: skip
def test_formulae_are_written_as_people_do(written: str) -> None:
    assert as_written(reduced_formula(written)) == written


@pytest.mark.parametrize(
    "text",
    ["", "sample 3", "La0.7Sr0.3MnO3", "H2O", "C2H6", "NiO.010", "Fe", "V_1a", "Ni3(BO3)2(OH)2"],
)
def test_what_is_no_plain_formula_stays(text: str) -> None:
    assert as_written(text) == text


def test_pages_show_it_with_its_counts_lowered() -> None:
    assert "NiTiO<sub>3</sub>" in formula("TiNiO3")
    assert "Ni(OH)<sub>2</sub>" in formula("Ni(HO)2")
