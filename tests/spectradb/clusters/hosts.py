"""Hosts of one site in network namespaces of this machine, on a bridge that has its services.

The bridge lies in a namespace of its own with PostgreSQL, Redis where it is installed, and a server
of S3's protocol. A host has its address, host name and process numbers for itself; what it shares
with the others goes over the bridge.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BRIDGE = "10.77.0.1"
_PYTHON = sys.executable
_PROGRAMS = ("ip", "unshare", "nsenter", "runuser", "curl")
_PACKAGES = ("moto", "gunicorn", "storages", "psycopg")
_READY_SECONDS = 180.0
_BUCKET = "spectra"
_KEYS = {
    "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": f"http://{BRIDGE}:5000",
}  # fmt: skip


def _postgres() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: one.parent.name)
    return found[-1] if found else None


def why_not() -> str:
    """Why there can be none here; empty where there can."""
    missing = [one for one in _PROGRAMS if shutil.which(one) is None]
    missing += [one for one in _PACKAGES if importlib.util.find_spec(one) is None]
    if _postgres() is None:
        missing.append("postgresql")
    if missing:
        return f"needs {', '.join(missing)}"
    return "" if os.getuid() == 0 else "needs root"


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)


@dataclass
class Host:
    """One machine of the site; it is on from the start."""

    network: Network
    name: str
    number: int
    environment: dict[str, str]
    power: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"10.77.0.{self.number}"

    @property
    def var(self) -> Path:
        return self.network.folder / f"var-{self.name}"

    @property
    def log(self) -> Path:
        return self.network.folder / f"{self.name}.log"

    def switch_on(self) -> None:
        """Its first process; all others are its descendants, and end with it."""
        alone = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        first = ["sh", "-c", f"hostname {self.name}; exec sleep infinity"]
        space = self.network.space(self.name)
        self.power = subprocess.Popen(["ip", "netns", "exec", space, *alone, *first])
        wait_for(lambda: self._first("sleep"), _READY_SECONDS, f"{self.name} is on")

    def _first(self, name: str = "") -> str:
        """Number of its first process here, once it has this name."""
        assert self.power is not None
        here = Path(f"/proc/{self.power.pid}/task/{self.power.pid}/children")
        with suppress(OSError, IndexError):
            pid = here.read_text().split()[0]
            if Path(f"/proc/{pid}/comm").read_text().strip().startswith(name):
                return pid
        return ""

    def _words(self, *command: object) -> list[str]:
        inside = ["nsenter", "--target", self._first(), "--mount", "--uts", "--net", "--pid"]
        return [*inside, "sh", "-c", f'cd {ROOT}; exec "$@"', "sh", _PYTHON, *map(str, command)]

    def start(self, *command: object) -> None:
        """Python with these words, in the background."""
        with self.log.open("ab") as log:
            subprocess.Popen(self._words(*command), env=self.environment, stdout=log, stderr=log)

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        return subprocess.run(
            self._words(*command), env=self.environment, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip

    def cut(self) -> None:
        """Nothing goes to it or comes from it; neither side is told."""
        self.network.ip("link", "set", f"to{self.number}", "nomaster")

    def mend(self) -> None:
        """On the network again."""
        self.network.ip("link", "set", f"to{self.number}", "master", "bridge")

    def kill(self) -> None:
        """SIGKILL to each of its processes."""
        if self.power is not None:
            self.power.kill()
            self.power.wait()
            self.power = None


@dataclass
class Network:
    """A bridge, what lives on it, and the hosts."""

    folder: Path
    tag: str
    hosts: list[Host] = field(default_factory=list)
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)
    redis: bool = False
    base: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spectradb-")))
    """Of PostgreSQL, whose account sees no other folder of ours."""

    def space(self, name: str) -> str:
        return f"{self.tag}-{name}"

    def ip(self, *words: str) -> None:
        """``ip`` beside the bridge."""
        subprocess.run(["ip", "-n", self.space("bridge"), *words], check=True)

    def beside(self, *command: object) -> list[str]:
        """A command beside the bridge."""
        return ["ip", "netns", "exec", self.space("bridge"), *map(str, command)]

    def serve(self, name: str, *command: object) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.services.append(
                subprocess.Popen(
                    self.beside(*command), stdout=log, stderr=log, cwd=self.base,
                    env=os.environ | _KEYS,
                )
            )  # fmt: skip

    def ask(self, url: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        """What curl gets, beside the bridge."""
        words = ("curl", "--silent", "--show-error", "--max-time", "60", *options, url)
        return subprocess.run(self.beside(*words), capture_output=True, check=False)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Asked of the database over its socket, where no host can be in the way."""
        import psycopg

        with psycopg.connect(host=str(self.base), user="spectradb", dbname="postgres") as base:
            return base.execute(sql.encode()).fetchall()

    def host(self, name: str, **environment: str) -> Host:
        """One more machine, with a folder of its own."""
        made = Host(self, name, len(self.hosts) + 10, {})
        self.hosts.append(made)
        space = self.space(name)
        subprocess.run(["ip", "netns", "add", space], check=True)
        own = ["ip", "-n", space]
        end = f"to{made.number}"
        self.ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
        self.ip("link", "set", end, "master", "bridge", "up")
        for words in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{made.address}/24", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
        ):
            subprocess.run([*own, *words], check=True)
        made.var.mkdir()
        made.environment = {
            **os.environ, **_KEYS,
            "DATABASE_URL": f"postgres://spectradb@{BRIDGE}:5432/postgres",
            "FILES_URL": f"s3://{_BUCKET}/site",
            "SPECTRADB_VAR": str(made.var), "TMPDIR": str(made.var),
            "SECRET_KEY": "one key of all hosts, as long as a key should be at the very least",
            "ALLOWED_HOSTS": "*", "QCLUSTER_WORKERS": "2", "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            **({"REDIS_URL": f"redis://{BRIDGE}:6379/0"} if self.redis else {}),
            **environment,
        }  # fmt: skip
        made.environment.pop("DJANGO_SETTINGS_MODULE", None)
        made.switch_on()
        return made

    def end(self) -> None:
        for one in self.hosts:
            one.kill()
        for service in reversed(self.services):
            service.terminate()
            with suppress(subprocess.TimeoutExpired):
                service.wait(10)
            service.kill()
        for name in [*(one.name for one in self.hosts), "bridge"]:
            subprocess.run(["ip", "netns", "delete", self.space(name)], check=False)
        shutil.rmtree(self.base, ignore_errors=True)


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """A bridge with its services; all of it ends with the block."""
    made = Network(folder, f"spectradb{os.getpid()}")
    try:
        subprocess.run(["ip", "netns", "add", made.space("bridge")], check=True)
        made.ip("link", "set", "lo", "up")
        made.ip("link", "add", "bridge", "type", "bridge")
        made.ip("address", "add", f"{BRIDGE}/24", "dev", "bridge")
        made.ip("link", "set", "bridge", "up")
        _start_postgres(made)
        if redis := shutil.which("redis-server"):
            made.redis = True
            made.serve("redis", redis, "--bind", BRIDGE, "--save", "", "--protected-mode", "no")
        made.serve("s3", _PYTHON, "-m", "moto.server", "-H", BRIDGE, "-p", "5000")
        bucket = f"http://{BRIDGE}:5000/{_BUCKET}"
        wait_for(
            lambda: made.ask(bucket, "--fail", "-X", "PUT").returncode == 0,
            _READY_SECONDS, "the bucket",
        )  # fmt: skip
        yield made
    finally:
        made.end()


def _start_postgres(made: Network) -> None:
    """On the bridge, and on a socket in its folder; it refuses to run as root."""
    shutil.chown(made.base, "postgres")
    made.base.chmod(0o755)
    programs, data = _postgres(), made.base / "data"
    as_postgres = ["runuser", "-u", "postgres", "--"]
    words = [f"{programs}/initdb", "-D", str(data), "-A", "trust", "-U", "spectradb", "-E", "UTF8"]
    subprocess.run([*as_postgres, *words], check=True, capture_output=True, cwd=made.base)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/24 trust\n")
    options = f"-k {made.base} -c listen_addresses={BRIDGE} -c fsync=off -c max_connections=200"
    made.serve("postgres", *as_postgres, f"{programs}/postgres", "-D", data, *options.split())

    def answers() -> bool:
        with suppress(Exception):
            return bool(made.query("select 1"))
        return False

    wait_for(answers, _READY_SECONDS, "PostgreSQL")
