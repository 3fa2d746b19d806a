"""Write the XAS Data Library as a set of measured spectra, from a checkout of its repository.

    python -m tests.benchmarks.export_xaslib CHECKOUT [--to spectradb/starter/measured/xaslib]

``git clone`` of github.com/XraySpectroscopy/XASDataLibrary; the commit is told by git. Each file
goes through our reader; what our gate stops, what is no sample of one compound, and reference
channels stay out, told. Numbers and facts are written, no file is copied.

``SAMPLES`` says which names of files are one sample (a repeat counts once), corrects formulas that
are misspelt or mean something else to a parser, and names the crystal (an entry of AMCSD) where the
sample's name says which phase it is or the compound has one phase at ambient conditions.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compute.errors import ReadError, SkipFile
from compute.io import RawSpectrum, read_bytes
from compute.quality import check_spectrum
from tests.benchmarks.output import say

REPOSITORY = "https://github.com/XraySpectroscopy/XASDataLibrary"
ABOUT = {
    "source": "xaslib",
    "title": "XAS Data Library",
    "repository": REPOSITORY,
    "licence": "CC0 1.0",
    "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
    "attribution": "International X-ray Absorption Society and those who measured",
    "citation": "XAS Data Library, International X-ray Absorption Society, "
    "https://xaslib.xrayabsorption.org",
}
LICENCE_FILE = "doc/license.rst"
LEFT_OUT = {
    "data/uploadtest.xdi": "a test of uploading, a copy of the file of FeO",
    "data/S/S_ScotchTape_rt_01.xdi": "adhesive tape, no compound",
    "data/S/iron_sulfide_rt_01.xxdi": "a sulfide that its file calls unknown",
}
FACILITIES = ("APS", "SSRL", "NSLS")  # with which names of beamlines begin in some files


class Sample(NamedTuple):
    """A sample: names in files, the first of which is kept; formula; number of AMCSD's entry."""

    element: str
    names: tuple[str, ...]
    formula: str = ""
    crystal: int = 0


SAMPLES = (
    Sample("As", ("As2S3 arsenious sulfide (orpiment)",), crystal=10733),
    Sample("As", ("AsS (realgar)",), crystal=4856),
    Sample("Au", ("Au",), crystal=11140),
    Sample("Cd", ("CdO monteponite",), crystal=8253),
    Sample("Cd", ("CdS greenockite",), crystal=15177),
    Sample("Ce", ("CeO2",), crystal=11686),
    Sample("Co", ("Co foil  Room Temperature",), crystal=11169),
    Sample("Cr", ("Cr2O3", "Cr2O3 chromium sesquioxide"), crystal=17802),
    Sample("Cr", ("Cr2S3", "Cr2S3 chromium sesquisulfide")),
    Sample("Cr", ("K2CrO4",), crystal=9457),
    Sample("Cu", ("Cu",), "Cu", 11145),
    Sample("Cu", ("Cu3(CO3)2(OH)2  azurite",), "Cu3(CO3)2(OH)2", 8598),
    Sample("Cu", ("CuO  copper oxide   tenorite",), crystal=18813),
    Sample("Cu", ("CuS  copper sulfide  covellite",), crystal=14418),
    Sample("Fe", ("Fe", "Fe foil", "Fe foil  Room Temperature", "Fe metal  Room Temperature"),
           crystal=15119),
    Sample("Fe", ("Fe3C",), crystal=13522),
    Sample("Fe", ("Fe3O4 powder  Room Temperature",), crystal=4815),
    Sample("Fe", ("FeO powder  Room Temperature",), crystal=11314),
    Sample("Fe", ("chlorine green rust",), "Fe4(OH)8Cl, n H2O"),
    Sample("Fe", ("ferrihydrite, 2-line",), "Fe2O3(H2O)0.5"),
    Sample("Fe", ("goethite",), "FeO(OH)", 10471),
    Sample("Fe", ("magnetite",), crystal=4815),
    Sample("Fe", ("siderite",), crystal=101),
    Sample("Fe", ("sulfate green rust",), "Fe6(OH)12SO4(H2O)2"),
    Sample("Fe", ("vivianite",), "Fe3(PO4)2(H2O)8"),  # AMCSD's cells lack its hydrogen
    Sample("Mn", ("Mn3O4  haussmanite",), crystal=2024),
    Sample("Mn", ("MnO",), crystal=8240),
    Sample("Mn", ("MnO2  pyrolusite",), "MnO2", 11760),
    Sample("Ni", ("Ni foil  Room Temperature",), crystal=11153),
    Sample("Ni", ("Ni(OH)2   nickel hydroxide",), "Ni(OH)2"),
    Sample("Pb", ("Pb",), crystal=11154),
    Sample("Pt", ("Pt metal foil",), crystal=11157),
    Sample("S", ("calcium sulfide",), crystal=11284),
    Sample("S", ("cobalt sulfate",), "CoSO4(H2O)7"),
    Sample("S", ("cobaltite",), crystal=5243),
    Sample("S", ("ferric sulfate",), "Fe2(SO4)3(H2O)"),
    Sample("S", ("ferrous sulfate",), "FeSO4(H2O)7"),
    Sample("S", ("gypsum",), "CaSO4(H2O)2", 11093),
    Sample("S", ("jarosite",), "KFe3(OH)6(SO4)2", 14756),
    Sample("S", ("magnesium sulfide",), crystal=11350),
    Sample("S", ("marcasite",), crystal=12726),
    Sample("S", ("pyrite",), crystal=12728),
    Sample("S", ("sodium sulfite",), "Na2SO3"),
    Sample("Se", ("copper selenide, klockmannite",), crystal=66),
    Sample("Se", ("mercury selenide",), crystal=11527),
    Sample("Se", ("zinc selenide",), crystal=11535),
    Sample("Sr", ("slawsonite",), "SrAl2Si2O8"),
    Sample("Sr", ("strontianite",), crystal=6303),
    Sample("Sr", ("strontium sulfate",), crystal=5557),
    Sample("Sr", ("strontium titanate",), crystal=8446),
    Sample("V", ("V foil",), crystal=11235),
    Sample("V", ("V2O3",), crystal=10595),
    Sample("V", ("V2O5",), crystal=13891),
    Sample("W", ("W",), "W", 11236),
    Sample("Zn", ("Zn foil",), crystal=11200),
    Sample("Zn", ("hopeite",), "Zn3(PO4)2(H2O)4"),
    Sample("Zn", ("smithsonite",), crystal=102),
    Sample("Zn", ("sphalerite",), crystal=110),
    Sample("Zn", ("zinc oxide",), crystal=15176),
    Sample("Zn", ("zinc selenide",), crystal=11535),
)  # fmt: skip
_BY_NAME = {(one.element, name): one for one in SAMPLES for name in one.names}


def rows(checkout: Path) -> Iterator[dict[str, Any]]:
    """Rows of the table in order of path."""
    from spectradb.services.library.measured import row_of

    seen: dict[bytes, str] = {}
    for file in sorted((checkout / "data").rglob("*.x*d*")):
        path = file.relative_to(checkout).as_posix()
        data = file.read_bytes()
        if (first := seen.setdefault(data, path)) != path:
            say(f"{path}: left out, the bytes of {first}")
            continue
        if path in LEFT_OUT:
            say(f"{path}: left out, {LEFT_OUT[path]}")
            continue
        try:
            found = read_bytes(file.name, data)
        except (ReadError, SkipFile) as error:
            say(f"{path}: {error}")
            continue
        for number, raw in enumerate(found, start=1):
            if raw.role != "sample" or raw.element is None:
                continue
            shown, sample = named(raw)
            if stopped := faults(shown):
                say(f"{path} {raw.label}: stopped, {stopped}")
                continue
            yield row_of(
                shown,
                path=path,
                sha256=hashlib.sha256(data).hexdigest(),
                # As the importer names the parts of a file.
                part=f"{number}: {raw.label}"[:120] if len(found) > 1 else "",
                crystal=f"amcsd:amcsd-{sample.crystal}" if sample and sample.crystal else "",
            )


def named(raw: RawSpectrum) -> tuple[RawSpectrum, Sample | None]:
    """The spectrum with the sample's name and formula as the table has them."""
    about = raw.measurement
    sample = _BY_NAME.get((raw.element or "", about.sample_name or ""))
    name = " ".join((sample.names[0] if sample else about.sample_name or "").split())
    name = name.removesuffix(" Room Temperature").removesuffix(" powder")
    formula = (sample.formula if sample else "") or about.sample_formula or ""
    facility = about.facility
    if facility is None and about.beamline:
        facility = next((one for one in FACILITIES if about.beamline.startswith(one)), None)
    facts = replace(about, sample_name=name, sample_formula=formula, facility=facility)
    return replace(raw, measurement=facts), sample


def faults(raw: RawSpectrum) -> str:
    found = check_spectrum(
        raw.energy_ev, raw.intensity, element=raw.element, edge=raw.edge, quantity=raw.quantity
    )
    return " ".join(one.message for one in found if one.level == "fail")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--to", type=Path, default=Path("spectradb/starter/measured/xaslib"))
    given = parser.parse_args()
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from spectradb.services.library.measured import write_measured

    commit = git(given.checkout, "rev-parse", "HEAD")
    dated = git(given.checkout, "log", "-1", "--format=%cs")
    stated = (given.checkout / LICENCE_FILE).read_bytes()
    about = ABOUT | {
        "commit": commit,
        "licence_stated": f"{LICENCE_FILE}, SHA-256 {hashlib.sha256(stated).hexdigest()}",
    }
    found = list(rows(given.checkout))
    manifest = write_measured(given.to, dated, found, about)
    samples = {(one["element"], one["edge"], one["sample_name"]) for one in found}
    linked = {(one["element"], one["edge"], one["crystal"]) for one in found if one["crystal"]}
    edges = Counter((one[0], one[1]) for one in samples)
    say(", ".join(f"{el} {edge} {n}" for (el, edge), n in sorted(edges.items())))
    points = int(np.sum([len(one["energy"]) // 8 for one in found]))
    size = manifest["files"]["spectra.parquet"]["bytes"]
    say(
        f"{len(found)} spectra of {len(samples)} samples and edges, {len(linked)} of known "
        f"crystals, {points} points, {size / 1e6:.2f} MB"
    )


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    return done.stdout.decode().strip()


if __name__ == "__main__":
    main()
