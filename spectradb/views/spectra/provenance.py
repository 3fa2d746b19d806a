"""Where a spectrum comes from, in rows for the side of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from compute.feff.version import CITATION as FEFF_CITATION
from compute.l23.lineshape import BANDS
from compute.routes import FEFF
from compute.sites.oxidation import STATED
from spectradb.formulae import edge_text
from spectradb.models import Calculation, Measurement, Site, Spectrum
from spectradb.templatetags.science import (
    edge,
    filesize,
    formula,
    number,
    rich,
    seconds,
    short_hash,
    significant,
    spacegroup,
    thousands,
    valence,
)
from spectradb.views.calculations.levels import spin_words
from spectradb.views.spectra.describe import name_of, place_of, route_line, site_labels

Fact = tuple[str, str]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a calculation: symbol (safe HTML), value with its unit said above."""

    symbol: str
    value: str
    meaning: str


def facts(spectrum: Spectrum) -> list[Fact]:
    """Label and value (text or safe HTML) of everything known about the origin."""
    rows: list[tuple[str, Any]] = []
    structure, site = spectrum.structure, spectrum.site
    if structure is not None:
        link = format_html(
            '<a href="{}">{}</a>', reverse("structure", args=[structure.pk]),
            formula(structure.formula),
        )  # fmt: skip
        tail = [spacegroup(structure.space_group_symbol), structure.source_id]
        rows.append((gettext("Structure"), _joined([link, *tail])))
    if site is not None:
        label = site_labels([site.structure_id]).get(site.pk, site.element)
        rows.append((gettext("Site"), _site(site, label)))
        rows.append((gettext("Valence"), _valence(site)))
    if spectrum.calculation is not None:
        rows += _calculation_facts(spectrum.calculation, spectrum)
    elif spectrum.measurement is not None:
        rows += _measurement_facts(spectrum.measurement)
    if spectrum.energy_offset_ev is not None:
        error = spectrum.energy_offset_err
        text = f"{number(spectrum.energy_offset_ev, 2)}"
        text += f" ± {number(error, 2)} eV" if error else " eV"
        rows.append((gettext("Energy anchor"), text))
    rows.append((gettext("Points"), _points(spectrum)))
    return [(label, value) for label, value in rows if value]


def status_facts(spectrum: Spectrum) -> list[Fact]:
    """Contributor, licence, version."""
    rows: list[tuple[str, Any]] = []
    if spectrum.contributor is not None:
        person = spectrum.contributor.get_full_name() or spectrum.contributor.get_username()
        rows.append((gettext("Contributor"), person))
    rows.append((gettext("Licence"), spectrum.licence))
    if spectrum.quality is not None:
        rows.append((gettext("Quality"), number(spectrum.quality, 2)))
    return [(label, value) for label, value in rows if value]


def parameters(spectrum: Spectrum) -> list[Parameter]:
    """The parameters that shape a computed spectrum, multiplet ones with their meaning."""
    calculation = spectrum.calculation
    if calculation is None:
        return []
    given = calculation.parameters
    if not calculation.engine.startswith("spectradb.multiplet"):
        return [
            Parameter(str(escape(key)), significant(value, 6), "")
            for key, value in given.items()
            if isinstance(value, int | float | str) and not isinstance(value, bool)
        ][:20]
    results = calculation.results or {}
    return multiplet_parameters(
        given,
        results.get("ten_dq"),
        ab_initio=calculation.route in ("cluster", "learned"),
        sigma=results.get("sigma") or {},
    )


def shared_charge(spectrum: Spectrum) -> str:
    """The ions that a site is, with their shares, in the plots' markup; empty if it is only one."""
    calculation = spectrum.calculation
    shares: dict[str, float] = {}
    for one in _mixture(calculation):
        ion = _ion(one["parameters"])
        shares[ion] = shares.get(ion, 0.0) + one["weight"]
    if len(shares) < 2 and sum(shares.values()) > 1.0 - 1e-6:  # arrangements of one ion
        return ""
    return ", ".join(f"{number(100 * weight, 0)} % {ion}" for ion, weight in shares.items())


def _mixture(calculation: Calculation | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ((calculation and calculation.results) or {}).get("mixture", [])
    return found


def _arrangements(calculation: Calculation) -> str:
    """The polyhedra of a mixed ligand shell with their weights; empty where there is one."""
    shares: dict[str, float] = {}
    for one in _mixture(calculation):
        if shape := one.get("geometry"):
            shares[shape] = shares.get(shape, 0.0) + one["weight"]
    n = len(_mixture(calculation))
    if not shares or n < 3:
        return ""
    return f"{n}: " + ", ".join(
        f"{number(100 * weight, 0)} % {gettext(shape)}" for shape, weight in shares.items()
    )


def told_ion(spectrum: Spectrum) -> str:
    """The ion that parameters and levels are of where a site shares a charge; else empty."""
    calculation = spectrum.calculation
    if calculation is None or not shared_charge(spectrum):
        return ""
    return _ion(calculation.parameters)


def _ion(case: dict[str, Any]) -> str:
    return f"{case['element']}^{{{case['charge']}+}}"


def multiplet_parameters(
    case: dict[str, Any],
    mean_ten_dq: float | None = None,
    *,
    ab_initio: bool = False,
    sigma: Mapping[str, float] | None = None,
) -> list[Parameter]:
    """A CASE.json's values by the symbols of the field.

    ``mean_ten_dq`` is the splitting with covalency where the crystal field is given as a matrix.
    ``ab_initio`` says that the Slater integrals are no multiples of a free ion's, ``sigma`` the
    standard errors of learnt parameters, by the names that route ``learned`` gives them.
    """
    rows: list[Parameter] = []
    errors = sigma or {}

    def told(value: Any, name: str) -> str:
        text = significant(float(value), 4)
        return f"{text} ± {significant(errors[name], 2)}" if name in errors else text

    def add(symbol: str, value: Any, meaning: str, name: str = "") -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            rows.append(Parameter(symbol, told(value, name), meaning))

    field = case.get("crystal_field") or {}
    back = case.get("back_donation") or {}
    share = back.get("share")  # of molecular orbitals, whose levels hold the covalency
    if "matrix" in field:
        add("10Dq", mean_ten_dq, gettext("With covalency, as in optical spectra"))
        if share is None:
            add("10Dq", cubic_part(field["matrix"]), gettext("Crystal field alone, ionic"))
    add("10Dq", field.get("ten_dq"), gettext("Crystal field"))
    if field.get("ds") or field.get("dt"):
        add("Ds", field.get("ds"), gettext("Tetragonal"))
        add("Dt", field.get("dt"), gettext("Tetragonal"))
    transfer = case.get("charge_transfer") or {}
    add("Δ", transfer.get("delta"), gettext("Charge transfer"), "delta")
    add("U<sub>dd</sub>", transfer.get("u_dd"), gettext("d–d repulsion"), "u_dd")
    add("U<sub>pd</sub>", transfer.get("u_pd"), gettext("Core–d attraction"), "u_pd")
    if "v" in transfer:
        eg, t2g = cubic_means(transfer["v"])
        of_v = "initial.v"
        add("V<sub>eg</sub>", eg, gettext("e<sub>g</sub> hopping, mean of z², x²−y²"), of_v)
        add("V<sub>t2g</sub>", t2g, gettext("t<sub>2g</sub> hopping, mean of xy, xz, yz"), of_v)
    add("V<sub>eg</sub>", transfer.get("v_eg"), gettext("e<sub>g</sub> hopping"))
    add("V<sub>t2g</sub>", transfer.get("v_t2g"), gettext("t<sub>2g</sub> hopping"))
    add("Δ<sub>A</sub>", back.get("delta"), gettext("Back donation"))
    add("Δ<sub>A</sub>", back.get("final_delta"), gettext("Back donation beside the core hole"))
    if share is not None:
        for symbol, key in (("d", "d"), ("A", "acceptor")):
            part = 100 * float(np.linalg.norm(np.array(share[key]), 2)) ** 2
            add(f"3d/{symbol}", part, gettext("Largest share of 3d in an orbital, percent"))
    beside = case.get("final_field") or {}
    if "crystal_field" in beside:
        told_of = gettext("Ionic, beside the core hole")
        if share is not None:
            told_of = gettext("Beside the core hole")
        add("10Dq", cubic_part(beside["crystal_field"]), told_of)
    if "v" in beside:
        eg, t2g = cubic_means(beside["v"])
        add("V<sub>eg</sub>", eg, gettext("e<sub>g</sub> hopping beside the core hole"))
        add("V<sub>t2g</sub>", t2g, gettext("t<sub>2g</sub> hopping beside the core hole"))
    first, last = case.get("initial") or {}, case.get("final") or {}
    scale = case.get("slater_scale")
    if ab_initio:
        slater = gettext("Slater, of the cluster’s orbitals")  # scaled already
    else:
        slater = gettext("Slater, %s × HF") % f"{scale:g}" if scale else gettext("Slater")
    for symbol, keys in (
        ("F<sup>2</sup><sub>dd</sub> / F<sup>4</sup><sub>dd</sub>", ("F2dd", "F4dd")),
        ("F<sup>2</sup><sub>pd</sub>", ("F2pd",)),
        ("G<sup>1</sup><sub>pd</sub> / G<sup>3</sup><sub>pd</sub>", ("G1pd", "G3pd")),
    ):
        values = [last.get(key) for key in keys]
        if all(isinstance(value, int | float) for value in values):
            pairs = zip(values, keys, strict=True)
            text = " / ".join(told(value, f"final.{key}") for value, key in pairs)
            rows.append(Parameter(symbol, text, slater))
    zeta = (first.get("zeta_3d"), last.get("zeta_2p"))
    if all(isinstance(value, int | float) for value in zeta):
        text = " / ".join(significant(float(value), 4) for value in zeta)  # type: ignore[arg-type]
        rows.append(Parameter("ζ<sub>3d</sub> / ζ<sub>2p</sub>", text, gettext("Spin–orbit")))
    exchange = case.get("exchange_field_ev") or []
    if any(exchange):
        text = ", ".join(significant(float(value), 3) for value in exchange)
        rows.append(Parameter("B", text, gettext("Exchange field")))
    return [Parameter(mark_safe(row.symbol), row.value, mark_safe(row.meaning)) for row in rows]  # noqa: S308 (fixed words above)


def cubic_means(matrix: list[list[float]]) -> tuple[float, float]:
    """Mean diagonal over z², x²−y² and over xy, xz, yz."""
    diagonal = [row[k] for k, row in enumerate(matrix)]
    return sum(diagonal[:2]) / 2, sum(diagonal[2:]) / 3


def cubic_part(matrix: list[list[float]]) -> float:
    """The mean of z², x²−y² above that of xy, xz, yz."""
    eg, t2g = cubic_means(matrix)
    return eg - t2g


def citation(spectrum: Spectrum) -> SafeString:
    """How to cite the record, as one line of HTML."""
    year = (spectrum.published_at or spectrum.created).year
    return format_html(
        "SpectraDB ({}). {} {} {} {}, SDB-{}, {} {}.",
        year,
        spectrum.absorber,
        edge(spectrum.edge),
        gettext("spectrum of"),
        formula(name_of(spectrum)),
        spectrum.pk,
        gettext("version"),
        spectrum.version,
    )


def engine_citation(spectrum: Spectrum) -> str:
    """What is to be cited of the program that computed a record; empty for our own."""
    row = spectrum.calculation
    return FEFF_CITATION if row is not None and row.route == FEFF else ""


def bibtex(spectrum: Spectrum, url: str) -> str:
    """The same as BibTeX."""
    year = (spectrum.published_at or spectrum.created).year
    title = f"{spectrum.absorber} {edge_text(spectrum.edge)} spectrum of {name_of(spectrum)}"
    engine = engine_citation(spectrum)
    notes = [f"Data: doi:{spectrum.doi}"] * bool(spectrum.doi) + [engine] * bool(engine)
    return (
        f"@misc{{sdb{spectrum.pk},\n  title = {{{title}, SDB-{spectrum.pk}, version "
        f"{spectrum.version}}},\n  author = {{{{SpectraDB}}}},\n  year = {{{year}}},\n"
        f"  url = {{{url}}}" + (f",\n  note = {{{'; '.join(notes)}}}" if notes else "") + "\n}"
    )


def _calculation_facts(calculation: Calculation, spectrum: Spectrum) -> list[tuple[str, Any]]:
    results = calculation.results or {}
    size = results.get("dimension") or {}
    solver = str(results.get("method", "") or "")
    solver = {"dense": gettext("Dense"), "lanczos": "Lanczos", "rscg": "RSCG"}.get(solver, solver)
    if size:
        solver += f", {thousands(size.get('initial'))} → {thousands(size.get('final'))} "
        solver += gettext("states")
    rows: list[tuple[str, Any]] = [
        (gettext("Engine"), _engine(calculation)),
        (gettext("Route"), route_words(calculation)),
        (gettext("Solver"), solver),
        (gettext("Run time"), seconds(calculation.seconds) if calculation.seconds else ""),
        (gettext("Input hash"), _mono(calculation.input_hash)),
    ]
    if shares := shared_charge(spectrum):
        rows.append((gettext("Shared charge"), rich(shares)))
    rows.append((gettext("Arrangements"), _arrangements(calculation)))
    shape = results.get("shape") or {}
    if shape.get("widths"):
        rows.append((gettext("Widths"), gettext("of the levels, Campbell and Papp 2001")))
    if shape.get("widths") == BANDS:
        rows.append((gettext("Widths above the edges"), gettext("growing with the hopping of e_g")))
    if shape.get("continuum"):
        told = gettext("%s of the L₃ maximum, 2 : 1") % number(shape["continuum"], 2)
        rows.append((gettext("Continuum steps"), told))
    if spin := spin_words(results.get("spin") or ""):
        rows.append((gettext("Computed ground state"), spin))
    if axes := results.get("local_axes"):
        rows.append((gettext("Local axes"), _axes(axes)))
    total, holes = results.get("total_intensity"), results.get("mean_d_holes")
    # Molecular orbitals hold a share of 3d each: holes alone do not tell the sum.
    back = (calculation.parameters or {}).get("back_donation") or {}
    if total and holes and back.get("share") is None:
        expected = 4 / 3 * holes / 10
        rows.append(
            (gettext("Sum rule"), f"{total:.5f} " + gettext("of %s expected") % f"{expected:.5f}")
        )
    if holes:
        rows.append((gettext("d holes"), number(holes, 3)))
    share = results.get("branching_ratio") or results.get("l3_fraction")
    if share:
        label = mark_safe("L<sub>3</sub> " + gettext("fraction"))  # noqa: S308 (fixed words)
        rows.append((label, number(share, 3)))
    rows += [(gettext("Warning"), text) for text in results.get("warnings") or []]
    return rows


def _axes(axes: list[list[float]]) -> SafeString:
    """Local x, y, z in the structure's Cartesian axes, a line each."""
    lines = [
        f"{name} = ({', '.join(number(value, 3) for value in row)})"
        for name, row in zip("xyz", axes, strict=True)
    ]
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))


def _engine(calculation: Calculation) -> str:
    words = f"{calculation.engine} {calculation.version}".strip()
    if calculation.engine_version_unknown:
        return f"{words}, {gettext('engine version unknown')}"
    return words


def route_words(calculation: Calculation) -> str:
    """How a spectrum was computed, as pages say it."""
    names = {
        "explicit": gettext("given parameters"),
        "cheap": gettext("point charges and hopping"),
        "cluster": gettext("embedded cluster"),
        "learned": gettext("learned from embedded clusters"),
        "feff": gettext("multiple scattering"),
    }
    line = route_line(calculation) if calculation.engine.startswith("spectradb.multiplet") else ""
    return ", ".join(
        part for part in (line, names.get(calculation.route, calculation.route)) if part
    )


def _measurement_facts(measurement: Measurement) -> list[tuple[str, Any]]:
    place = place_of(measurement)
    file, series = measurement.file, measurement.series_id
    whole = reverse("series", args=[series]) if series is not None else ""
    rows: list[tuple[str, Any]] = [
        (
            gettext("Series"),
            format_html('<a href="{}">SDB-M{}</a>, {}', whole, series, measurement.file_part)
            if whole
            else "",
        ),
        (gettext("Sample"), measurement.sample_name),
        (gettext("Preparation"), measurement.sample_preparation),
        (gettext("Measured at"), place),
        (gettext("Mode"), gettext(measurement.get_mode_display()) if measurement.mode else ""),
        (gettext("Monochromator"), measurement.monochromator),
        (
            gettext("Resolution"),
            f"{measurement.resolution_ev:g} eV" if measurement.resolution_ev else "",
        ),
        (
            gettext("Temperature"),
            f"{measurement.temperature_k:g} K" if measurement.temperature_k is not None else "",
        ),
        (
            gettext("Date"),
            measurement.measured_on.strftime("%Y-%m-%d %H:%M") if measurement.measured_on else "",
        ),
        (gettext("Channel"), gettext("reference") if measurement.is_reference else ""),
    ]
    if file is not None:
        what = ", ".join(
            part
            for part in (measurement.file_name, measurement.file_format, filesize(file.n_bytes))
            if part
        )
        rows += [(gettext("File"), what), ("SHA-256", _mono(file.sha256))]
    return rows


def _valence(site: Site) -> str:
    """``2+, bond valence, confidence 0.98``."""
    parts = [valence(site.oxidation_state)]
    if site.oxidation_method:
        parts.append(gettext(site.oxidation_method))
    if site.oxidation_confidence is not None and site.oxidation_method != STATED:
        parts.append(gettext("confidence %s") % number(site.oxidation_confidence, 2))
    return ", ".join(part for part in parts if part)


def _site(site: Site, label: str) -> str:
    parts = [label]
    number_, ligands = site.coordination_number, site.ligands
    if number_ and ligands:
        at = f" {gettext('at')} {site.mean_bond_length:.2f} Å" if site.mean_bond_length else ""
        parts.append(f"{number_} {ligands}{at}")
    if site.geometry:
        parts.append(gettext(site.geometry))
    if site.site_symmetry:
        return _joined([*parts, spacegroup(site.site_symmetry)])
    return ", ".join(parts)


def _points(spectrum: Spectrum) -> str:
    return (
        f"{thousands(spectrum.n_points)}, {number(spectrum.energy_min, 1)} – "
        f"{number(spectrum.energy_max, 1)} eV"
    )


def _joined(parts: list[Any]) -> SafeString:
    kept = [part for part in parts if part]
    return mark_safe(
        ", ".join(str(part) if isinstance(part, SafeString) else str(escape(part)) for part in kept)
    )  # noqa: S308


def _mono(digest: str) -> SafeString:
    return format_html('<code title="{}">{}</code>', digest, short_hash(digest))
