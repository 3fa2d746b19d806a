"""Workers of gunicorn: forked with everything loaded, and replaced before they grow."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.spectradb.site.gunicorn import PATIENCE, children, served, workers


def bring(address: str, name: str, text: str) -> str:
    """A page that shows this file, as a visitor's browser sends it."""
    jar = HTTPCookieProcessor()
    browser = build_opener(jar)
    browser.open(f"{address}/", timeout=PATIENCE).read()
    [token] = [cookie.value for cookie in jar.cookiejar if cookie.name == "csrftoken"]
    body = (
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"\r\n{text}\r\n--x--\r\n"
    ).encode()
    asked = Request(
        f"{address}/bring/",
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=x", "X-CSRFToken": str(token)},
    )
    with browser.open(asked, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_a_worker_that_follows_another_has_its_libraries_and_its_reader_of_files(
    tmp_path: Path,
) -> None:
    options = ("--workers", "2", "--max-requests", "4", "--max-requests-jitter", "1")
    with served(tmp_path, *options) as (address, process):
        [reader] = set(children(process.pid)) - workers(process)
        first = workers(process)
        for _ in range(30):
            with urlopen(f"{address}/cite/", timeout=PATIENCE) as answer:
                assert answer.status == 200
        curve = "".join(
            f"{850 + 0.1 * n:.1f}, {1.0 / (1 + (n - 40) ** 2):.6f}\n" for n in range(99)
        )
        assert "ni.csv" in bring(address, "ni.csv", f"energy (eV), intensity\n{curve}")
        until = time.monotonic() + PATIENCE
        while len(now := workers(process)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        assert not first & now
        assert set(children(process.pid)) - now == {reader}
        assert all(not children(pid) for pid in now)
