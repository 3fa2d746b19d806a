"""Register a DOI for a public collection at DataCite."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Register the DOI of a public collection at DataCite, or bring what is told there up to "
        "date. Needs DATACITE_PREFIX, DATACITE_USER, DATACITE_PASSWORD, SITE_URL. With --dry-run "
        "nothing is sent: the metadata are written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("collection", type=int, help="its number, 12 of SDB-C12")
        parser.add_argument("--dry-run", action="store_true", help="only write what would be told")
        self.add_output(parser)

    def handle(self, *, collection: int, dry_run: bool, output: str | None, **options: Any) -> None:
        from django.conf import settings
        from django.urls import reverse

        from spectradb.models import Collection
        from spectradb.services.doi.register import DoiError, collection_doi, register_collection

        row = Collection.objects.filter(pk=collection).first()
        if row is None:
            raise CommandError(f"there is no collection {collection}")
        if not settings.SITE_URL:
            raise CommandError("set SITE_URL: a DOI leads to the address of this site")
        address = settings.SITE_URL + reverse("collection", args=[row.pk])
        try:
            if dry_run:
                doi, metadata = collection_doi(row, address)
                self.emit({"doi": doi, "registered": False, "metadata": metadata}, output)
                return
            doi = register_collection(row, address)
        except DoiError as error:
            raise CommandError(str(error)) from error
        self.say(f"https://doi.org/{doi}")
        self.emit({"doi": doi, "registered": True}, output)
