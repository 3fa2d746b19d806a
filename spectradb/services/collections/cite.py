"""How to cite a collection."""

from __future__ import annotations

from django.db.models import QuerySet

from spectradb.models import Collection, Spectrum


def authors_of(row: Collection) -> str:
    """The names that it states, else its owner's."""
    if row.authors or row.contributor is None:
        return row.authors or "SpectraDB"
    return row.contributor.get_full_name() or row.contributor.get_username()


def citation(row: Collection, spectra: QuerySet[Spectrum], address: str) -> str:
    """One line: names, year, title, number, version, date, how many, licences, address.

    Parameters
    ----------
    spectra : QuerySet
        Those that its reader sees: they are what is cited.
    address : str
        Of its page; its DOI stands instead, if it has one.
    """
    if row.doi:
        address = f"https://doi.org/{row.doi}"
    year = (row.published_at or row.updated).year
    licences = ", ".join(licences_of(spectra)) or "no licence"
    n = spectra.count()
    return (
        f"{authors_of(row)} ({year}). {row.title}. SpectraDB collection SDB-C{row.pk}, version "
        f"{row.version} of {row.updated:%Y-%m-%d}, {n} {'spectrum' if n == 1 else 'spectra'}. "
        f"{licences}. {address}"
    )


def licences_of(spectra: QuerySet[Spectrum]) -> list[str]:
    """Under which its spectra stand."""
    rows = spectra.exclude(licence="").order_by("licence")
    return list(rows.values_list("licence", flat=True).distinct())
