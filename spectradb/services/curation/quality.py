"""The automatic checks of a spectrum before a curator looks at it.

Each check has one of three verdicts: *fail* blocks publishing, *check* asks the curator to look,
*pass* is folded away. What arrays alone can tell is in :mod:`compute.quality`; here is what
needs the record and the rest of the database.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext

from compute.errors import InputError
from compute.io.raw import ASKS_ABSORBER
from spectradb.models import Kind, Quantity, Series, Spectrum, Status
from spectradb.services.calculations.inputs import OUTDATED, is_of, valences

PASS, CHECK, FAIL = "pass", "check", "fail"
_WEIGHT = {PASS: 1.0, CHECK: 0.5, FAIL: 0.0}
# Differences of two curves, measured on real scans (compute.quality.curve_difference).
_COPIED, _REPEATED = 1e-3, 0.03
_MAX_CANDIDATES = 400


@dataclass(frozen=True)
class Check:
    """One check: its name, verdict, the reason in words, and the spectrum it points to."""

    name: str
    verdict: str
    reason: str
    spectrum_id: int | None = None


def run_checks(spectrum: Spectrum) -> list[Check]:
    """Every check of a spectrum, the worst first."""
    found = [
        *_identity(spectrum),
        *(_measurement(spectrum) if spectrum.kind == Kind.EXPERIMENT else []),
        *(_curve(spectrum) if spectrum.kind == Kind.EXPERIMENT else []),
        *_valences(spectrum),
        _licence(spectrum),
        duplicate(spectrum),
    ]
    return sorted(found, key=lambda one: _WEIGHT[one.verdict])


def keep_checks(spectrum: Spectrum) -> list[Check]:
    """Run the checks and put them on the row, which the caller saves."""
    found = run_checks(spectrum)
    spectrum.checks = [asdict(one) for one in found]
    spectrum.quality = sum(_WEIGHT[one.verdict] for one in found) / len(found)
    return found


def missing(row: Spectrum) -> list[str]:
    """What a measured spectrum has to say before a curator looks at it, in words."""
    if row.kind != Kind.EXPERIMENT:
        return []
    measured = row.measurement
    wanted = [
        (row.absorber, gettext("element")),
        (row.edge, gettext("edge")),
        (row.formula or row.structure_id, gettext("formula of the sample")),
        (row.licence, gettext("licence")),
        (measured is not None and measured.mode, gettext("mode of detection")),
    ]
    return [words for value, words in wanted if not value]


def missing_of_series(row: Series) -> list[str]:
    """What a series has to say before a curator looks at it, in words."""
    wanted = [
        (row.absorber, gettext("element")),
        (row.edge, gettext("edge")),
        (row.formula, gettext("formula of the sample")),
        (row.licence, gettext("licence")),
    ]
    return [words for value, words in wanted if not value]


def blocking(checks: list[dict[str, Any]]) -> list[str]:
    """Reasons of the failed checks among stored ones."""
    return [f"{one['name']}: {one['reason']}" for one in checks if one["verdict"] == FAIL]


def _identity(spectrum: Spectrum) -> list[Check]:
    if spectrum.absorber and spectrum.edge:
        edge = Check("Element and edge", PASS, f"{spectrum.absorber} {spectrum.edge}.")
    else:
        names = {"element": spectrum.absorber, "edge": spectrum.edge}
        missing = " and ".join(name for name, value in names.items() if not value)
        edge = Check("Element and edge", FAIL, f"The file does not give the {missing}. Fill it in.")
    if spectrum.structure_id or spectrum.kind == Kind.THEORY:
        formula = Check("Sample", PASS, spectrum.formula or "Structure known.")
    elif spectrum.formula:
        formula = Check("Sample", PASS, f"{spectrum.formula}, structure not linked.")
    else:
        formula = Check("Sample", FAIL, "No formula and no structure: say what was measured.")
    return [edge, formula]


def _measurement(spectrum: Spectrum) -> list[Check]:
    measured = spectrum.measurement
    assert measured is not None  # the database constraint on provenance
    fields = {
        "facility": measured.facility,
        "beamline": measured.beamline,
        "mode": measured.mode,
        "sample name": measured.sample_name or measured.sample_formula,
        "date": measured.measured_on,
    }
    missing = [name for name, value in fields.items() if not value]
    if spectrum.quantity == Quantity.ARBITRARY:
        missing.append("what the intensity is")
    if missing:
        about = Check("Metadata", CHECK, f"Not given: {', '.join(missing)}.")
    else:
        about = Check("Metadata", PASS, "Facility, beamline, mode, sample and date are given.")
    # What of element and edge is open is a check of its own. A line each: they are said one by one.
    told = [str(text) for text in measured.warnings if not str(text).startswith(ASKS_ABSORBER)]
    if told:
        read = Check("File", CHECK, "\n".join(told)[:1000])
    else:
        read = Check("File", PASS, "Read without a warning.")
    return [about, read]


def _curve(spectrum: Spectrum) -> list[Check]:
    """Grid, noise and edge position, which the arrays tell; the rest is asked for above."""
    # SciPy and Numba: here, or every command that only starts would wait for them.
    from compute.quality import check_spectrum

    header = spectrum.measurement.header if spectrum.measurement else {}
    try:
        found = check_spectrum(
            spectrum.energy,
            spectrum.intensity,
            element=spectrum.absorber or None,
            edge=spectrum.edge or None,
            quantity=spectrum.quantity,
            axis_unit=str(header.get("axis_unit", "eV")),
            e0=(spectrum.normalisation or {}).get("stated", {}).get("e0"),
        )
    except InputError as error:
        return [Check("Curve", FAIL, str(error))]
    verdicts = {"ok": PASS, "check": CHECK, "fail": FAIL}
    return [
        Check(one.name.capitalize(), verdicts[one.level], one.message)
        for one in found
        if one.name not in ("absorber", "metadata")
    ]


def _valences(spectrum: Spectrum) -> list[Check]:
    """Whether what was computed of a structure is of the valences that it has now."""
    calculation = spectrum.calculation
    if calculation is None or calculation.structure is None:
        return []
    if is_of(calculation, valences(calculation.structure.sites.all())):
        return [Check("Valences", PASS, "Those that its structure has now.")]
    return [Check("Valences", FAIL, f"{OUTDATED} than it has now. Compute it again.")]


def _licence(spectrum: Spectrum) -> Check:
    if spectrum.licence:
        return Check("Licence", PASS, f"{spectrum.licence}.")
    return Check("Licence", FAIL, "No licence: nobody could use the data. Choose one.")


def duplicate(spectrum: Spectrum, *, everywhere: bool = False) -> Check:
    """Compare with the spectra of the same kind, element and edge that share the range.

    With what is published; ``everywhere``, also with what others have not published yet, which
    is for curators alone and never stored on the row.
    """
    from compute.quality import curve_difference

    others = (
        Spectrum.objects.filter(
            kind=spectrum.kind,
            absorber=spectrum.absorber,
            edge=spectrum.edge,
            energy_min__lt=spectrum.energy_max,
            energy_max__gt=spectrum.energy_min,
        )
        .exclude(pk=spectrum.pk)
        .exclude(pk=spectrum.replaces_id or 0)
        .exclude(replaces=spectrum.pk)
        .exclude(status__in=[Status.REJECTED, Status.WITHDRAWN])
    )
    if not everywhere:
        others = others.published()
    if spectrum.kind == Kind.THEORY:
        same = Spectrum.objects.published().filter(calculation=spectrum.calculation_id)
        if shown := same.exclude(pk=spectrum.pk).values_list("pk", flat=True).first():
            why = f"This calculation is published as SDB-{shown}; everyone sees it there."
            return Check("Not a duplicate", FAIL, why, shown)
        # Two calculations with different input may well agree; only one structure twice is odd.
        if spectrum.structure is None:
            return Check("Not a duplicate", PASS, "A calculation of its own input.")
        others = others.filter(structure=spectrum.structure, site=spectrum.site).exclude(
            calculation=spectrum.calculation_id
        )
    nearest, least = None, _REPEATED
    newest = others.order_by("-pk").only("energy", "intensity", "contributor")[:_MAX_CANDIDATES]
    for other in newest.iterator(chunk_size=50):
        apart = curve_difference(spectrum.energy, spectrum.intensity, other.energy, other.intensity)
        if apart <= least:
            nearest, least = other, apart
    if nearest is None:
        return Check("Not a duplicate", PASS, "No published spectrum is the same curve.")
    guess = "The same data." if least <= _COPIED else "Perhaps another scan of the same sample."
    return Check(
        "Not a duplicate", CHECK, f"{100 * least:.2g} % from SDB-{nearest.pk}. {guess}", nearest.pk
    )
