"""Route ``learned``: a model of the parameters that route ``cluster`` gives, its training and use.

Rows are finished calculations of the present version of ``cluster``; families, left out together,
are the sites of one ion with the same kinds of ligands. The model is one file: the one trained here
(``var/hamiltonian.npz``), else the one in the box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from compute.errors import ComputeError, InputError, OutOfRangeError
from compute.ions import ELEMENTS_3D
from compute.l23 import routes as l23
from compute.l23.learned import case_of, given_of
from compute.l23.prepared import TEMPERATURE_K, PreparedCase
from ml.errors import LearningError
from ml.hamiltonian.inputs import SiteInput
from ml.hamiltonian.model import Estimate, HamiltonianModel, UnknownSiteError
from ml.hamiltonian.parameters import CONSTANTS, NAMES, SCALARS, Hamiltonian
from ml.hamiltonian.train import HeldOut, errors_of, spread_of, train
from spectradb.models import Calculation, JobStatus
from spectradb.models import Site as SiteRow
from spectradb.services.structures.sites import sites_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]
K = TypeVar("K")

TEACHER = "cluster"
CLUSTER = l23.version(TEACHER)["route"]
FILE = "hamiltonian.npz"
BOX = Path(__file__).parents[2] / "starter" / FILE
_AXES_APART = 1e-6


class NoModelError(InputError):
    """Route ``learned`` without a model that can be used."""

    cause = "No model of the route is here"


@dataclass(frozen=True, eq=False)
class Row:
    """A site that route ``cluster`` has computed.

    Attributes
    ----------
    calculation : int
    family : str
        Ion and ligands, ``Ni2 Cl O``.
    given : SiteInput
    quick : PreparedCase
        By route ``cheap``.
    truth : Hamiltonian
        By route ``cluster``.
    """

    calculation: int
    family: str
    given: SiteInput
    quick: PreparedCase
    truth: Hamiltonian


def path_of() -> Path | None:
    """The file of the model in use; None where there is none."""
    own = Path(settings.VAR_DIR) / FILE
    return next((path for path in (own, BOX) if path.exists()), None)


def present() -> HamiltonianModel | None:
    """The model in use, read once; None where there is none.

    Raises
    ------
    NoModelError
        If its file cannot be read, or is another program's version.
    """
    path = path_of()
    if path is None:
        return None
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (LearningError, OSError) as error:
        name = f"{path.parent.name}/{path.name}"
        raise NoModelError(
            "route", "learned", f"{name}: {error}; train_hamiltonian makes another"
        ) from error


@cache
def _read(path: Path, changed: int) -> HamiltonianModel:
    return HamiltonianModel.load(path)


def model() -> HamiltonianModel:
    """The model in use.

    Raises
    ------
    NoModelError
    """
    found = present()
    if found is None:
        raise NoModelError("route", "learned", "no model is here: train_hamiltonian makes one")
    return found


def site_input(
    structure: Structure, sites: Sequence[Site], site: Site
) -> tuple[SiteInput, PreparedCase]:
    """What the model sees of a site, and the case of route ``cheap`` that it corrects.

    Raises
    ------
    InputError
        What route ``cheap`` says of the site; an empty or unknown shell of ligands.
    """
    from pymatgen.core import Element

    found = given_of(structure, sites, site)
    around = found.around
    given = SiteInput(
        ion=(Element(site.element).Z, round(site.oxidation_state)),
        ligands=tuple(Element(one).Z for one in site.ligand_elements),
        softness=around.softness,
        radius=around.radius,
        distances=around.distances,
        strengths=around.strengths,
        sigma=around.sigma,
        pi=around.pi,
        among=around.among,
        outer=around.outer,
        potential=around.potential,
        gradient=around.gradient,
        charges_field=found.charges_field,
        scalars=found.scalars,
        field=found.quick.crystal_field,
    )
    return given, found.quick


@dataclass(eq=False)
class Learned:
    """Parameters by a model, as :func:`compute.l23.spectrum.spectrum_by` takes them.

    Attributes
    ----------
    said : dict
        What the model said of each ion asked for, by element and valence.
    n_draws : int
        Sets of parameters within their errors.
    draw : int or None
        Which of them is taken; None takes the mean.
    """

    by: HamiltonianModel
    n_draws: int = 0
    draw: int | None = None
    said: dict[tuple[str, float], Estimate] = field(default_factory=dict)

    def __call__(
        self,
        structure: Structure,
        sites: Sequence[Site],
        site: Site,
        *,
        temperature_k: float = TEMPERATURE_K,
    ) -> PreparedCase:
        given, quick = site_input(structure, sites, site)
        try:
            estimate = self.by.predict(given)
        except UnknownSiteError as error:
            ion = f"{site.element} {site.oxidation_state:+g}"
            shell = f"{ion} with {', '.join(sorted(set(site.ligand_elements)))}"
            why = f"route learned has seen none like it; {self._why(error)}"
            raise OutOfRangeError(f"sites[{site.index}]", shell, why) from error
        key = (site.element, site.oxidation_state)
        self.said.setdefault(key, estimate)
        found = estimate.hamiltonian
        if self.draw is not None:
            found = self.by.drawn(estimate, self.n_draws)[self.draw]
        return case_of(
            site,
            quick.n_d,
            found.scalars,
            found.matrices,
            estimate.sigma["offset"],
            temperature_k=temperature_k,
        )

    def _why(self, error: UnknownSiteError) -> str:
        """What the model says of a site that it does not answer, with elements for numbers."""
        from pymatgen.core import Element

        words = self.by.words
        known = {
            "ion": [f"{Element.from_Z(z).symbol} {charge:+d}" for z, charge in words.ions],
            "ligand": [Element.from_Z(z).symbol for z in words.ligands],
        }.get(error.field)
        return str(error) if known is None else f"{error.field}s it knows: {', '.join(known)}"


def rows() -> Iterator[Row | str]:
    """Every site computed by the present version of route ``cluster``; of others why they are not
    learnt from."""
    done = Calculation.objects.filter(route=TEACHER, job_status=JobStatus.DONE)
    chosen = done.filter(version__startswith=f"{CLUSTER} ").select_related("site", "structure")
    for calculation in chosen.order_by("pk").iterator():
        name = f"calculation {calculation.pk} ({calculation.absorber})"
        if calculation.site is None or calculation.structure is None:
            yield f"{name}: has no structure"
        elif calculation.results.get("mixture"):
            yield f"{name}: is of several ions or arrangements"
        elif calculation.parameters.get("charge_transfer") is None:
            yield f"{name}: has molecular orbitals in place of charge transfer"
        else:
            try:
                yield row_of(calculation)
            except (ComputeError, KeyError) as error:
                yield f"{name}: {error}"


def row_of(calculation: Calculation) -> Row:
    """A finished calculation of one ion as a row.

    Raises
    ------
    InputError
        The site is not what it was, or route ``cheap`` does not describe it.
    """
    assert calculation.structure is not None
    assert calculation.site is not None
    row = calculation.site
    sites = sites_of(calculation.structure)
    site = next(
        (
            one
            for one in sites
            if row.index in one.equivalent_indices and one.element == row.element
        ),
        None,
    )
    if site is None:
        raise InputError("site", row.index, f"is no {row.element} atom of the structure")
    axes = np.array(calculation.results.get("local_axes") or np.full((3, 3), np.nan))
    if not np.allclose(axes, site.local_axes, atol=_AXES_APART):
        raise InputError("local_axes", row.index, "are others than when it was computed")
    given, quick = site_input(calculation.structure.to_pymatgen(), sites, site)
    spectrum = calculation.spectra.order_by("pk").values_list("energy_offset_ev").first()
    if spectrum is None or spectrum[0] is None:
        raise InputError("spectrum", calculation.pk, "is not there")
    ion = f"{site.element}{round(site.oxidation_state)}"
    return Row(
        calculation.pk,
        " ".join([ion, *sorted(set(site.ligand_elements))]),
        given,
        quick,
        hamiltonian_of(calculation.parameters, float(spectrum[0])),
    )


def hamiltonian_of(case: Mapping[str, Any], offset_ev: float) -> Hamiltonian:
    """A case of the engine, as calculations keep it, in the words of the model."""
    transfer, beside = case["charge_transfer"], case["final_field"]
    scalars = {name: float(transfer[name]) for name in ("delta", "u_dd", "u_pd")}
    scalars["offset"] = offset_ev
    for name in (*SCALARS, *CONSTANTS):
        if "." in name:
            state, key = name.split(".")
            scalars[name] = float(case[state][key])
    initial = {
        "v": transfer["v"],
        "crystal_field": case["crystal_field"]["matrix"],
        "ligand": transfer["ligand"],
    }
    matrices = {f"initial.{name}": np.array(one, float) for name, one in initial.items()}
    matrices |= {f"final.{name}": np.array(beside[name], float) for name in initial}
    return Hamiltonian(scalars, matrices)


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Attributes
    ----------
    rows : list of Row
    left_out : list of str
        Calculations that were not learnt from, and why.
    """

    model: HamiltonianModel
    held_out: HeldOut
    rows: list[Row]
    left_out: list[str]
    path: Path


def train_hamiltonian(to: Path | None = None, found: Iterable[Row | str] | None = None) -> Trained:
    """Train on all that route ``cluster`` has computed, and put the model into use.

    Parameters
    ----------
    to : Path, optional
        Another file than that of the model in use.
    found : iterable, optional
        Rows that were made before (:func:`rows`).

    Raises
    ------
    LearningError
        Too little to learn from.
    """
    everything = list(rows() if found is None else found)
    chosen = [one for one in everything if isinstance(one, Row)]
    if not chosen:
        raise LearningError("sites", 0, f"nothing computed by {CLUSTER} is here to learn from")
    about = {
        "route": CLUSTER,
        "sites": len(chosen),
        "families": sorted({row.family for row in chosen}),
        "trained": timezone.now().date().isoformat(),
    }
    made, held = train(
        [row.given for row in chosen],
        [row.truth for row in chosen],
        [row.family for row in chosen],
        about,
    )
    path = Path(settings.VAR_DIR) / FILE if to is None else to
    made.save(path)
    return Trained(
        HamiltonianModel.load(path),
        held,
        chosen,
        [one for one in everything if isinstance(one, str)],
        path,
    )


def figures(trained: Trained) -> dict[str, Any]:
    """How families that were left out are answered, and by route ``cheap``.

    ``parameters`` has of each its spread over the sites, both errors (root mean square, in units of
    the spread) and how often the truth lies within σ and 2σ; the spread of ``offset``, which is
    the element's, is 1 eV.
    """
    pairs = zip(trained.rows, trained.held_out.estimates, trained.held_out.leverage, strict=True)
    answered = [(row, found, float(far)) for row, found, far in pairs if found is not None]
    learnt = np.array([errors_of(found, row.truth) for row, found, _ in answered])
    quick = np.array([errors_of(quick_hamiltonian(row), row.truth) for row, _, _ in answered])
    sigma = np.array(
        [list(trained.model.sigma_of(found, far).values()) for _, found, far in answered]
    )
    out: dict[str, Any] = {}
    for k, name in enumerate(NAMES):
        spread = spread_of(name, [row.truth for row, _, _ in answered])
        ours, theirs = (float(np.sqrt(np.mean(e[:, k] ** 2))) / spread for e in (learnt, quick))
        within = np.abs(learnt[:, k]) / sigma[:, k]
        out[name] = {
            "spread_ev": spread,
            "error": ours,
            "error_of_cheap": theirs,
            "ratio": ours / theirs,
            "median_ev": float(np.median(np.abs(learnt[:, k]))),
            "within_68": float(np.mean(within <= 1.0)),
            "within_95": float(np.mean(within <= 2.0)),
        }
    mean = {key: float(np.mean([one[key] for one in out.values()])) for key in _AVERAGED}
    return {
        "sites": len(trained.rows),
        "families": len({row.family for row in trained.rows}),
        "answered": len(answered) / len(trained.rows),
        "ratio": mean["error"] / mean["error_of_cheap"],
        **mean,
        "parameters": out,
    }


_AVERAGED = ("error", "error_of_cheap", "within_68", "within_95")


def quick_hamiltonian(row: Row) -> Hamiltonian:
    """What route ``cheap`` says of a row, in the words of the model."""
    beside, transfer = row.quick.final_field, row.quick.charge_transfer
    assert beside is not None  # always another one in route cheap
    none = np.zeros((5, 5))
    parts = {
        "initial.v": none if transfer is None else transfer.v,
        "initial.crystal_field": row.quick.crystal_field,
        "initial.ligand": none if transfer is None else transfer.ligand,
        "final.v": none if beside.v is None else beside.v,
        "final.crystal_field": beside.crystal_field,
        "final.ligand": none if beside.ligand is None else beside.ligand,
    }
    return Hamiltonian(row.given.scalars, {name: np.asarray(one) for name, one in parts.items()})


def by_doubt(chosen: Iterable[SiteRow]) -> list[tuple[SiteRow, float | None]]:
    """Sites in the order in which computing them by ``cluster`` teaches most.

    First those that no model answers (None: their ion or ligand is not known), then by leverage.
    Sites that route ``cheap`` does not describe are left out.
    """
    by = model()
    out: list[tuple[SiteRow, float | None]] = []
    for row in chosen:
        if row.element not in ELEMENTS_3D:
            continue
        sites = sites_of(row.structure)
        site = next((one for one in sites if row.index in one.equivalent_indices), None)
        if site is None:
            continue
        try:
            given, _ = site_input(row.structure.to_pymatgen(), sites, site)
        except ComputeError:
            continue
        seen = given.ion in by.words.ions and set(given.ligands) <= set(by.words.ligands)
        out.append((row, by.leverage(given) if seen else None))
    place = {row.pk: leverage for row, leverage in out}
    rows_by_key = {row.pk: row for row, _ in out}
    return [(rows_by_key[pk], place[pk]) for pk in most_doubtful_first(place)]


def most_doubtful_first(leverage: Mapping[K, float | None]) -> list[K]:
    """Keys in order: first those without a leverage, then from the largest."""
    return sorted(leverage, key=lambda key: -(inf if (one := leverage[key]) is None else one))
