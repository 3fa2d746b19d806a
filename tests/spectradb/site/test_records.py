"""Records for other sites: frames, feeds, maps, and descriptions that search engines read."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from spectradb.models import Collection, Status
from tests.factories import make_spectrum

pytestmark = [pytest.mark.django_db]
_ATOM = "{http://www.w3.org/2005/Atom}"


def test_a_published_plot_can_be_framed_and_nothing_else_can(client: Client) -> None:
    row = make_spectrum(title="<b>bold</b>", formula="")
    framed = client.get(f"/spectra/{row.pk}/embed/")
    assert "X-Frame-Options" not in framed.headers
    assert "frame-ancestors *" in framed["Content-Security-Policy"]
    assert "default-src 'none'" in framed["Content-Security-Policy"]
    assert "<b>bold" not in framed.content.decode()
    assert not framed.cookies
    page = client.get(f"/spectra/{row.pk}/")
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    draft = make_spectrum(status=Status.DRAFT)
    assert client.get(f"/spectra/{draft.pk}/embed/").status_code == 404


def test_a_framed_plot_is_titled_as_chemists_write_and_is_legible_in_a_narrow_frame(
    client: Client,
) -> None:
    row = make_spectrum(formula="FeCuO2", absorber="Fe", edge="L23")
    text = client.get(f"/spectra/{row.pk}/embed/").content.decode()
    assert f"<title>CuFeO2, Fe L2,3, SDB-{row.pk} · SpectraDB</title>" in text
    assert 'CuFeO<tspan dy="4"' in text
    widths = re.findall(r'<svg xmlns="[^"]*" width="(\d+)"', text)
    assert widths == ["900", "400"]  # the second for frames below 600 px
    drawing = client.get(f"/spectra/{row.pk}/plot.svg").content.decode()
    assert f"<title>CuFeO2, Fe L2,3, SDB-{row.pk}</title>" in drawing
    assert (
        'lang="ja"'
        in client.get(
            f"/spectra/{row.pk}/embed/", headers={"accept-language": "ja"}
        ).content.decode()
    )


def test_a_published_record_describes_itself_and_cannot_break_out_of_its_script(
    client: Client,
) -> None:
    row = make_spectrum(citation="</script><script>alert(1)</script>", doi="10.1/x")
    page = client.get(f"/spectra/{row.pk}/").content.decode()
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    told = json.loads(text)
    assert told["@type"] == "Dataset"
    assert told["citation"] == row.citation
    assert told["identifier"] == "https://doi.org/10.1/x"
    assert told["distribution"][0]["contentUrl"].endswith(f"/spectra/{row.pk}/download/csv/")


def test_the_feed_and_the_map_hold_what_is_published_alone(client: Client) -> None:
    row = make_spectrum(published_at=timezone.now())
    draft = make_spectrum(status=Status.DRAFT)
    feed = client.get("/feed.atom").content.decode()
    assert f"/spectra/{row.pk}/" in feed
    assert f"/spectra/{draft.pk}/" not in feed
    assert "sitemap-spectra.xml" in client.get("/sitemap.xml").content.decode()
    told = client.get("/sitemap-spectra.xml").content.decode()
    assert f"/spectra/{row.pk}/" in told
    assert f"/spectra/{draft.pk}/" not in told


def test_a_control_character_in_a_record_or_a_collection_ends_no_feed(client: Client) -> None:
    row = make_spectrum(formula="", title="Ni\x0bO", published_at=timezone.now())
    collection = Collection.objects.create(
        title="One\x01", description="\x02", authors="A\x1f", status=Status.PUBLISHED
    )
    collection.entries.create(spectrum=row, position=0)
    for path in ("/feed.atom", f"/collections/{collection.pk}/feed.atom"):
        feed = client.get(path)
        assert feed.status_code == 200
        assert any(
            title.text is not None and "Ni O" in title.text
            for title in ElementTree.fromstring(feed.content).iter(f"{_ATOM}title")
        )


def test_a_spectrum_of_feff_is_cited_with_the_program(client: Client) -> None:
    by_feff = make_spectrum(
        absorber="Cu", edge="K", calculation_engine="FEFF10", calculation_route="feff"
    )
    page = client.get(f"/spectra/{by_feff.pk}/").content.decode()
    assert page.count("FEFF10: J. J. Kas") == 2, "in words and as BibTeX"
    assert "doi:10.1107/S1600577521008614" in page
    ours = client.get(f"/spectra/{make_spectrum().pk}/").content.decode()
    assert "FEFF10" not in ours
