"""Photograph every page of the site in ``SPECTRADB_VAR``, at both widths, light, dark, Japanese.

``python -m tests.screenshots [--to FOLDER] [--page NAME …] [--as WHO] [--docs]``. The site must
hold a library (``manage.py demo --no-serve``); a server of its own is started on a free port.
``--docs`` takes those anew that ``docs/screenshots`` holds, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import django
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD = "photographed-1"  # noqa: S105 (of accounts made on a site that is one's own)
PEOPLE = ("visitor", "contributor", "curator", "admin")
TALLEST = 6000  # px; the rest of a longer page is left out
VARIANTS = {
    "1440": (1440, "light", "en"),
    "390": (390, "light", "en"),
    "dark-1440": (1440, "dark", "en"),
    "dark-390": (390, "dark", "en"),
    "ja-1440": (1440, "light", "ja"),
    "ja-390": (390, "light", "ja"),
}


def main() -> int:
    """Take the photographs; 1 where a page answers with an error or is wider than the screen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--to", type=Path, default=ROOT / "var" / "screenshots")
    parser.add_argument("--page", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--as", dest="who", choices=PEOPLE, default="admin")
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright has a loop of its own
    django.setup()
    pages = addresses(options.who)
    wanted = set(options.page) or set(pages)
    if unknown := wanted - set(pages):
        parser.error(f"no page {', '.join(sorted(unknown))}; there are {', '.join(pages)}")
    folder = DOCS if options.docs else options.to
    folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with serving() as url, browsing() as browser:
        for variant in options.variant:
            page = open_page(browser, url, *VARIANTS[variant])
            sign_in(page, url, options.who)
            for name, address in pages.items():
                path = folder / f"{name}-{variant}.png"
                if name in wanted and (path.exists() or not options.docs):
                    wrong += not photograph(page, url + address, path)
    return min(wrong, 1)


def addresses(who: str) -> dict[str, str]:
    """Name → address of each page that this person can see; rows are the first that fit."""
    from django.contrib.auth import get_user_model

    from spectradb.models import Calculation, JobStatus, Kind, Series, Spectrum, TrainedModel
    from spectradb.services.accounts.roles import CONTRIBUTOR, CURATOR, give_role

    if who != "visitor":
        user, _ = get_user_model().objects.get_or_create(username=f"photo-{who}")
        user.set_password(PASSWORD)
        user.is_superuser = user.is_staff = who == "admin"
        user.save()
        if who != "admin":
            give_role(user, CURATOR if who == "curator" else CONTRIBUTOR)
    shown = Spectrum.objects.published().order_by("pk")
    computed = shown.filter(kind=Kind.THEORY, edge="L23", absorber="Ni", formula="NiO").first()
    computed = computed or shown.filter(kind=Kind.THEORY, edge="L23").first()
    measured = shown.filter(kind=Kind.EXPERIMENT).first() or computed
    assert computed is not None, "an empty site has nothing to show: manage.py demo --no-serve"
    assert measured is not None
    ids = ",".join(
        map(str, shown.filter(edge="L23", absorber="Ni").values_list("pk", flat=True)[:4])
    )
    job = Calculation.objects.filter(job_status=JobStatus.DONE).order_by("pk").first()
    model = TrainedModel.objects.order_by("pk").first()
    structure, one, other = computed.structure_id, computed.pk, measured.pk
    found = {
        "home": "/", "results": "/spectra/?absorber=Ni&edge=L23",
        "overlay": "/spectra/?view=overlay",
        "nothing": "/spectra/?q=unobtainium", "spectrum": f"/spectra/{one}/",
        "measured": f"/spectra/{other}/", "table": f"/spectra/{one}/table/",
        "embed": f"/spectra/{one}/embed/", "fit": f"/spectra/{one}/fit/?go=1",
        "structure": f"/structures/{structure}/", "compare": f"/compare/?ids={ids}",
        "compare-empty": "/compare/", "match": f"/match/?spectrum={other}",
        "match-empty": "/match/", "match-how": "/match/how/", "multiplet": "/multiplet/?ion=Ni2",
        "predict": "/predict/", "predict-structure": f"/predict/structure/{structure}/",
        "models": "/models/", "coverage": "/coverage/", "jobs": "/jobs/", "bring": "/bring/",
        "export": "/export/?absorber=Ni", "cite": "/cite/", "methods": "/methods/",
        "accessibility": "/accessibility/", "privacy": "/privacy/", "api": "/api/",
        "missing": "/nowhere/",
        "series": "/series/",
        "collections": "/collections/",
    }  # fmt: skip
    if job is not None:
        found["job"] = f"/jobs/{job.pk}/"
    if model is not None:
        found["model"] = f"/models/{model.name}/"
    if (series := Series.objects.filter(status="published").order_by("pk").first()) is not None:
        found["series-one"] = f"/series/{series.pk}/"
    if who == "visitor":
        return found | {"login": "/login/", "register": "/register/"}
    found |= {"series-upload": "/series/upload/", "notices": "/notices/"}
    found |= {"upload": "/upload/", "account": "/account/", "account-delete": "/account/delete/"}
    found["password"] = "/account/password/"
    if who in ("curator", "admin"):
        found |= {
            "admin": "/admin/", "admin-spectra": "/admin/spectradb/spectrum/?queue=all",
            "admin-spectrum": f"/admin/spectradb/spectrum/{one}/change/",
            "admin-measured": f"/admin/spectradb/spectrum/{other}/change/",
            "admin-history": f"/admin/spectradb/spectrum/{one}/history/",
            "admin-structures": "/admin/spectradb/structure/",
            "admin-structure": f"/admin/spectradb/structure/{structure}/change/",
            "admin-sites": "/admin/spectradb/site/",
            "admin-calculations": "/admin/spectradb/calculation/",
            "normalisation": f"/spectra/{other}/normalisation/",
        }  # fmt: skip
    if who == "admin":
        found |= {"admin-users": "/admin/auth/user/", "admin-groups": "/admin/auth/group/"}
    return found


@contextmanager
def serving() -> Iterator[str]:
    """A server of the site, on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}", "--noreload"]
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urlopen(f"{url}/healthz", timeout=5).close()  # noqa: S310 (loopback)
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


@contextmanager
def browsing() -> Iterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=flags)


def open_page(browser: Browser, url: str, width: int, theme: str, language: str) -> Page:
    page = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=width < 760,
        reduced_motion="reduce",
    ).new_page()
    page.context.add_cookies([{"name": "django_language", "value": language, "url": url}])
    page.set_default_timeout(60_000)
    return page


def sign_in(page: Page, url: str, who: str) -> None:
    if who == "visitor":
        return
    page.goto(f"{url}/login/")
    page.fill("[name=username]", f"photo-{who}")
    page.fill("[name=password]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_url(f"{url}/")


def photograph(page: Page, address: str, path: Path) -> bool:
    """Whether the page answered and fits; what is wrong is told."""
    answer = page.goto(address)
    page.wait_for_load_state("networkidle")
    status = answer.status if answer else 0
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.screenshot(
        path=path,
        full_page=True,
        clip={"x": 0, "y": 0, "width": width, "height": height},
    )
    fine = status < 400 or path.name.startswith("missing")
    if not fine or wide > 0:
        sys.stderr.write(f"{address}: status {status}, {max(wide, 0)} px too wide\n")
    return fine and wide <= 0


if __name__ == "__main__":
    sys.exit(main())
