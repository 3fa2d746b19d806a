"""What DataCite is told, and how it is told it: against its schema and a server that stands in."""

from __future__ import annotations

import base64
import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from spectradb.models import Collection, CollectionEntry
from spectradb.services.doi.metadata import creators, of_release
from spectradb.services.doi.register import DoiError, collection_doi, register_collection
from spectradb.services.library.release import write_release
from tests.factories import make_spectrum, make_user

ADDRESS = "https://spectra.example.org/collections/1/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def public() -> Collection:
    row = Collection.objects.create(
        title="Nickel oxides", authors="Marie Curie; Niels Bohr", status="published",
        description="Measured and computed", contributor=make_user(),
    )  # fmt: skip
    for position in range(2):
        spectrum = make_spectrum(licence="CC BY 4.0", doi="10.1000/182")
        CollectionEntry.objects.create(collection=row, spectrum=spectrum, position=position)
    return row


class DataCite(ThreadingHTTPServer):
    """Keeps DOIs as DataCite does, and answers with a status that a test names."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.kept: dict[str, Any] = {}
        self.status, self.body = 200, b""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: DataCite

    def do_PUT(self) -> None:  # noqa: N802
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if user != "EXAMPLE.REPO:secret":
            return self._say(401, {"errors": [{"title": "Bad credentials."}]})
        if self.server.status != 200:
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.body)
            return None
        doi = self.path.removeprefix("/dois/")
        attributes = sent["data"]["attributes"]
        state = "findable" if attributes.get("event") == "publish" else "draft"
        kept = self.server.kept.setdefault(doi, {})
        kept.update(attributes)  # what is not told stays
        return self._say(200, {"data": {"id": doi, "attributes": {**kept, "state": state}}})

    def do_GET(self) -> None:  # noqa: N802
        kept = self.server.kept.get(self.path.removeprefix("/dois/"))
        if kept is None:
            return self._say(404, {"errors": [{"title": "The resource is not there."}]})
        return self._say(200, {"data": {"attributes": kept}})

    def _say(self, status: int, told: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.api+json")
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def datacite(settings: LazySettings) -> Iterator[DataCite]:
    server = DataCite()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.DATACITE_URL = server.address
    settings.DATACITE_PREFIX = "10.5072"
    settings.DATACITE_USER, settings.DATACITE_PASSWORD = "EXAMPLE.REPO", "secret"
    settings.SITE_URL = "https://spectra.example.org"
    yield server
    server.shutdown()
    server.server_close()


def official() -> Any:
    found = importlib.util.find_spec("datacite")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package datacite, which carries the schema, is not installed")
    path = Path(found.submodule_search_locations[0]) / "schemas" / "datacite-v4.5.json"
    return json.loads(path.read_text())


def test_a_collection_meets_the_schema(public: Collection, datacite: DataCite) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    doi, metadata = collection_doi(public, ADDRESS)
    told = {"doi": doi, **metadata}
    jsonschema.Draft201909Validator(official()).validate(told)
    assert [one["name"] for one in told["creators"]] == ["Marie Curie", "Niels Bohr"]
    assert told["rightsList"][0]["rightsIdentifier"] == "cc-by-4.0"
    assert [one["relatedIdentifier"] for one in told["relatedIdentifiers"]] == ["10.1000/182"]
    assert told["sizes"] == ["2 spectra"]


def test_the_release_in_the_box_meets_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    manifest = Path(__file__).parents[3] / "spectradb" / "starter" / "manifest.json"
    told = of_release(json.loads(manifest.read_text()), "https://spectra.example.org/cite/")
    jsonschema.Draft201909Validator(official()).validate(told)


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        ("Curie, M.; Bohr, N.", ["Curie, M.", "Bohr, N."]),
        ("Marie Curie, Niels Bohr and Lise Meitner",
         ["Marie Curie", "Niels Bohr", "Lise Meitner"]),
        ("Curie, Marie", ["Curie, Marie"]),
        ("SpectraDB", ["SpectraDB"]),
    ],
)  # fmt: skip
def test_authors_are_told_one_by_one(authors: str, names: list[str]) -> None:
    assert [one["name"] for one in creators(authors)] == names


def test_registering_twice_keeps_one_doi_and_its_newest_metadata(
    public: Collection, datacite: DataCite
) -> None:
    doi = register_collection(public, ADDRESS)
    assert doi == f"10.5072/sdb-c{public.pk}"
    public.refresh_from_db()
    assert public.doi == doi
    public.title = "Oxides of nickel"
    assert register_collection(public, ADDRESS) == doi
    assert list(datacite.kept) == [doi]
    assert datacite.kept[doi]["titles"] == [{"title": "Oxides of nickel"}]
    assert datacite.kept[doi]["url"] == ADDRESS


def relations(datacite: DataCite, doi: str) -> list[tuple[str, str]]:
    told = datacite.kept[doi]["relatedIdentifiers"]
    return [(one["relationType"], one["relatedIdentifier"]) for one in told]


def test_a_doi_leads_on_to_that_of_the_next_version(public: Collection, datacite: DataCite) -> None:
    older = register_collection(public, ADDRESS)
    new = Collection.objects.create(
        title="Oxides of nickel", status="published", contributor=public.contributor,
        version=2, replaces=public,
    )  # fmt: skip
    CollectionEntry.objects.create(collection=new, spectrum=make_spectrum(), position=0)
    public.status = "withdrawn"
    public.save()
    for _ in range(2):
        newer = register_collection(new, ADDRESS)
    assert relations(datacite, newer) == [("IsNewVersionOf", older)]
    assert relations(datacite, older) == [
        ("IsDerivedFrom", "10.1000/182"), ("IsPreviousVersionOf", newer),
    ]  # fmt: skip
    assert datacite.kept[older]["titles"] == [{"title": "Nickel oxides"}]


def test_releases_lead_on_to_each_other(datacite: DataCite, tmp_path: Path) -> None:
    replaced: list[str] = []
    for version in ("2026.10", "2026.11", "2026.12"):
        write_release(tmp_path / version, version, [], [], {"counts": {"spectra": 0}})
        before = ["--replaces", replaced[-1]] if replaced else []
        call_command("register_doi", "--release", str(tmp_path / version), *before)
        replaced.append(version)
    again = ("--release", str(tmp_path / "2026.11"), "--replaces", "2026.10")
    call_command("register_doi", *again)
    assert relations(datacite, "10.5072/release-2026.11") == [
        ("IsNewVersionOf", "10.5072/release-2026.10"),
        ("IsPreviousVersionOf", "10.5072/release-2026.12"),
    ]
    with pytest.raises(CommandError, match="does not replace itself"):
        call_command(
            "register_doi", "--release", str(tmp_path / "2026.12"), "--replaces", "2026.12"
        )
    with pytest.raises(CommandError, match=r"2026\.01, which .* replaces, is not registered"):
        call_command(
            "register_doi", "--release", str(tmp_path / "2026.12"), "--replaces", "2026.01"
        )
    assert relations(datacite, "10.5072/release-2026.12") == [
        ("IsNewVersionOf", "10.5072/release-2026.11")
    ]
    assert "10.5072/release-2026.01" not in datacite.kept


def test_the_page_and_the_citation_show_the_doi(public: Collection, datacite: DataCite) -> None:
    doi = register_collection(public, ADDRESS)
    page = Client().get(f"/collections/{public.pk}/").text
    assert f"https://doi.org/{doi}" in page
    told = json.loads(page.split('<script type="application/ld+json">')[1].split("</script>")[0])
    assert told["identifier"] == f"https://doi.org/{doi}"
    assert len(told["hasPart"]) == 2
    assert Client().get(f"/api/v1/collections/{public.pk}/").json()["doi"] == doi


@pytest.mark.parametrize(
    ("status", "body", "words", "permanent"),
    [
        (422, b'{"errors": [{"title": "Prefix is not yours"}]}', "Prefix is not yours", True),
        (503, b"<html>", "503", False),
        (429, b"", "429", False),
    ],
)
def test_what_datacite_refuses_is_told_and_nothing_is_kept(
    public: Collection, datacite: DataCite, status: int, body: bytes, words: str, permanent: bool
) -> None:
    datacite.status, datacite.body = status, body
    with pytest.raises(DoiError, match=words) as told:
        register_collection(public, ADDRESS)
    assert told.value.permanent is permanent
    public.refresh_from_db()
    assert public.doi == ""


def test_a_wrong_password_is_told_without_it(public: Collection, datacite: DataCite,
                                             settings: LazySettings) -> None:  # fmt: skip
    settings.DATACITE_PASSWORD = "wrong-secret"
    with pytest.raises(DoiError, match="Bad credentials") as told:
        register_collection(public, ADDRESS)
    assert "wrong-secret" not in str(told.value)


def test_no_server_is_an_error_that_may_pass(
    public: Collection, datacite: DataCite, settings: LazySettings
) -> None:
    settings.DATACITE_URL = "http://127.0.0.1:9"
    with pytest.raises(DoiError, match="not reached") as told:
        register_collection(public, ADDRESS)
    assert not told.value.permanent


def test_what_is_not_public_gets_none(public: Collection, datacite: DataCite) -> None:
    public.status = "draft"
    with pytest.raises(DoiError, match="only a public one"):
        register_collection(public, ADDRESS)
    assert not datacite.kept


def test_registration_is_off_unless_set(public: Collection) -> None:
    with pytest.raises(DoiError, match="registration is off"):
        register_collection(public, ADDRESS)


def test_the_command_registers_and_rehearses(public: Collection, datacite: DataCite) -> None:
    out = StringIO()
    call_command("register_doi", str(public.pk), "--dry-run", "--output", "-", stdout=out)
    assert json.loads(out.getvalue())["metadata"]["titles"] == [{"title": "Nickel oxides"}]
    assert not datacite.kept
    call_command("register_doi", str(public.pk))
    assert list(datacite.kept) == [f"10.5072/sdb-c{public.pk}"]
    with pytest.raises(CommandError, match="there is no collection"):
        call_command("register_doi", "99999")


def test_the_command_registers_a_release(datacite: DataCite, tmp_path: Path) -> None:
    manifest = write_release(tmp_path / "r", "2026.11", [], [], {"counts": {"spectra": 0}})
    call_command("register_doi", "--release", str(tmp_path / "r"))
    (doi,) = datacite.kept
    assert doi == "10.5072/release-2026.11"
    assert datacite.kept[doi]["version"] == manifest["version"]
    assert datacite.kept[doi]["url"] == "https://spectra.example.org/cite/"
    with pytest.raises(CommandError):
        call_command("register_doi", "--release", str(tmp_path))


@pytest.mark.parametrize("path", ["/spectra/{spectrum}/", "/collections/{collection}/"])
def test_what_a_page_says_of_itself_is_rdf(public: Collection, path: str) -> None:
    rdflib = pytest.importorskip("rdflib")
    spectrum = public.entries.get(position=0).spectrum_id
    path = path.format(spectrum=spectrum, collection=public.pk)
    page = Client().get(path).text
    text = page.split('<script type="application/ld+json">')[1].split("</script>")[0]
    graph = rdflib.Graph().parse(data=text, format="json-ld")
    schema = rdflib.Namespace("https://schema.org/")
    subject = rdflib.URIRef(f"http://testserver{path}")
    assert (subject, rdflib.RDF.type, schema.Dataset) in graph
    for name in ("name", "description", "identifier", "license", "url"):
        assert graph.value(subject, schema[name]) is not None
