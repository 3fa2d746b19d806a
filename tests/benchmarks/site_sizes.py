"""The site under its readers, at several numbers of rows: waiting times, answers a second, CPU.

    SPECTRADB_POSTGRES=/var/tmp/sizes .ci/postgres python -m tests.benchmarks.site_sizes

For each number of rows a database of that size (made once, by :mod:`tests.benchmarks.site_scale`;
``--only-make`` ends then), gunicorn with two workers as it is deployed, and the readers of
:mod:`tests.benchmarks.site_load`: 50 that each ask every 5 s, and at the smallest size also
closed loops, whose readers ask again as soon as they are answered, without and with what they have
seen already (304). Each is measured after readers have warmed the processes up. Told is a table of
them all, then p50 and p95 of each kind of page.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from tests.benchmarks.site_load import Told, load, requests

ROOT = Path(__file__).resolve().parents[2]
_SPECTRA_OF_A_STRUCTURE = 20 / 3
_STARTS_WITHIN = 600.0  # s, beside other work
_TICKS = os.sysconf("SC_CLK_TCK")
_HEAD = (
    "| rows | readers | answers/s | p50 ms | p95 ms | longest ms | 304 | not 200 | site, ms CPU "
    "an answer | PostgreSQL, ms CPU an answer | generator, cores | load |\n" + "|---" * 12 + "|\n"
)


@dataclass(frozen=True)
class Loop:
    """How readers ask."""

    words: str
    readers: int
    every: float
    conditional: bool = False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[160, 10_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=120.0, help="of each measurement")
    parser.add_argument("--warm", type=float, default=30.0, help="s of readers before it")
    parser.add_argument("--workers", type=int, default=2, help="of gunicorn")
    parser.add_argument("--only-make", action="store_true", help="the databases, without readers")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="waiting times by rows")
    given = parser.parse_args()
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres:///") and "host=" not in url:
        parser.error("run it by .ci/postgres, whose DATABASE_URL names a socket's folder")
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    usual, kinds = Loop("50, each every 5 s", 50, 5.0), []
    sys.stdout.write("" if given.only_make else _HEAD)
    for rows in sorted(given.rows):
        address = database_of(url, rows)
        if given.only_make:
            continue
        loops = [usual]
        if rows == min(given.rows):
            loops += [Loop("8, closed", 8, 0.0), Loop("8, closed, conditional", 8, 0.0, True)]
        with _served(address, given.workers) as (site, pid):
            asyncio.run(load(site, _asked(rows), _options(Loop("", 8, 0.0), given.warm)))
            for loop in loops:
                kinds.append(
                    (rows, loop, _measured(rows, loop, site, (pid, _server(folder)), given))
                )
    if given.plot is not None:
        _plot(given.plot, {rows: told for rows, loop, told in kinds if loop is usual})
    for rows, loop, told in kinds:
        sys.stdout.write(
            f"\n{rows:,} rows, {loop.words}:\n\n| kind | answers | p50 ms | p95 ms |\n"
            "|---|---|---|---|\n"
        )
        for kind, seconds in sorted(told.seconds.items()):
            sys.stdout.write(f"| {kind} | {len(seconds)} | {_cuts(seconds)} |\n")
    return 0


def _structures(rows: int) -> int:
    return max(1, round(rows / _SPECTRA_OF_A_STRUCTURE))


def _asked(rows: int) -> dict[str, list[str]]:
    return requests(rows, _structures(rows))


def _options(loop: Loop, seconds: float) -> argparse.Namespace:
    return argparse.Namespace(
        readers=loop.readers, every=loop.every, seconds=seconds, conditional=loop.conditional
    )


def _measured(
    rows: int, loop: Loop, site: str, pids: tuple[int, int], given: argparse.Namespace
) -> Told:
    before = [_cpu(pid) for pid in pids]
    own, began = _own(), time.monotonic()
    told = asyncio.run(load(site, _asked(rows), _options(loop, given.seconds)))
    took = time.monotonic() - began
    used = [_cpu(pid) - was for pid, was in zip(pids, before, strict=True)]
    every = [one for found in told.seconds.values() for one in found]
    n = max(1, len(every))
    sys.stdout.write(
        f"| {rows:,} | {loop.words} | {len(every) / took:.1f} | {_cuts(every)} "
        f"| {1e3 * max(every, default=0.0):.0f} | {told.not_modified} | {_failures(told)} "
        f"| {1e3 * used[0] / n:.1f} | {1e3 * used[1] / n:.1f} | {(_own() - own) / took:.2f} "
        f"| {os.getloadavg()[0]:.1f} |\n"
    )
    sys.stdout.flush()
    return told


def _cuts(seconds: list[float]) -> str:
    """Median and 95th percentile in ms, as two columns."""
    if len(seconds) < 2:
        return " | "
    cuts = statistics.quantiles(seconds, n=20)
    return f"{1e3 * statistics.median(seconds):.0f} | {1e3 * cuts[18]:.0f}"


def _failures(told: Told) -> str:
    """How many by status; 404 are spectra that are not published."""
    by_status: dict[str, int] = {}
    for words, n in told.failed.items():
        status = words.rpartition(" ")[2]
        by_status[status] = by_status.get(status, 0) + n
    return ", ".join(f"{n} of {status}" for status, n in sorted(by_status.items())) or "none"


def _plot(to: Path, by_rows: dict[int, Told]) -> None:
    """How long readers wait, by the number of rows: all kinds of page, and each by itself."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    sizes = sorted(by_rows)
    for kind in sorted({kind for told in by_rows.values() for kind in told.seconds}):
        medians = [1e3 * statistics.median(by_rows[n].seconds[kind] or [0.0]) for n in sizes]
        axes.loglog(sizes, medians, color="0.8", linewidth=0.8)
    every = [[one for found in by_rows[n].seconds.values() for one in found] for n in sizes]
    axes.loglog(sizes, [1e3 * statistics.median(one) for one in every], "o-", label="median")
    last = [1e3 * statistics.quantiles(one, n=20)[18] for one in every]
    axes.loglog(sizes, last, "s-", label="95th percentile")
    axes.set(xlabel="spectra", ylabel="waiting time, ms")
    axes.legend(frameon=False, title="grey: medians of each kind of page")
    figure.savefig(to, metadata={"Date": None})


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def database_of(url: str, rows: int) -> str:
    """The address of the database of this size, filled if it was not there."""
    import psycopg

    name = f"site_{rows}"
    address = url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(url, autocommit=True) as server:
        there = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if there:
            return address
        # Its name tells that it is whole: what was left half made is made anew.
        server.execute(f'DROP DATABASE IF EXISTS "{name}_half"')
        server.execute(f'CREATE DATABASE "{name}_half"')
    words = ["--spectra", str(rows), "--structures", str(_structures(rows))]
    with tempfile.TemporaryDirectory(prefix="spectradb-bench-") as var:
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.site_scale", *words],
            cwd=ROOT, check=True, stdout=sys.stderr,
            env=os.environ | {"DATABASE_URL": url.replace("/postgres?", f"/{name}_half?"),
                              "SPECTRADB_VAR": var},
        )  # fmt: skip
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}_half" RENAME TO "{name}"')
    return address


def _server(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def _served(database: str, workers: int) -> Iterator[tuple[str, int]]:
    """Address and process of the site."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="spectradb-bench-") as var:
        environment = os.environ | {
            "DATABASE_URL": database, "SPECTRADB_VAR": var, "SECRET_KEY": secrets.token_hex(32),
            "DJANGO_SETTINGS_MODULE": "spectradb.settings",
            "THROTTLE_ANON": "1000000/min", "THROTTLE_OPTIMADE": "1000000/min",
        }  # fmt: skip
        command = [sys.executable, "-m", "gunicorn", "-c", "python:spectradb.serve", "-w",
                   str(workers), "-b", f"127.0.0.1:{port}", "spectradb.wsgi"]  # fmt: skip
        with Path(var, "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            site = f"http://127.0.0.1:{port}"
            _wait(f"{site}/healthz", process, Path(var, "log"))
            yield site, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(address, timeout=60):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the site does not start: {log.read_text()[-2000:]}")


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and all its children, those that have ended too."""
    found, parents = 0.0, {pid}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(entry.name) in parents or int(fields[1]) in parents:
            # Of the process itself also what its ended children took.
            wanted = slice(11, 15) if int(entry.name) == pid else slice(11, 13)
            found += sum(map(int, fields[wanted])) / _TICKS
    return found


if __name__ == "__main__":
    sys.exit(main())
