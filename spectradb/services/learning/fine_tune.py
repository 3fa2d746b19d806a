"""Adapt a model trained on computed spectra to measured ones of known compounds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from ml.checkpoints import weights_hash
from ml.data import Dataset
from ml.errors import LearningError
from ml.kinds.adapted import Adaptation, Adapted, Curve
from ml.kinds.base import Model
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import JobStatus, Spectrum, Status, Structure, TrainedModel
from spectradb.services.learning.stored import (
    check_name,
    copy_rows,
    new_folder,
    put_in_place,
    stored_model,
)
from spectradb.services.learning.training_data import crystal_of
from spectradb.services.spectra.normalise import normalise

Float = NDArray[np.float64]
_WHOLE = -1  # in the place of a site: all of a compound
FEWEST = 3  # compounds: two to learn from when one is left out


@dataclass(frozen=True)
class Measured:
    """Measured spectra of known compounds and what the frozen model says of them.

    Attributes
    ----------
    titles : list of str
    curves : list of Curve
        Normalised.
    compound : (n,)
        The structure of each, by its key.
    frozen : (n, g)
        Mean over the absorbing sites, each by its multiplicity.
    """

    titles: list[str]
    curves: list[Curve]
    compound: NDArray[np.int64]
    frozen: Float


def fine_tune(base_name: str, name: str, query: Mapping[str, list[str]]) -> TrainedModel:
    """Learn an adaptation from the measured spectra that a search selects, and keep the model.

    Only published spectra with a structure count, others where the search names their ``status``,
    and of those no reference channels. What is under embargo is never learnt from. The metrics
    hold a leave-one-out over compounds: the adapted model, the model as it was, the same merely
    shifted, and the mean of the other compounds.

    Raises
    ------
    LearningError
        If the base model or enough measured compounds are not there.
    """
    begun = timezone.now()
    check_name(name)
    if name == base_name:
        raise LearningError("name", name, "is the base model's; choose another")
    row, base = stored_model(base_name)
    if isinstance(base, Adapted):
        raise LearningError("base", base_name, "is adapted already; name the model it came from")
    spectra = apply_where(Spectrum, query, EVERYTHING).filter(
        kind="experiment", absorber=row.absorber, edge=row.edge, structure__isnull=False
    )
    spectra = spectra.filter(Q(embargo_until=None) | Q(embargo_until__lte=timezone.localdate()))
    known = spectra.exclude(measurement__is_reference=True)
    usable = known if "status" in query else known.filter(status=Status.PUBLISHED)
    measured = _measured(usable, known.count(), row, base)
    held_out, error = leave_one_out(base.energy_ev, measured)
    adaptation = Adaptation.learn(
        base.energy_ev, measured.frozen, measured.curves, measured.compound
    )
    folder = new_folder(name)
    model = Adapted(base, adaptation, error)
    model.save(folder)
    compounds = Structure.objects.filter(pk__in=np.unique(measured.compound).tolist())
    copy_rows(
        base_name,
        folder,
        [(name, pk, _WHOLE) for pk, name in compounds.values_list("pk", "source_id")],
    )
    now = timezone.now()
    digest = hashlib.sha256(row.data_hash.encode())
    for curve in measured.curves:
        digest.update(curve.intensity.tobytes())
    with transaction.atomic():
        made, _ = TrainedModel.objects.update_or_create(
            name=name,
            defaults={
                "kind": model.kind,
                "absorber": row.absorber,
                "edge": row.edge,
                "filters": dict(query),
                "data_hash": digest.hexdigest(),
                "hyperparameters": {
                    "base": base_name,
                    "shift_ev": round(adaptation.shift_ev, 2),
                    "sigma_ev": round(adaptation.sigma_ev, 2),
                    "scale": round(adaptation.scale, 4),
                },
                "metrics": {"n_train": len(measured.curves), "leave_one_out": held_out},
                "curves": {},
                "held_out": {},
                "request": {},
                "progress": {},
                "weights_file": name,
                "weights_hash": weights_hash(folder),
                "code_version": model.code_version(),
                "job_status": JobStatus.DONE,
                "started": begun,
                "finished": now,
                "seconds": (now - begun).total_seconds(),
                "error": "",
            },
        )
        put_in_place(folder, name)
    return made


def leave_one_out(energy_ev: Float, measured: Measured) -> tuple[dict[str, Any], Float]:
    """Mean squared errors of each compound, predicted from the others; and the RMS error (g,).

    All are taken on the energies that both the model as it was and the adapted one cover.
    """
    compounds = np.unique(measured.compound)
    if len(compounds) < FEWEST:
        raise LearningError("compounds", len(compounds), f"at least {FEWEST} are needed")
    rows, square = [], np.zeros(energy_ev.size)
    for one in compounds:
        out = np.flatnonzero(measured.compound == one)
        rest = np.flatnonzero(measured.compound != one)
        frozen, curves = measured.frozen[rest], [measured.curves[i] for i in rest]
        learnt = Adaptation.learn(energy_ev, frozen, curves, measured.compound[rest])
        shifted = energy_ev + learnt.shift_ev
        inside = (shifted >= energy_ev[0]) & (shifted <= energy_ev[-1])
        others = [
            np.mean([measured.curves[i].at(shifted) for i in rest if measured.compound[i] == k], 0)
            for k in np.unique(measured.compound[rest])
        ]
        guesses = {
            "adapted": learnt.apply(energy_ev, measured.frozen[out]),
            "unadapted": np.array([np.interp(shifted, energy_ev, f) for f in measured.frozen[out]]),
            "shifted": measured.frozen[out],
            "mean": np.mean(others, axis=0)[None],
        }
        truth = np.array([measured.curves[i].at(shifted) for i in out])
        square += ((guesses["adapted"] - truth) ** 2).mean(axis=0) / len(compounds)
        mse = {
            key: float(((guess - truth)[:, inside] ** 2).mean()) for key, guess in guesses.items()
        }
        told = {"compound": measured.titles[out[0]], "spectra": len(out)}
        rows.append(told | mse | {"shift_ev": round(learnt.shift_ev, 2)})
    names = ("adapted", "unadapted", "shifted", "mean")
    mean = {name: float(np.mean([row[name] for row in rows])) for name in names}
    return {"mse": mean, "compounds": rows}, np.sqrt(square)


def _measured(spectra: QuerySet[Spectrum], known: int, row: TrainedModel, base: Model) -> Measured:
    """The spectra, of ``known`` of whatever status."""
    titles, curves, compound, frozen = [], [], [], []
    said: dict[int, Float] = {}
    for one in spectra.select_related("structure", "measurement").order_by("pk"):
        assert one.structure is not None
        if one.structure.pk not in said:
            said[one.structure.pk] = _of_compound(one.structure, row.absorber, base)
        told = normalise(one)
        curves.append(Curve(np.asarray(told.energy), np.asarray(told.intensity)))
        titles.append(one.structure.formula)
        compound.append(one.structure.pk)
        frozen.append(said[one.structure.pk])
    if not curves:
        why = "none is published, measured, of this edge and with a structure"
        more = f"; {known} are not published (name their status to take them)" if known else ""
        raise LearningError("spectra", 0, why + more)
    return Measured(titles, curves, np.array(compound), np.array(frozen))


def _of_compound(structure: Structure, absorber: str, base: Model) -> Float:
    """(g,) what the model says of a powder: all absorbing atoms together."""
    sites = list(structure.sites.filter(element=absorber).order_by("index"))
    if not sites:
        raise LearningError("structure", structure.formula, f"holds no {absorber}")
    index = np.array([site.index for site in sites], dtype=np.int64)
    valence = [site.oxidation_state for site in sites]
    data = Dataset(
        base.energy_ev,
        [crystal_of(structure.data, structure.source_id)],
        np.zeros(len(sites), np.int64),
        index,
        np.zeros((len(sites), base.energy_ev.size), np.float32),
        valence=None if None in valence else np.array(valence, dtype=np.float64),
    )
    weight = np.array([site.multiplicity for site in sites], dtype=np.float64)
    return np.asarray(weight @ base.predict(data).mean / weight.sum())
