"""Readers of a running site: how long they wait, by kind of page.

    python -m tests.benchmarks.site_load http://127.0.0.1:8000 --readers 50 --every 5 --seconds 60
    python -m tests.benchmarks.site_load http://127.0.0.1:8000 --readers 4 --every 0 --seconds 20

With ``--every 0`` each reader asks again as soon as it has the answer (a closed loop). Each reader
takes the kinds of page in turn; the addresses of a kind differ. The site has to be started with
``THROTTLE_ANON`` and ``THROTTLE_OPTIMADE`` above what is asked: all readers have one address.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from tests.benchmarks.site_words import METALS, OTHERS, SYSTEMS

_HEADERS = "Accept-Encoding: gzip\r\nConnection: close\r\nUser-Agent: load\r\n"


@dataclass
class Told:
    """Seconds of each answer by kind, what was not 200, and the validators of what was seen."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sent_bytes: int = 0
    not_modified: int = 0


def requests(n_spectra: int, n_structures: int) -> dict[str, list[str]]:
    """Addresses by kind of page, as people and programs ask for them."""
    rng = random.Random(1)
    spectra = [rng.randint(1, n_spectra) for _ in range(400)]
    structures = [rng.randint(1, n_structures) for _ in range(400)]
    last = max(1, min(n_spectra // 25 - 2, 3000))
    return {
        "home": ["/"],
        "list": [f"/spectra/?page={n}" for n in range(1, min(20, last) + 1)],
        "list, deep": [f"/spectra/?page={n}" for n in range(max(1, last - 20), last + 1)],
        "search: absorber and edge": [
            f"/spectra/?absorber={m}&edge={e}" for m in METALS for e in ("L23", "K")
        ],
        "search: element": [f"/spectra/?elements=O&elements={o}" for o in OTHERS],
        "search: facets and hull": [
            f"/spectra/?coordination_number=6&crystal_system={s}&energy_above_hull_max=0.{n}"
            for s in SYSTEMS
            for n in (1, 2, 3)
        ],
        "search: text": [f"/spectra/?q={o}{m}O3" for o in OTHERS for m in METALS],
        "spectrum": [f"/spectra/{n}/" for n in spectra],
        "structure": [f"/structures/{n}/" for n in structures],
        "coverage": ["/coverage/"],
        "download, CSV": [f"/spectra/{n}/download/csv/" for n in spectra],
        "API list": [f"/api/v1/spectra/?page_size={n}" for n in range(20, 60)],
        "API search": [
            f"/api/v1/spectra/?absorber={m}&edge=L23&oxidation_state={n}"
            for m in METALS
            for n in (2, 3)
        ],
        "API spectrum": [f"/api/v1/spectra/{n}/" for n in spectra],
        "API structures": [f"/api/v1/structures/?elements={o}" for o in OTHERS],
        "OPTIMADE": [
            "/optimade/v1/structures?page_limit=10&filter="
            + quote(f'elements HAS ALL "O","{o}"')
            for o in OTHERS
        ],
    }  # fmt: skip


async def load(address: str, kinds: dict[str, list[str]], given: argparse.Namespace) -> Told:
    """All readers at once until the time is up."""
    told = Told()
    until = time.monotonic() + given.seconds
    await asyncio.gather(
        *(_reader(k, address, kinds, given, until, told) for k in range(given.readers))
    )
    return told


async def _reader(
    number: int,
    address: str,
    kinds: dict[str, list[str]],
    given: argparse.Namespace,
    until: float,
    told: Told,
) -> None:
    rng = random.Random(number)
    order: Iterator[str] = itertools.cycle(rng.sample(sorted(kinds), len(kinds)))
    seen: dict[str, str] = {}
    await asyncio.sleep(rng.random() * given.every)
    while time.monotonic() < until:
        kind = next(order)
        path = rng.choice(kinds[kind])
        began = time.monotonic()
        try:
            status, etag, size = await _get(address, path, seen.get(path, ""))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            status, etag, size = 0, "", 0
        took = time.monotonic() - began
        told.sent_bytes += size
        if status == 304:
            told.not_modified += 1
        if status in (200, 304):
            told.seconds[kind].append(took)
        else:
            told.failed[f"{kind} {status}"] += 1
        if given.conditional and etag:
            seen[path] = etag
        await asyncio.sleep(max(0.0, given.every - took))


async def _get(address: str, path: str, etag: str) -> tuple[int, str, int]:
    """Status, ETag and bytes of an answer."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    asked = f"If-None-Match: {etag}\r\n" if etag else ""
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{_HEADERS}{asked}\r\n".encode("ascii")
    )
    try:
        data = await reader.read(-1)
    finally:
        writer.close()
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    found = [line[5:].strip() for line in head if line.lower().startswith("etag:")]
    return int(head[0].split()[1]), found[0] if found else "", len(data)


async def _count(address: str, what: str) -> int:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    path = f"/api/v1/{what}/?page_size=1"
    writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
    data = await reader.read(-1)
    writer.close()
    return int(json.loads(data.partition(b"\r\n\r\n")[2])["count"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--every", type=float, default=5.0, help="s between a reader's requests")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--conditional", action="store_true", help="send what was seen: 304")
    given = parser.parse_args()
    kinds = asyncio.run(_kinds(given.address))
    began = time.monotonic()
    told = asyncio.run(load(given.address, kinds, given))
    seconds = time.monotonic() - began
    _tell(told, seconds, given)


async def _kinds(address: str) -> dict[str, list[str]]:
    return requests(await _count(address, "spectra"), await _count(address, "structures"))


def _tell(told: Told, seconds: float, given: argparse.Namespace) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    every = [one for found in told.seconds.values() for one in found]
    for kind, found in (*told.seconds.items(), ("all", every)):
        if len(found) > 1:
            cuts = statistics.quantiles(found, n=20)
            sys.stdout.write(
                f"| {kind} | {len(found)} | {1e3 * statistics.median(found):.0f} "
                f"| {1e3 * cuts[18]:.0f} | {1e3 * max(found):.0f} |\n"
            )
    sys.stdout.write(
        f"{given.readers} readers, one request each {given.every:g} s: {len(every) / seconds:.1f} "
        f"answers/s, {told.not_modified} of them 304, {told.sent_bytes / 1e6:.0f} MB; failed "
        f"{dict(told.failed)}; the generator used "
        f"{(used.ru_utime + used.ru_stime) / seconds:.2f} of a core; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )


if __name__ == "__main__":
    main()
