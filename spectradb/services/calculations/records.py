"""Records of a calculation: a spectrum for each person who asks, of one run of the engine.

Nobody learns from a record, or from asking, who else asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone
from numpy.typing import ArrayLike

from spectradb.models import Calculation, JobStatus, Kind, Quantity, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.accounts.quotas import check_jobs
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.calculations import routes
from spectradb.services.calculations.inputs import present_versions
from spectradb.services.curation.workflow import retire_earlier, shown_of_same_site, submit
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

EXPLICIT = "explicit"
"""Route of given parameters; what is asked by it stays a draft of the person who asked."""
_DECIDED = (Status.PUBLISHED, Status.WITHDRAWN, Status.REJECTED)


@dataclass(frozen=True, eq=False)
class Curve:
    """What a finished calculation gives its records.

    Attributes
    ----------
    energy_ev, intensity : (n,)
    offset_ev, offset_err : float or None
        The anchor that ``energy_ev`` includes; None on a relative scale.
    """

    energy_ev: ArrayLike
    intensity: ArrayLike
    offset_ev: float | None = None
    offset_err: float | None = None


def store_records(row: Calculation, curve: Curve) -> None:
    """A record for everyone who has asked; in the transaction that ends the job."""
    if row.public:
        _keep(row, None, curve)
    for user in row.requesters.order_by("pk"):
        _keep(row, user, curve)


def ask(rows: Iterable[Calculation], user: User | None) -> list[int]:
    """Note who asks for these, give records of those that are done; those to be queued again.

    In one transaction with the reading of the rows, which must be locked: a calculation ends
    either before (then the record is made here) or after it (then by :func:`store_records`).

    Parameters
    ----------
    user
        None for the operator.

    Raises
    ------
    QuotaError
        If this person has too many jobs waiting.
    """
    again = []
    rows = list(rows)
    if user is not None:
        check_jobs(
            user, sum(row.job_status in (JobStatus.QUEUED, JobStatus.CANCELLED) for row in rows)
        )
    shown = (
        Spectrum.objects.published()
        .filter(calculation__in=rows)
        .exclude(calculation__route=EXPLICIT)
    )
    enough = set(shown.values_list("calculation", flat=True))  # everyone sees those
    for row in rows:
        if row.pk in enough:
            continue
        anew = _note(row, user)
        if row.job_status == JobStatus.DONE:
            done = row.spectra.order_by("pk").first()
            if done is None:  # all who had one have deleted it
                row.requesters.set([user] if user is not None else [])
                row.public = user is None
                row.save(update_fields=["public"])
                Calculation.objects.filter(pk=row.pk).update(job_status=JobStatus.CANCELLED)
                again.append(row.pk)
            else:
                _keep(row, user, curve_of(done))
        elif row.job_status == JobStatus.CANCELLED and anew and user is not None:
            again.append(row.pk)  # what somebody else has cancelled binds nobody
    jobs.retry(Calculation.objects.filter(pk__in=again))
    return again


def curve_of(record: Spectrum) -> Curve:
    """What another record of the same calculation is made from."""
    return Curve(record.energy, record.intensity, record.energy_offset_ev, record.energy_offset_err)


def may_change(row: Calculation, user: User) -> bool:
    """Whether this person may cancel it or run it again."""
    return may_curate(user) or row.requesters.filter(pk=user.pk).exists()


def cancel(row: Calculation, user: User) -> bool:
    """Cancel it for this person, for all only where nobody else wants it; whether it was open."""
    mine = Calculation.objects.filter(
        pk=row.pk, job_status__in=[JobStatus.QUEUED, JobStatus.RUNNING]
    )
    shared = row.public or row.requesters.exclude(pk=user.pk).exists()
    if shared and not may_curate(user):
        row.requesters.remove(user.pk)
        return mine.exists()
    return bool(jobs.cancel(mine))


def _note(row: Calculation, user: User | None) -> bool:
    """Keep who asked; whether they had not asked before."""
    if user is None:
        anew, row.public = not row.public, True
        if anew:
            row.save(update_fields=["public"])
        return anew
    anew = not row.requesters.filter(pk=user.pk).exists()
    row.requesters.add(user)
    return anew


def _keep(row: Calculation, user: User | None, curve: Curve) -> None:
    """This person's record of a finished calculation, unless there is what they need.

    What the operator and curators ask for of a structure is published at once: structure, engine
    and parameters are the library's own, and nobody could read thousands. What a contributor asks
    for goes through the automatic checks to a curator, like everything else people bring. Given
    parameters, and spectra in another shape than the library's, stay a private draft.
    """
    explicit = row.route == EXPLICIT
    others = row.spectra.all()
    shaped = bool(row.results.get("shape"))
    mine = others.filter(contributor=user)
    if user is None and not shaped:  # drafts of deleted accounts are no record of the operator's
        mine = mine.exclude(status__in=[Status.DRAFT, Status.SUBMITTED])
    if mine.exists():
        return
    decided = set(others.filter(status__in=_DECIDED).values_list("status", flat=True))
    if not explicit and Status.PUBLISHED in decided:
        return  # everyone sees that one
    if user is None and (decided or explicit):
        return  # a curator has decided about it
    older = user is None and not explicit and row.version != present_versions(row.route)
    if older and shown_of_same_site(row).exists():
        return  # what an older snapshot brings does not take the place of newer numbers
    public = not explicit and not shaped and not decided and (user is None or may_curate(user))
    now = timezone.now() if public else None
    record = blank(row)
    record.status = Status.PUBLISHED if public else Status.DRAFT
    record.submitted_at = record.published_at = now
    record.contributor = user
    record.energy_offset_ev, record.energy_offset_err = curve.offset_ev, curve.offset_err
    record.set_arrays(curve.energy_ev, curve.intensity)
    record.sparkline = sparkline_path(record.energy, record.intensity)
    identity = [row.input_hash] if user is None else [row.input_hash, user.pk]
    record.content_hash = record.hash_content(*identity)
    record.save()
    if public:
        retire_earlier(record, user)
    private = explicit or shaped
    if not private and not public and user is not None and may_contribute(user):
        submit(record, user)


def blank(row: Calculation) -> Spectrum:
    """What a record says of its calculation, the same for everyone."""
    structure = row.structure
    formula = structure.formula if structure is not None else ""
    ours = row.route != routes.FEFF
    title = f"{formula} {row.absorber} {_in_words(row.edge)}, {'multiplet' if ours else 'FEFF10'}"
    if row.route == EXPLICIT:
        p = row.parameters
        title = f"{p['element']}{p['charge']}+ 3d{p['n_d']}, given parameters"
    return Spectrum(
        kind=Kind.THEORY,
        technique="XANES",
        absorber=row.absorber,
        edge=row.edge,
        structure=structure,
        site=row.site,
        formula=formula,
        title=title,
        quantity=Quantity.RADIAL if ours else Quantity.NORMALISED,
        calculation=row,
    )


def _in_words(edge: str) -> str:
    """``L23`` as ``L2,3``."""
    return f"{edge[0]}{','.join(edge[1:])}"
