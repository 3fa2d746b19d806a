"""Trained models: what they learnt from, how well they do, what they find surprising."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from compute.edges import normalise_edge, normalise_element
from ml.errors import LearningError
from ml.kinds import KINDS
from spectradb.filters import SearchError
from spectradb.models import JobStatus, Prediction, Quantity, Structure, TrainedModel
from spectradb.models.visibility import CURATE
from spectradb.plots import Band, Curve, Figure, nice_range
from spectradb.services.accounts.roles import may_curate
from spectradb.templatetags.science import significant
from spectradb.views.search.results import LABELS, value_text
from spectradb.views.spectra.figures import Plot
from spectradb.words import in_words

MOST_TRIALS = 200
MOST_MEMBERS = 20
_METRICS = (
    "mse",
    "r2_vs_mean",
    "relative_error_median",
    "relative_error_p90",
    "captured",
    "pearson_098",
)
_TOLD_ELSEWHERE = {"tuned", "quantity", "target_scale"}
_SHARES = {"relative_error_median", "relative_error_p90", "captured", "pearson_098"}


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Every model and training; what runs shows how far it is."""
    rows = list(TrainedModel.objects.defer("held_out", "request").order_by("-created")[:200])
    running = [r for r in rows if r.job_status in (JobStatus.QUEUED, JobStatus.RUNNING)]
    context = {
        "running": [
            {
                "row": r,
                "progress": _progress(r),
                "percent": round(100 * _progress(r).get("done", 0.0)),
            }
            for r in running
        ],
        "models": [r for r in rows if r.job_status == JobStatus.DONE],
        "failed": [r for r in rows if r.job_status in (JobStatus.FAILED, JobStatus.CANCELLED)],
        "may_train": may_curate(request.user),
        "kinds": KINDS,
    }
    return render(request, "learning/models.html", context)


@require_safe
def model(request: HttpRequest, name: str) -> HttpResponse:
    """One model's card."""
    row = get_object_or_404(TrainedModel, name=name)
    held_out = row.held_out or {}
    example = request.GET.get("example", "median")
    examples = held_out.get("examples", {})
    if example not in examples:
        example = "median" if "median" in examples else ""
    surprises = _with_structures(held_out.get("surprises", []))
    context = {
        "row": row,
        "percent": round(100 * _progress(row).get("done", 0.0)),
        "progress": _progress(row),
        "open": row.job_status in (JobStatus.QUEUED, JobStatus.RUNNING),
        "metrics": _metric_rows(row),
        "parts": [(part, row.metrics[part]) for part in ("val", "test") if part in row.metrics],
        "loss": loss_plots(row),
        "parity": parity_plots(held_out),
        "example": example,
        "examples": [
            (key, words, examples[key])
            for key, words in (
                ("best", gettext("Best")),
                ("median", gettext("Median")),
                ("worst", gettext("Worst")),
            )
            if key in examples
        ],
        "shown": examples.get(example),
        "shown_structure": _with_structures([examples[example]])[0] if example else None,
        "plot": example_plot(row, examples[example]) if example else None,
        "trust": _trust_rows(held_out),
        "left_out": _left_out(row),
        "groups": _groups(row),
        "quantity": _quantity(row),
        "searched": [
            (LABELS.get(key, key), ", ".join(value_text(key, str(one)) for one in values))
            for key, values in row.filters.items()
        ],
        "surprises": surprises,
        "importance": _importance(row),
        "trials": trial_plot(row),
        "n_predictions": Prediction.objects.filter(model=row, upload=None).count(),
        "options": _options(row),
        "may_curate": may_curate(request.user),
    }
    return render(request, "learning/model.html", context)


@permission_required(CURATE, raise_exception=True)
@require_POST
def train(request: HttpRequest) -> HttpResponse:
    """Queue a training."""
    # Torch is imported with it, which no other page needs.
    from ml.kinds.base import FitOptions
    from spectradb.services.learning.train import TrainingRequest, queue_training

    element = normalise_element(request.POST.get("element", "").strip())
    edge = normalise_edge(request.POST.get("edge", "").strip())
    if element is None or edge is None:
        messages.error(request, gettext("Write an element such as Cu and an edge such as K."))
        return redirect("models")
    numbers: dict[str, int] = {}
    for name, low, high, default in (
        ("trials", 0, MOST_TRIALS, 0),
        ("members", 1, MOST_MEMBERS, 5),
        ("seed", 0, 10**6, 0),
    ):
        text = request.POST.get(name, "").strip() or str(default)
        if not text.isdecimal() or not low <= int(text) <= high:
            words = gettext("%(name)s: a whole number from %(low)d to %(high)d is needed.")
            messages.error(request, words % {"name": name, "low": low, "high": high})
            return redirect("models")
        numbers[name] = int(text)
    asked = TrainingRequest(
        kind=request.POST.get("kind", ""),
        name=request.POST.get("name", "").strip(),
        query={"absorber": [element], "edge": [edge], "kind": ["theory"]},
        options=FitOptions(seed=numbers["seed"], n_members=numbers["members"]),
        n_trials=numbers["trials"],
    )
    try:
        row = queue_training(asked, requested_by=request.user)  # type: ignore[arg-type]
    except (LearningError, SearchError) as error:
        messages.error(request, in_words(error))
        return redirect("models")
    messages.success(request, gettext("Queued. Its progress shows here."))
    return redirect("model", row.name)


def loss_plots(row: TrainedModel) -> list[Plot]:
    """Error of each member against the epoch, trained rows and those held out, by kind."""
    plots = []
    for kind, members in (row.curves or {}).items():
        curves, values = [], []
        for k, member in enumerate(members):
            for key, colour, words in (
                ("train", "s1", gettext("Trained rows")),
                ("held_out", "s2", gettext("Rows held out")),
            ):
                y = np.asarray(member.get(key) or [], dtype=float)
                if y.size < 2 or not (y > 0).all():
                    continue
                values.append(np.log10(y))
                epoch = np.arange(1, y.size + 1, dtype=float)
                curves.append(
                    Curve(f"{words} {k + 1}", epoch, values[-1], "line", colour, key=words)
                )
        if not curves:
            continue
        longest = max(np.size(curve.x) for curve in curves)
        low, high = min(v.min() for v in values), max(np.quantile(v, 0.98) for v in values)
        figure = Figure(
            gettext("Epoch"),
            gettext("log_{10} mean squared error"),
            (1.0, float(longest)),
            nice_range(float(low), float(high), floor=None),
            curves,
        )
        words = gettext("Loss of %s") % kind
        plots.append(Plot(f"loss-{kind}", figure, words, "short"))
    return plots


def parity_plots(held_out: dict[str, Any]) -> list[Plot]:
    """True against predicted: energy and height of the main peak."""
    peaks = held_out.get("peaks") or {}
    plots = []
    for name, x_label, y_label in (
        ("energy", gettext("True main peak (eV)"), gettext("Predicted (eV)")),
        ("height", gettext("True height"), gettext("Predicted height")),
    ):
        truth = np.asarray(peaks.get(f"{name}_true") or [], dtype=float)
        found = np.asarray(peaks.get(f"{name}_predicted") or [], dtype=float)
        if truth.size < 3:
            continue
        order = np.argsort(truth, kind="stable")
        # A few outliers must not press the rest into a corner; zooming out shows them.
        low, high = (float(x) for x in np.quantile(np.concatenate([truth, found]), [0.01, 0.99]))
        margin = 0.1 * ((high - low) or 1.0)
        both = (low - margin, high + margin)
        line = Curve(
            gettext("exact"),
            np.array(both),
            np.array(both),
            "reference",
            "ink",
            key=gettext("exact"),
        )
        words = gettext("Held-out spectra")
        cloud = Curve(words, truth[order], found[order], "points", "s1", key=words)
        plots.append(
            Plot(
                f"parity-{name}",
                Figure(x_label, y_label, both, both, [line, cloud]),
                y_label,
                "short",
            )
        )
    return plots


def example_plot(row: TrainedModel, example: dict[str, Any]) -> Plot:
    """One held-out spectrum under its prediction."""
    x, y, sigma = (np.asarray(example[key], float) for key in ("energy", "mean", "sigma"))
    truth = np.asarray(example["truth"], float)
    computed, words = gettext("Computed"), gettext("Predicted")
    figure = Figure(
        gettext("Photon energy (eV)"),
        gettext("Normalised μ") if row.edge == "K" else gettext("Intensity"),
        (float(x[0]), float(x[-1])),
        nice_range(
            float(min(truth.min(), y.min())), float(max(truth.max(), (y + 2 * sigma).max()))
        ),
        [
            Curve(computed, x, truth, "reference", "ink", key=computed),
            Curve(words, x, y, "theory", "s1", key=words),
        ],
        [
            Band(x, y - 2 * sigma, y + 2 * sigma, 2, "s1", "±2σ"),
            Band(x, y - sigma, y + sigma, 1, "s1", "±1σ"),
        ],
    )
    return Plot("plot", figure, gettext("A held-out spectrum under its prediction"))


def trial_plot(row: TrainedModel) -> Plot | None:
    """Error of each trial of the search for hyperparameters."""
    tuned = (row.hyperparameters or {}).get("tuned") or {}
    done = [(one.get("number"), one.get("value")) for one in tuned.get("trials") or []]
    kept = [(float(n), float(v)) for n, v in done if n is not None and v]
    if len(kept) < 3:
        return None
    x, y = np.array(kept).T
    best = np.minimum.accumulate(y)
    words, least = gettext("Trial"), gettext("Best so far")
    high = float(np.quantile(y, 0.9))
    figure = Figure(
        gettext("Trial"),
        gettext("Held-out mean squared error"),
        (float(x[0]) - 0.5, float(x[-1]) + 0.5),
        nice_range(float(y.min()), high, floor=None),
        [
            Curve(least, x, best, "line", "s2", key=least),
            Curve(words, x, y, "points", "s1", key=words),
        ],
    )
    return Plot("trials", figure, gettext("Search for hyperparameters"), "short")


def _progress(row: TrainedModel) -> dict[str, Any]:
    """While it runs: the part it is at, the share that is done, words beside it."""
    told: dict[str, Any] = row.progress or {}
    return told


def _metric_rows(row: TrainedModel) -> list[dict[str, Any]]:
    """Each metric of each part with its interval, in the unit it is told in."""
    names = {
        "mse": gettext("Mean squared error"),
        "r2_vs_mean": gettext("R² against the mean spectrum"),
        "relative_error_median": gettext("Median relative error"),
        "relative_error_p90": gettext("90th percentile of the relative error"),
        "captured": gettext("Captured: main peak within 1 eV and 10 %, Pearson at least 0.95"),
        "pearson_098": gettext("Pearson at least 0.98"),
    }
    parts = [part for part in ("val", "test") if part in row.metrics]
    rows = []
    for name in _METRICS:
        cells = [row.metrics[part].get(name) for part in parts]
        if any(cells):
            rows.append(
                {"name": names[name], "cells": cells, "share": name in _SHARES, "key": name}
            )
    return rows


def _trust_rows(held_out: dict[str, Any]) -> list[dict[str, Any]]:
    top = max((one["median"] for one in held_out.get("trust", [])), default=0.0) or 1.0
    return [
        {**one, "high": one["low"] + 0.2, "width": round(100 * one["median"] / top)}
        for one in held_out.get("trust", [])
    ]


def _with_structures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Held-out rows with the structure each is about, if it is still there; one query."""
    found = Structure.objects.defer("data").in_bulk([one["structure"] for one in rows])
    return [{**one, "row": found.get(one["structure"])} for one in rows]


def _groups(row: TrainedModel) -> list[dict[str, Any]]:
    """Figures of parts of the chemistry that were held out: of val, else of test."""
    words = {
        "hydrogen": gettext("with hydrogen"),
        "nitrogen": gettext("with nitrogen"),
        "fluorine": gettext("with fluorine"),
        "halides": gettext("with halogens"),
        "low oxygen": gettext("with little oxygen"),
        "no oxygen": gettext("without oxygen"),
        "single site": gettext("with a single site"),
        "new system": gettext("of a new chemical system"),
    }
    part = next((part for part in ("val", "test") if part in row.metrics), "")
    found = row.metrics.get(part, {}).get("groups", {})
    return [{"words": words[name], **one} for name, one in found.items() if name in words]


def _left_out(row: TrainedModel) -> list[dict[str, Any]]:
    """Why spectra of the search were not learnt from: words, their number, the first of them."""
    words = {
        "status": gettext("not published"),
        "embargo": gettext("under embargo"),
        "unstated": gettext("whose quantity is not stated"),
        "quantity": gettext("of another quantity"),
        "route": gettext("by another route of computation"),
        "structure": gettext("without a structure and site"),
        "repeated": gettext("records of a calculation that is there already"),
        "grid": gettext("not on the energy grid"),
        "scale": gettext("without a target scale"),
        "split": gettext("in no part of the split"),
        "disordered": gettext("whose structure no model takes"),
        "normalisation": gettext("that cannot be normalised"),
    }
    return [
        {
            "words": words[one["reason"]],
            "n": one["n"],
            "spectra": one["spectra"],
            "more": one["n"] - len(one["spectra"]),
        }
        for one in row.metrics.get("left_out_because", [])
    ]


def _quantity(row: TrainedModel) -> str:
    """What the intensities are that it learnt from."""
    told = str((row.hyperparameters or {}).get("quantity", ""))
    names: dict[str, str] = {
        Quantity.MU: gettext("μ, as measured"),
        Quantity.NORMALISED: gettext("Normalised μ"),
        Quantity.COUNTS: gettext("Counts"),
        Quantity.RADIAL: gettext("Intensity (radial integral = 1)"),
        Quantity.ARBITRARY: gettext("Intensity (arbitrary units)"),
    }
    return ", ".join(names.get(one, one) for one in told.split(",") if one)


def _importance(row: TrainedModel) -> list[dict[str, Any]]:
    told = ((row.hyperparameters or {}).get("tuned") or {}).get("importance") or {}
    ranked = sorted(told.items(), key=lambda pair: -pair[1])
    top = max((share for _, share in ranked), default=0.0) or 1.0
    return [
        {"name": name, "percent": round(100 * share), "width": round(100 * share / top)}
        for name, share in ranked
    ]


def _option(name: str, value: Any) -> str:
    """A hyperparameter in six figures; of the energies where they begin, end and how they go."""
    if name == "grid" and isinstance(value, list) and len(value) == 3:
        ends = dict(zip(("first", "last", "step"), map(significant, value, [6] * 3), strict=True))
        return gettext("%(first)s … %(last)s in steps of %(step)s") % ends
    if isinstance(value, list):
        return ", ".join(_option("", one) for one in value)
    return significant(value, 6) if isinstance(value, float) else str(value)


def _options(row: TrainedModel) -> list[tuple[str, str]]:
    """Hyperparameters as pairs; what is told elsewhere on the page is left out."""
    words = {
        "seed": gettext("Seed"),
        "device": gettext("Device"),
        "epochs": gettext("Epochs"),
        "n_members": gettext("Members of the ensemble"),
        "n_landmarks": gettext("Landmarks"),
        "learning_rate": gettext("Learning rate"),
        "batch_size": gettext("Batch size"),
        "grid": gettext("Energies (eV)"),
    }
    return [
        (words.get(name, name.replace("_", " ").capitalize()), _option(name, value))
        for name, value in (row.hyperparameters or {}).items()
        if name not in _TOLD_ELSEWHERE and value not in (None, "")
    ]
