"""The structure page: cell in 3D, sites, spectra by site."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from compute.errors import InputError
from compute.feff.run import available
from compute.l23.prepared import no_ion
from compute.structures.findings import doubts
from spectradb.formulae import edge_text
from spectradb.models import Calculation, JobStatus, Kind, Site, Spectrum, Status, Structure
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.calculations import routes
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.curation.structures import overrule, restore_doubts
from spectradb.services.curation.workflow import CurationError
from spectradb.services.queue import jobs
from spectradb.services.spectra.compare import scaled
from spectradb.services.structures.sites import total_charge
from spectradb.views.spectra.figures import (
    Plot,
    arrays,
    edge_markers,
    energy_label,
    intensity_label,
    reaching_edge,
    role_of,
    shown_range,
    style,
    table_edge,
)
from spectradb.views.structures.cell import legend, viewer_data, viewer_picture
from spectradb.words import in_words

_MAX_LINES = 12
_OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
_TOLD = (*_OPEN, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass
class SiteRow:
    """One row of the sites table."""

    site: Site
    label: str
    edges: list[dict[str, Any]] = field(default_factory=list)
    sparkline: str = ""
    spark_kind: str = ""
    can_compute: bool = False
    undescribed: str = ""  # why no multiplet describes its L2,3 edge
    by_feff: list[str] = field(default_factory=list)
    by_model: bool = False
    """Whether route ``learned`` is offered."""
    """Edges of which FEFF could compute a spectrum that there is none of yet."""
    job: Calculation | None = None
    review: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its calculation is under way."""
        return self.job is not None and self.job.job_status in _OPEN


@require_safe
def structure(request: HttpRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(Structure, pk=pk)
    sites = list(shown.sites.order_by("index"))
    rows_query = (
        Spectrum.objects.visible_to(request.user)
        .filter(structure=shown)
        .without_arrays()
        .select_related("site", "calculation", "measurement")
        .defer("calculation__results", "calculation__sticks")
        .order_by("absorber", "edge", "site_id", "pk")
    )
    spectra = list(rows_query[:500])
    edges = _edges(spectra)
    chosen = request.GET.get("edge", "")
    if chosen not in [key for key, _, _ in edges]:
        chosen = edges[0][0] if edges else ""
    mean = request.GET.get("mean") == "1"
    plot = _plot(rows_query, spectra, chosen, sites, mean=mean)
    return render(
        request,
        "structures/structure.html",
        {
            "structure": shown,
            "rows": _site_rows(sites, spectra, shown, request),
            "edges": edges,
            "chosen": chosen,
            "mean": mean,
            "plot": plot,
            "n_spectra": len(spectra),
            "others": [s for s in spectra if s.site_id is None][:20],
            "viewer": viewer_data(shown, sites),
            "told": shown.told,
            "refusal": shown.refusal,
            "doubted": bool(doubts(shown.told)),
            "may_curate": may_curate(request.user),
            "occupied": _occupancies(shown),
            "may_compute": may_contribute(request.user),
            "can_compute": any(site.element in routes.absorbers("cheap") for site in sites),
            "elements": legend(shown),
            "n_atoms": shown.n_sites,
            "charge": _charge(sites),
            "cells": _other_cells(shown),
            "cell": viewer_picture(shown),
        },
    )


def _other_cells(shown: Structure) -> list[Structure]:
    """Further structures of the same material, the primary one first."""
    if shown.source == "file" or not shown.source_id:
        return []
    rows = Structure.objects.filter(source=shown.source, source_id=shown.source_id)
    return list(rows.exclude(pk=shown.pk).defer("data").order_by("-is_primary", "pk")[:20])


def _charge(sites: list[Site]) -> str:
    """What the valences add up to where that is not zero."""
    total = total_charge(sites)
    return f"{total:+.4g}" if total is not None and abs(total) >= 1e-3 else ""


@require_POST
def judge(request: HttpRequest, pk: int) -> HttpResponse:
    """A curator overrules the doubts of a structure, or takes that back."""
    shown = get_object_or_404(Structure, pk=pk)
    step = restore_doubts if request.POST.get("action") == "restore" else overrule
    try:
        step(shown, request.user, request.POST.get("reason", ""))
    except CurationError as error:
        messages.error(request, in_words(error))
    return redirect("structure", pk)


def _occupancies(shown: Structure) -> list[tuple[str, str]]:
    """What each partly occupied place holds, and how many such places there are."""
    places: dict[str, int] = defaultdict(int)
    for entry in shown.data["sites"]:
        species = entry["species"]
        if len(species) > 1 or species[0]["occu"] < 1 - 1e-6:
            told = " + ".join(f"{one['element']} {one['occu']:.3g}" for one in species)
            places[told] += 1
    return [(told, f"{n}") for told, n in places.items()]


def labels_of(sites: list[Site]) -> dict[int, str]:
    """Cu1, Cu2, O1 …: numbered within each element, in the order of the sites."""
    seen: dict[str, int] = defaultdict(int)
    labels = {}
    for site in sites:
        seen[site.element] += 1
        labels[site.pk] = f"{site.element}{seen[site.element]}"
    return labels


def _edges(spectra: list[Spectrum]) -> list[tuple[str, str, int]]:
    """Absorber-edge pairs of the spectra: key, words, how many; most first."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for spectrum in spectra:
        if spectrum.absorber:
            counts[spectrum.absorber, spectrum.edge] += 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(f"{a}-{e}", f"{a} {edge_text(e)}", n) for (a, e), n in ranked]


def _plot(
    query: QuerySet[Spectrum],
    spectra: list[Spectrum],
    chosen: str,
    sites: list[Site],
    *,
    mean: bool,
) -> Plot | None:
    """The spectra of one edge, a line for each site, or their mean weighted by multiplicity."""
    if not chosen:
        return None
    absorber, edge = chosen.split("-", 1)
    wanted = [s.pk for s in spectra if (s.absorber, s.edge) == (absorber, edge)][:_MAX_LINES]
    full = list(query.filter(pk__in=wanted).defer(None).defer("calculation__results"))
    labels = labels_of(sites)
    curves = []
    sites_of = Counter(spectrum.site_id for spectrum in full)
    for k, spectrum in enumerate(full):
        energy, intensity = arrays(spectrum)
        if spectrum.kind == Kind.EXPERIMENT:
            intensity = scaled(
                energy, intensity, "step" if edge == "K" else "peak", table_edge(spectrum)
            )
        colour, dash = style(k)
        label = labels.get(spectrum.site_id or 0, "")
        site = spectrum.site
        around = f", {site.coordination_number} {site.ligands}" if site and site.ligands else ""
        words = label + around if label else gettext("SDB-%d") % spectrum.pk
        if label and sites_of[spectrum.site_id] > 1:  # of several ways to compute it
            words += f", SDB-{spectrum.pk}"
        curves.append(
            (
                Curve(
                    words, energy, intensity, role_of(spectrum), colour, dash, key=words,  # type: ignore[arg-type]
                ),
                (site.multiplicity * site.occupancy if site else 1.0),
            )
        )  # fmt: skip
    theory = [(c, m) for c, m in curves if c.role == "theory"]
    if mean and len(theory) > 1:
        lo = max(float(np.asarray(c.x)[0]) for c, _ in theory)
        hi = min(float(np.asarray(c.x)[-1]) for c, _ in theory)
        grid = np.linspace(lo, hi, 1000)
        total = sum(m for _, m in theory)
        y = sum(m * np.interp(grid, np.asarray(c.x), np.asarray(c.y)) for c, m in theory) / total
        words = gettext("Mean over sites, by multiplicity")
        curves = [(Curve(words, grid, y, "theory", "s1", key=words), 1)]
    near = table_edge(full[0])
    windows = [shown_range(np.asarray(c.x), np.asarray(c.y), near) for c, _ in curves]
    x_range = min(w[0] for w in windows), max(w[1] for w in windows)
    x_range = reaching_edge(absorber, edge, x_range)
    values = np.concatenate(
        [
            np.asarray(c.y)[(np.asarray(c.x) >= x_range[0]) & (np.asarray(c.x) <= x_range[1])]
            for c, _ in curves
        ]
    )
    figure = Figure(
        energy_label(full[0]),
        intensity_label(full[0], "computed"),
        x_range,
        nice_range(float(values.min()), float(values.max())),
        [c for c, _ in curves],
        markers=edge_markers(absorber, edge, x_range),
    )
    told = {"edge": f"{absorber} {edge_text(edge)}", "n": len(sites_of), "m": len(full)}
    if len(full) == len(sites_of):
        words = ngettext(
            "%(edge)s spectrum of %(n)d site", "%(edge)s spectra of %(n)d sites", len(full)
        )
    else:
        words = ngettext(
            "%(m)d %(edge)s spectra of %(n)d site",
            "%(m)d %(edge)s spectra of %(n)d sites",
            len(sites_of),
        )
    words %= told
    return Plot("plot", figure, words)


def _site_rows(
    sites: list[Site], spectra: list[Spectrum], shown: Structure, request: HttpRequest
) -> list[SiteRow]:
    labels = labels_of(sites)
    by_site: dict[int, list[Spectrum]] = defaultdict(list)
    for spectrum in spectra:
        if spectrum.site_id is not None:
            by_site[spectrum.site_id].append(spectrum)
    asked = (
        Calculation.objects.visible_to(request.user)
        .filter(structure=shown)
        .only("site_id", "job_status", "error", "error_cause")
        .order_by("created", "pk")
    )
    latest = {job.site_id: job for job in asked}  # the last of each
    waiting = dict(
        Spectrum.objects.filter(
            structure=shown, kind=Kind.THEORY, edge="L23",
            status__in=[Status.DRAFT, Status.SUBMITTED],
        ).values_list("site_id", "status")
    )  # fmt: skip
    with_feff = may_contribute(request.user) and not shown.refusal and available()
    with_model = may_contribute(request.user) and routes.is_here(routes.LEARNED)
    rows = []
    for site in sites:
        row = SiteRow(site, labels[site.pk])
        for spectrum in by_site[site.pk]:
            if spectrum.edge not in [one["edge"] for one in row.edges]:
                row.edges.append({"edge": spectrum.edge, "pk": spectrum.pk})
            if not row.sparkline:
                row.sparkline, row.spark_kind = spectrum.sparkline, spectrum.kind
        job = latest.get(site.pk)
        row.job = job if job is not None and job.job_status in _TOLD else None
        row.review = waiting.get(site.pk, "")
        if site.oxidation_state is not None:
            row.undescribed = no_ion(site.element, site.oxidation_state)
        row.can_compute = (
            site.element in routes.absorbers("cheap")
            and not row.undescribed
            and not shown.refusal
            and not row.is_open
            and "L23" not in [one["edge"] for one in row.edges]
        )
        row.by_model = (
            with_model
            and site.element in routes.absorbers(routes.LEARNED)
            and not row.undescribed
            and not shown.refusal
            and not row.is_open
        )
        if with_feff and not row.is_open:
            computed = {one.edge for one in by_site[site.pk] if one.kind == Kind.THEORY}
            row.by_feff = [edge for edge in _edges_of_feff(row) if edge not in computed]
        rows.append(row)
    return rows


@require_safe
def site_row(request: HttpRequest, pk: int, site_pk: int) -> HttpResponse:
    """One row of the sites, which asks for itself while its calculation is under way."""
    shown = get_object_or_404(Structure, pk=pk)
    return _row(request, shown, get_object_or_404(Site, structure=shown, pk=site_pk))


def _row(request: HttpRequest, shown: Structure, site: Site) -> HttpResponse:
    spectra = (
        Spectrum.objects.visible_to(request.user)
        .filter(structure=shown, site=site)
        .without_arrays()
        .order_by("absorber", "edge", "pk")
    )
    rows = _site_rows(list(shown.sites.order_by("index")), list(spectra[:100]), shown, request)
    row = next(one for one in rows if one.site.pk == site.pk)
    context = {"structure": shown, "row": row, "may_compute": may_contribute(request.user)}
    return render(request, "structures/_site.html", context)


def _edges_of_feff(row: SiteRow) -> list[str]:
    """K, and L edges where no multiplet describes them: those of other elements, metals, d10."""
    element = row.site.element
    ours = element in routes.absorbers("cheap") and not row.undescribed
    wanted = ["K"] if ours else ["K", "L23", "L3"]
    return [edge for edge in wanted if element in routes.absorbers(routes.FEFF, edge)][:2]


@permission_required("spectradb.add_calculation", raise_exception=True)
@require_POST
def compute(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a spectrum of one site, L2,3 by default; asked for twice it runs once."""
    shown = get_object_or_404(Structure, pk=pk)
    if shown.refusal:
        raise BadRequest(f"not calculated: {shown.refusal}")
    wanted = request.POST.get("site", "")
    site = get_object_or_404(Site, structure=shown, pk=int(wanted) if wanted.isdecimal() else 0)
    edge, route = request.POST.get("edge", "L23"), request.POST.get("route", "cheap")
    try:
        assert request.user.is_authenticated  # by the decorator; for the type checker
        asked = queue_sites(Site.objects.filter(pk=site.pk), edge, route, requested_by=request.user)
        failed = [row.pk for row in asked if row.job_status == JobStatus.FAILED]
        jobs.retry(Calculation.objects.filter(pk__in=failed), hopeless=True)
    except InputError as error:
        raise BadRequest(in_words(error)) from error
    if request.headers.get("HX-Request") == "true":
        return _row(request, shown, site)
    messages.success(
        request,
        gettext("Queued. The spectrum shows here when it is done and a curator has seen it."),
    )
    return redirect("structure", pk)
