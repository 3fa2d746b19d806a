"""Register a DOI for a public collection, or for a release of the library, at DataCite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Register the DOI of a public collection, or of a release of the library, at DataCite, or "
        "bring what is told there up to date. Needs SITE_URL and DATACITE_PREFIX, DATACITE_USER "
        "and DATACITE_PASSWORD. With --dry-run nothing is sent: the metadata are written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("collection", nargs="?", type=int, help="its number, 12 of SDB-C12")
        what.add_argument("--release", type=Path, metavar="FOLDER", help="with its manifest.json")
        parser.add_argument(
            "--replaces", metavar="VERSION", default="",
            help="of the release before, whose DOI then leads on to this one",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="only write what would be told")
        self.add_output(parser)

    def handle(
        self,
        *,
        collection: int | None,
        release: Path | None,
        replaces: str,
        dry_run: bool,
        output: str | None,
        **options: Any,
    ) -> None:
        from django.conf import settings
        from django.urls import reverse

        from compute.errors import ReadError
        from spectradb.models import Collection
        from spectradb.services.doi import register

        if replaces and release is None:
            raise CommandError("--replaces goes with --release; a collection knows its own")
        if not settings.SITE_URL:
            raise CommandError("set SITE_URL: a DOI leads to an address of this site")
        row = None
        try:
            if release is not None:
                address = settings.SITE_URL + reverse("cite")
                doi, metadata = register.release_doi(release, address, replaces)
            else:
                row = Collection.objects.filter(pk=collection or 0).first()
                if row is None:
                    raise CommandError(f"there is no collection {collection}")
                address = settings.SITE_URL + reverse("collection", args=[row.pk])
                doi, metadata = register.collection_doi(row, address)
            if not dry_run and row is not None:
                register.register_collection(row, address)
            elif not dry_run:
                register.register(doi, metadata)
                register.tell_replaced(doi, metadata)
        except (register.DoiError, ReadError) as error:
            raise CommandError(str(error)) from error
        self.say(f"https://doi.org/{doi}")
        self.emit({"doi": doi, "registered": not dry_run, "metadata": metadata}, output)
