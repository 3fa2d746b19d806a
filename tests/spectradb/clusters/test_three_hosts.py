"""A site of a web host and two of workers, one of which is killed and one cut off and back.

SPECTRADB_TEST_HOSTS=1 runs it (``make test-hosts``), as root; ``hosts.py`` says what it needs.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.spectradb.clusters.hosts import Host, Network, network, wait_for, why_not

N_CASES, N_SITES, N_SPECTRA = 160, 80, 150
_SECONDS = 900.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SPECTRADB_TEST_HOSTS"), reason="asked for by SPECTRADB_TEST_HOSTS=1"
    ),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

_QUEUED = f"""
from spectradb.models import Calculation, Site
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.exports.jobs import request_export
from spectradb.services.queue import jobs
from spectradb.services.series.analyses import request_analysis
from spectradb.services.series.writing import Asked
from tests import factories as make
from tests.spectradb.clusters.cases import queue_cases
anna = make.make_user("anna", "curator")
for n in range({N_SPECTRA}):
    make.make_spectrum()
for n in range({N_SITES}):
    cell = make.rocksalt("NiO", 4.1 + 0.002 * n).as_dict()
    make.make_site(make.make_structure("NiO", data=cell))
request_analysis(make.make_series((60, 80)), Asked("nmf", components=3), anna)
request_export({{}}, "csv")
queue_sites(Site.objects.all(), "L23", "cheap")
jobs.enqueue(Calculation, queue_cases({N_CASES}, anna))
"""
_HELD = f"""
import os, time
from pathlib import Path
from django.contrib.auth.models import User
from django.db import transaction
from spectradb.models import Calculation
from spectradb.services.queue import jobs
from tests.spectradb.clusters.cases import queue_cases
while not Path(os.environ["SPECTRADB_VAR"], "hold").exists():
    time.sleep(0.1)
(pk,) = queue_cases(1, User.objects.get(), start={N_CASES})
row = jobs.claim(Calculation, pk)
with transaction.atomic():
    jobs.note(row, stage="storing")
    print("held", pk, flush=True)
    time.sleep(10_000)
"""
"""A job that is cut off in the middle of storing its result, while the database holds its row."""
_LATER = f"""
from django.contrib.auth.models import User
from spectradb.models import Calculation
from spectradb.services.queue import jobs
from tests.spectradb.clusters.cases import queue_cases
jobs.enqueue(Calculation, queue_cases(10, User.objects.get(), start={N_CASES} + 1))
"""
_JOBS = " union all ".join(
    f"select id, job_status, worker, attempts, error from spectradb_{kind}"
    for kind in ("calculation", "export", "seriesanalysis")
)


class Site:
    """What its database and its pages tell, while the hosts come and go."""

    def __init__(self, net: Network, web: Host) -> None:
        self.net, self.web = net, web
        self.refused: list[str] = []
        self._asked = time.monotonic()

    def ask(self, path: str, *options: str) -> tuple[bytes, str]:
        """Body and status of a page."""
        done = self.net.ask(f"http://{self.web.address}:8000{path}", "-w", "%{http_code}", *options)
        return done.stdout[:-3], done.stdout[-3:].decode()

    def wait(self, condition: Any, what: str, seconds: float = _SECONDS) -> None:
        """Visitors get pages all the time."""

        def holds() -> bool:
            if time.monotonic() - self._asked > 5:
                self._asked = time.monotonic()
                self.refused += [one for one in (self.ask("/readyz")[1],) if one != "200"]
            return bool(condition())

        wait_for(holds, seconds, what)

    def running(self, host: Host) -> int:
        """Jobs that its workers have."""
        return self._count(f"job_status = 'running' and worker like '{host.name}:%'")

    def open(self) -> int:
        return self._count("job_status in ('queued', 'running')")

    def _count(self, where: str) -> int:
        ((n,),) = self.net.query(f"select count(*) from ({_JOBS}) as job where {where}")
        return int(str(n))


def _shell(host: Host, code: str) -> None:
    done = host.run("manage.py", "shell", "--no-imports", "-v0", "-c", code)
    assert done.returncode == 0, done.stderr[-3000:]


def test_each_job_has_one_result_whatever_happens_to_its_host(tmp_path: Path) -> None:
    started = time.monotonic()
    with network(tmp_path) as net:
        web, first, second = (net.host(name) for name in ("web", "first", "second"))
        site = Site(net, web)
        done = web.run("manage.py", "migrate", "-v0")
        assert done.returncode == 0, done.stderr[-3000:]
        serve = ["-m", "gunicorn", "-c", "python:spectradb.serve", "--bind", "0.0.0.0:8000"]
        web.start(*serve, "-w", "2", "spectradb.wsgi")
        first.start("manage.py", "qcluster")
        wait_for(lambda: net.query("select id from spectradb_signingkey"), 400, "a key")
        second.start("manage.py", "qcluster")
        stranger = net.host("stranger", SECRET_KEY="another key than that of the other hosts")
        refused = stranger.run("manage.py", "qcluster")
        assert refused.returncode == 1
        assert "Set the same SECRET_KEY on every host" in refused.stderr
        wait_for(lambda: site.ask("/readyz")[1] == "200", 400, "the web host is ready")

        second.start("manage.py", "shell", "--no-imports", "-v0", "-c", _HELD)
        _shell(web, _QUEUED)
        site.wait(lambda: site.running(first), "the first host works")
        first.cut()  # as the power goes: no connection is ended
        first.kill()
        first.mend()
        first.switch_on()
        first.start("manage.py", "qcluster")

        (second.var / "hold").touch()
        site.wait(lambda: "held" in second.log.read_text(), "a row is held")
        site.wait(lambda: site.running(second) >= 2, "the second host works")
        second.cut()
        cut, taken = time.monotonic(), site.running(second)
        site.wait(lambda: not site.running(second), "what the second host had is another's")
        silent = time.monotonic() - cut
        second.mend()
        site.wait(lambda: not site.open(), "all jobs end")

        first.kill()
        _shell(web, _LATER)
        site.wait(lambda: not site.open(), "the second host works again")
        seconds = time.monotonic() - started

        rows = net.query(f"select job_status, attempts, error from ({_JOBS}) as job")
        assert Counter(row[0] for row in rows) == {"done": len(rows)}, rows
        results = net.query(
            "select (select count(*) from spectradb_spectrum s where s.calculation_id = c.id) "
            "from spectradb_calculation c"
        )
        assert set(results) == {(1,)}
        ((export, n_bytes, n_rows),) = net.query("select id, n_bytes, n_rows from spectradb_export")
        body, status = site.ask(f"/export/{export}/")
        assert (status, len(body)) == ("200", n_bytes)
        assert int(str(n_rows)) >= N_SPECTRA
        ((maps,),) = net.query("select id from spectradb_seriesanalysis")
        assert site.ask(f"/series/1/?analysis={maps}")[1] == "200"
        workers = Counter(
            str(worker).partition(":")[0]
            for (worker,) in net.query(f"select worker from ({_JOBS}) as job where attempts > 0")
        )
        assert not site.refused
        print(  # noqa: T201
            f"{sum(workers.values())} jobs in {seconds:.0f} s by {dict(workers)}, attempts "
            f"{dict(Counter(row[1] for row in rows))}; {taken} of a host that was cut off for "
            f"{silent:.0f} s were taken up; broker {'Redis' if net.redis else 'PostgreSQL'}"
        )
