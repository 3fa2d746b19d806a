"""Predictions that a page asks for: of a stored structure, or of a file kept for a day."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from compute.errors import ReadError
from compute.structures.findings import Finding
from ml.errors import LearningError
from ml.kinds import KINDS
from spectradb.models import JobStatus, Prediction, Structure, TrainedModel, Upload
from spectradb.services.imports.same_crystal import known_structure
from spectradb.services.imports.structure_files import ReadStructure, decoded, parse_each
from spectradb.services.imports.structures import (
    analysed,
    describe,
    store_structure,
)
from spectradb.services.imports.uploads import keep
from spectradb.services.learning.predict import PredictedSite, Predictor, trust_in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MAX_ATOMS = 500
MAX_SITES = 100  # absorbers that a page waits for: a tenth of a second each in dense crystals


@dataclass(frozen=True)
class SiteTold:
    """A symmetry-distinct site of an uploaded structure, in plain values."""

    index: int
    element: str
    label: str
    multiplicity: int
    oxidation_state: float | None
    coordination_number: int
    geometry: str
    ligands: str
    key: str = ""  # of ``compute.sites.Site``
    confidence: float = 1.0  # of the valence
    source: str = ""  # of the valence
    bond_length_ang: float | None = None
    spin: str = ""


def keep_structure_file(
    name: str,
    data: bytes,
    user: User | AnonymousUser | None,
    *,
    space_group: str = "",
    predicted: bool = True,
) -> Upload:
    """Read a structure, find its sites and keep the file for a day.

    Of a file with several structures the first that can be read is taken. Where it need not be
    ``predicted``, one that no model can take is kept, and told so.

    Raises
    ------
    QuestionError
        If its symmetry can be read in more than one way; ``space_group`` is the answer.
    ReadError
        If it cannot be read, is partly occupied, doubted, or larger than 500 atoms.
    InputError
        If its sites cannot be made out.
    """
    limit = settings.STRUCTURE_MAX_MB
    if len(data) > limit * 1e6:
        raise ReadError([f"{name}: {len(data) / 1e6:.1f} MB; at most {limit} MB"])
    found = parse_each(decoded(data), PurePath(name).name, space_group=space_group)
    usable = [one for one in found if isinstance(one, ReadStructure)]
    if not usable:
        raise next(one for one in found if isinstance(one, ReadError))
    first = usable[0]
    structure = first.structure
    if len(structure) > MAX_ATOMS:
        raise ReadError([f"{name}: {len(structure)} atoms in the cell; at most {MAX_ATOMS}"])
    if predicted and first.unpredicted:
        raise ReadError([f"{name}: not predicted: {first.unpredicted}"])
    sites, findings = analysed(structure, first.findings)
    described = describe(structure)
    known = known_structure(structure)
    seen: dict[str, int] = {}
    rows = []
    for site in sites:
        seen[site.element] = seen.get(site.element, 0) + 1
        rows.append(
            SiteTold(
                site.index,
                site.element,
                f"{site.element}{seen[site.element]}",
                site.multiplicity,
                None if not np.isfinite(site.oxidation_state) else float(site.oxidation_state),
                site.coordination_number,
                site.geometry,
                "-".join(sorted(set(site.ligand_elements))),
                str(site.key),
                float(site.oxidation_confidence),
                site.oxidation_source,
                float(site.mean_bond_length_ang)
                if np.isfinite(site.mean_bond_length_ang)
                else None,
                site.spin_state,
            )
        )
    told: dict[str, Any] = {
        "structure": described.pop("data"),
        **{key: described[key] for key in ("formula", "space_group_symbol", "space_group_number")},
        "n_atoms": len(structure),
        "n_structures": len(found),
        "source_id": first.source_id,
        "findings": [one.as_json() for one in findings],
        "sites": [asdict(row) for row in rows],
        "known": None if known is None else known.pk,
        "refusal": first.refusal,
        "unpredicted": first.unpredicted,
    }
    return keep(name, data, told, user)


def models_for(elements: set[str]) -> dict[tuple[str, str], list[TrainedModel]]:
    """Trained models for these absorbers, by absorber and edge; the one used first leads.

    The chosen default leads, then the model that explained most of the spectra it had not seen;
    those adapted to a few measured compounds come last.
    """
    rows = (
        TrainedModel.objects.filter(job_status=JobStatus.DONE, absorber__in=elements)
        .exclude(edge="")
        .defer("curves", "held_out", "request")
        .order_by("-finished")
    )
    found: dict[tuple[str, str], list[TrainedModel]] = {}
    for row in sorted(rows, key=_precedence, reverse=True):
        found.setdefault((row.absorber, row.edge), []).append(row)
    return found


def _precedence(row: TrainedModel) -> tuple[bool, bool, float]:
    """With r2_vs_mean in cross-validation, which compares models whatever their scale and grid."""
    explained = row.metrics.get("cross_validation", {}).get("r2_vs_mean", float("-inf"))
    return row.is_default, row.kind in KINDS, float(explained)


def predict_upload(upload: Upload, model: str) -> list[Prediction]:
    """Predict every absorbing site of an uploaded structure with one model and keep it.

    Raises
    ------
    LearningError
        If the structure holds no absorber of the model, or the model cannot take it.
    """
    predictor = _predictor(model)
    told = upload.told
    if why := told.get("unpredicted"):
        raise LearningError("structure", told["formula"], f"not predicted: {why}")
    sites = {
        site["index"]: site["oxidation_state"]
        for site in told["sites"]
        if site["element"] == predictor.row.absorber
    }
    if not sites:
        raise LearningError(
            "structure", told["formula"], f"holds no {predictor.row.absorber}, which {model} is for"
        )
    _few(len(sites), told["formula"])
    answers = predictor.of_sites(
        told["structure"], sites, upload.name, told["source_id"], told["formula"]
    )
    with transaction.atomic():
        return [_store(predictor, one, upload=upload) for one in answers]


def _few(sites: int, formula: str) -> None:
    if sites > MAX_SITES:
        why = f"of {formula}: a page predicts {MAX_SITES} at most, predict_spectra any number"
        raise LearningError("sites", sites, why)


def predict_structure(structure: Structure, model: str) -> list[Prediction]:
    """The same of a stored structure; the predictions stay.

    Raises
    ------
    LearningError
        As :func:`predict_upload`.
    """
    predictor = _predictor(model)
    _few(structure.sites.filter(element=predictor.row.absorber).count(), structure.formula)
    answers = list(predictor.of_rows(Structure.objects.filter(pk=structure.pk)))
    failed = [one.error for one in answers if one.error]
    if failed or not answers:
        why = failed[0] if failed else f"holds no {predictor.row.absorber}, which {model} is for"
        raise LearningError("structure", structure.formula, why)
    return list(predictions_of(structure).filter(model=predictor.row))


def predict_with(
    subject: Structure | Upload, model: str | None = None
) -> tuple[list[Prediction], list[str]]:
    """Predict with one model, or with the leading one of each absorber and edge.

    Returns
    -------
    tuple
        Predictions, and in words what could not be predicted.
    """
    if isinstance(subject, Upload):
        elements = {site["element"] for site in subject.told["sites"]}
        formula = subject.told["formula"]
    else:
        elements = set(subject.sites.values_list("element", flat=True))
        formula = subject.formula
    names = [model] if model else [models[0].name for models in models_for(elements).values()]
    found, errors = [], []
    for name in names:
        try:
            if isinstance(subject, Upload):
                found += predict_upload(subject, name)
            else:
                found += predict_structure(subject, name)
        except LearningError as error:
            errors.append(str(error))
    if not names:
        errors.append(f"no trained model covers an element of {formula}")
    return found, errors


def predictions_of(subject: Structure | Upload) -> QuerySet[Prediction]:
    """What has been predicted of it."""
    where = {"structure" if isinstance(subject, Structure) else "upload": subject}
    return Prediction.objects.filter(**where).select_related("model", "site").order_by("site_index")


def save_upload(upload: Upload) -> Structure:
    """Store the structure of an upload for good; its predictions go with it.

    Raises
    ------
    InputError, StructureConflict
        If it cannot be stored.
    """
    from pymatgen.core import Structure as PymatgenStructure

    crystal = PymatgenStructure.from_dict(upload.told["structure"])
    with transaction.atomic():
        row, _ = store_structure(
            crystal,
            source="file",
            source_id=upload.told["source_id"],
            findings=[Finding.from_json(one) for one in upload.told.get("findings", [])],
        )
    for model in sorted({one.model.name for one in predictions_of(upload)}):
        predict_structure(row, model)
    return row


def _predictor(name: str) -> Predictor:
    row = TrainedModel.objects.filter(name=name, job_status=JobStatus.DONE).first()
    return _loaded(name, row.weights_hash if row else "")


@lru_cache(maxsize=2)
def _loaded(name: str, weights_hash: str) -> Predictor:
    """A model stays in memory until another one is asked for or it is trained anew."""
    return Predictor(name)


def _store(predictor: Predictor, one: PredictedSite, *, upload: Upload) -> Prediction:
    assert one.site_index is not None  # these are of sites, not failures
    assert one.trust is not None
    row, _ = Prediction.objects.update_or_create(
        model=predictor.row,
        upload=upload,
        site_index=one.site_index,
        defaults={
            "absorber": predictor.row.absorber,
            "edge": predictor.row.edge,
            "trust": one.trust,
            "trust_reason": trust_in_words(one)[:200],
            "neighbours": [list(key) for key in one.neighbours],
            "energy": one.energy_ev,
            "intensity": one.intensity,
            "sigma": one.sigma,
        },
    )
    return row
