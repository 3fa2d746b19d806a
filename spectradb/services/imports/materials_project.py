"""Store Materials Project spectra with their structures; resumable and idempotent.

A page is one transaction that also moves the bookmark of the run, so that a kill at any moment
leaves whole pages. A later run with the same query goes on at the bookmark; a finished one starts
again and stores only what changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from compute.errors import InputError
from spectradb.models import (
    Calculation,
    ImportRun,
    JobStatus,
    Kind,
    Quantity,
    Site,
    Spectrum,
    Status,
    Structure,
)
from spectradb.plots import sparkline_path
from spectradb.services.imports.mp_client import Page, SourceError, XasDocument, XasQuery, XasSource
from spectradb.services.imports.same_crystal import atom_order
from spectradb.services.imports.structures import (
    StructureConflict,
    site_of_atom,
    store_structure,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure

_CITATION = (
    "Materials Project, FEFF XAS: K. Mathew et al., High-throughput computational X-ray "
    "absorption spectroscopy, Sci. Data 5, 180151 (2018)"
)
_DOI = "10.1038/sdata.2018.151"


@dataclass
class Progress:
    """Counts so far; ``total`` is what the source says it has."""

    total: int
    seen: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    structures_new: int = 0
    broken: int = 0


def import_mp_xas(
    source: XasSource, query: XasQuery, *, limit: int | None = None
) -> Iterator[tuple[ImportRun, Progress]]:
    """Store all spectra that answer the query, page by page.

    Yields the run and its counts after each page. Broken documents are listed on the run; a run
    that goes on after an interruption asks for them again first.

    Raises
    ------
    SourceError
        If the source stops answering; everything stored so far stays, and the run can go on.
    """
    run = _begin(query, limit)
    try:
        total = source.count(query)
        progress = Progress(min(total, limit or total))
        if run.next_offset:
            progress = Progress(**{**run.counts, "total": progress.total})
        names_known = True
        if run.broken:
            earlier = [entry["task_id"] for entry in run.broken]
            run.broken = []
            for page in source.tasks(query, earlier):
                _store(run, page, progress, advance=False)
        for page in source.pages(query, run.next_offset):
            page = _cut(page, limit)
            fresh = _store(run, page, progress, advance=True)
            if names_known and fresh:
                names_known = _add_stability(source, fresh)
            yield run, progress
            if limit is not None and run.next_offset >= limit:
                break
    except SourceError as error:
        run.job_status, run.error = JobStatus.FAILED, str(error)
        run.finished = timezone.now()
        run.save()
        raise
    run.job_status, run.finished, run.error = JobStatus.DONE, timezone.now(), ""
    run.save()
    yield run, progress


def _begin(query: XasQuery, limit: int | None) -> ImportRun:
    """The run of this query: the interrupted one at its bookmark, or one from the start."""
    asked = asdict(query) | {"limit": limit}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    run, _ = ImportRun.objects.get_or_create(
        query_hash=digest, defaults={"source": "mp", "query": asked}
    )
    if run.job_status == JobStatus.DONE:
        run.next_offset, run.counts, run.broken = 0, {}, []
    run.job_status, run.started, run.attempts = JobStatus.RUNNING, timezone.now(), run.attempts + 1
    run.error = ""
    run.save()
    return run


def _cut(page: Page, limit: int | None) -> Page:
    if limit is None or page.offset + page.n_received <= limit:
        return page
    left = limit - page.offset
    return Page(page.offset, left, page.documents[:left], page.broken)


def _store(run: ImportRun, page: Page, progress: Progress, *, advance: bool) -> list[Structure]:
    """One page in one transaction; returns the structures that are new."""
    broken = [{"task_id": task, "reason": reason} for task, reason in page.broken]
    fresh: dict[int, Structure] = {}
    with transaction.atomic():
        placed: list[tuple[XasDocument, Structure, Site | None]] = []
        known: dict[str, tuple[Structure, list[int] | None]] = {}
        for document in page.documents:
            try:
                row, order, is_new = _structure(document, known)
            except (InputError, StructureConflict, ValueError) as error:
                broken.append({"task_id": document.source_id, "reason": f"structure: {error}"})
                continue
            if is_new:
                fresh[row.pk] = row
            placed.append((document, row, _site(row, document.site_index, order)))
        _store_spectra(placed, progress)
        progress.seen += page.n_received
        progress.structures_new += len(fresh)
        run.broken = [*run.broken, *broken]
        progress.broken = len(run.broken)
        run.counts, run.total = asdict(progress), progress.total
        if advance:
            run.next_offset = page.offset + page.n_received
        run.save()
    return list(fresh.values())


def _structure(
    document: XasDocument, known: dict[str, tuple[Structure, list[int] | None]]
) -> tuple[Structure, list[int] | None, bool]:
    """The row of the document's structure, and how its atoms are numbered there if otherwise.

    Spectra of one material follow each other, so the last structures are kept by their text.
    """
    from pymatgen.core import Structure as PymatgenStructure

    text = json.dumps(document.structure, sort_keys=True)
    if text in known:
        return (*known[text], False)
    crystal: PymatgenStructure = PymatgenStructure.from_dict(document.structure)
    row, is_new = store_structure(crystal, source="mp", source_id=document.source_id)
    order = None if is_new else atom_order(row, crystal)
    known[text] = (row, order)
    return row, order, is_new


def _site(row: Structure, index: int | None, order: list[int] | None) -> Site | None:
    """The site row that carries the absorbing atom's own number.

    A site row stands for its orbit by one of its atoms. Where the source computed another atom
    of the orbit, the row takes that number, or a second row does if the first has spectra.
    """
    if index is None:
        return None
    atom = index if order is None else order[index]
    if exact := row.sites.filter(index=atom).first():
        return exact
    site = site_of_atom(row, atom)
    if site is None:
        raise ValueError(f"atom {atom} is in no orbit of {row}")
    if site.spectra.exists():
        site.pk, site._state.adding = None, True
    site.index = atom
    site.save()
    return site


def _store_spectra(
    placed: list[tuple[XasDocument, Structure, Site | None]], progress: Progress
) -> None:
    made: list[tuple[Spectrum, str]] = []
    for document, structure, site in placed:
        spectrum = _spectrum(document, structure, site)
        made.append((spectrum, spectrum.content_hash))
    stored = set(
        Spectrum.objects.filter(content_hash__in=[digest for _, digest in made]).values_list(
            "content_hash", flat=True
        )
    )
    seen: set[str] = set()
    todo: list[Spectrum] = []
    for spectrum, digest in made:
        if digest in stored or digest in seen:
            progress.unchanged += 1
            continue
        seen.add(digest)
        todo.append(spectrum)
    earlier = _earlier_versions(todo)
    calculations = [spectrum.calculation for spectrum in todo if spectrum.calculation]
    bulk_create_with_history(calculations, Calculation, batch_size=200)
    for spectrum in todo:
        spectrum.calculation_id = spectrum.calculation.pk if spectrum.calculation else None
        if old := earlier.get((spectrum.structure_id, spectrum.site_id, spectrum.technique)):
            spectrum.replaces, spectrum.version = old, old.version + 1
            old.status, old.status_note = Status.WITHDRAWN, "Replaced by a newer calculation"
            old.save()
            progress.changed += 1
        else:
            progress.new += 1
    bulk_create_with_history(todo, Spectrum, batch_size=200)


def _earlier_versions(
    spectra: list[Spectrum],
) -> dict[tuple[int | None, int | None, str], Spectrum]:
    """Published Materials Project spectra of the same structure, site, edge and technique."""
    if not spectra:
        return {}
    found = Spectrum.objects.without_arrays().filter(
        structure_id__in={s.structure_id for s in spectra},
        absorber=spectra[0].absorber,
        edge=spectra[0].edge,
        calculation__route="mp",
        status=Status.PUBLISHED,
    )
    return {(s.structure_id, s.site_id, s.technique): s for s in found}


def _spectrum(document: XasDocument, structure: Structure, site: Site | None) -> Spectrum:
    now = timezone.now()
    spectrum = Spectrum(
        kind=Kind.THEORY,
        technique=document.spectrum_type,
        absorber=document.absorber,
        edge=document.edge,
        structure=structure,
        site=site,
        formula=structure.formula,
        title=f"{structure.formula} {document.absorber} {document.edge}",
        quantity=Quantity.NORMALISED,
        status=Status.PUBLISHED,
        submitted_at=now,
        published_at=now,
        citation=_CITATION,
        doi=_DOI,
    )
    spectrum.set_arrays(document.energy_ev, document.mu)
    spectrum.sparkline = sparkline_path(document.energy_ev, document.mu)
    spectrum.content_hash = spectrum.hash_content(
        "mp", document.source_id, document.site_index, document.spectrum_type
    )
    spectrum.calculation = Calculation(
        engine="FEFF",
        route="mp",
        structure=structure,
        site=site,
        absorber=document.absorber,
        edge=document.edge,
        parameters={
            "task_id": document.source_id,
            "absorbing_index": document.site_index,
            "spectrum_type": document.spectrum_type,
            "last_updated": document.last_updated,
        },
        input_hash=hashlib.sha256(f"mp:{spectrum.content_hash}".encode()).hexdigest(),
        job_status=JobStatus.DONE,
        finished=now,
    )
    return spectrum


def _add_stability(source: XasSource, fresh: list[Structure]) -> bool:
    """Energy above hull and hypothetical flag of new structures; False if not offered."""
    by_id: dict[str, list[Structure]] = {}
    for row in fresh:
        if row.source_id.startswith("mp-"):
            by_id.setdefault(row.source_id, []).append(row)
    if not by_id:
        return True
    try:
        found = source.stability(list(by_id))
    except SourceError:
        return False  # worth having, never worth losing the spectra for
    for source_id, (hull, theoretical) in found.items():
        for row in by_id.get(source_id, []):
            row.energy_above_hull, row.hypothetical = hull, theoretical
            row.save(update_fields=["energy_above_hull", "hypothetical", "updated"])
    return True
