"""docs/deployment.md is run as it stands, in a scratch copy of the machine that goes afterwards.

The copy is an overlay over this machine's root with a network and processes of its own: nothing of
it is seen outside, and its ports are free.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
FILES = dict(
    re.findall(
        r"^`(/etc/[^`]+)`[^\n]*(?:\n[^\n`]+)*\n\n```(?:ini|nginx)\n(.*?)^```", PAGE, re.S | re.M
    )
)
UNITS = [path for path in FILES if path.startswith("/etc/systemd/system/")]


def test_the_page_has_its_units_and_its_commands() -> None:
    names = [Path(path).name for path in FILES]
    assert names == [
        "spectradb.service", "spectradb-queue.service", "spectradb-backup.service",
        "spectradb-backup.timer", "spectradb",
    ]  # fmt: skip
    assert len(BLOCKS) == 3


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Their programs are put in the place of those that only a site has."""
    folder = tmp_path / "etc" / "systemd" / "system"
    folder.mkdir(parents=True)
    for path in UNITS:
        text = FILES[path].replace("/srv/spectradb/venv/bin/python", sys.executable)
        (folder / Path(path).name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(folder.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def _service(path: str, section: str = "Service") -> dict[str, str]:
    found: dict[str, str] = {}
    for line in FILES[path].split(f"[{section}]")[1].split("\n[")[0].splitlines():
        key, _, value = line.partition("=")
        found[key] = value
    return found


def _started(path: str, *, wait: bool) -> str:
    """What systemd does with a unit, for the parts of it that decide what is run and as whom."""
    unit = _service(path)
    words = shlex.split(unit["ExecStart"])
    command = shlex.join(word.replace("%%", "%").replace("$$", "$") for word in words)
    lines = ["(", "set -a", f". {unit['EnvironmentFile']}"]
    lines += [f"export {one}" for one in unit.get("Environment", "").split()]
    lines += ["set +a", f"cd {unit['WorkingDirectory']}"]
    if folder := unit.get("RuntimeDirectory"):
        lines.append(f"install -d -o {unit['User']} -g {unit['Group']} /run/{folder}")
    lines.append(f"exec runuser -u {unit['User']} -- {command}")
    return "\n".join([*lines, ")" if wait else f") > /tmp/{Path(path).name}.log 2>&1 &"])


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OUTSIDE = """
root=$1
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
mount -t proc proc "$root/root/proc"
mount --rbind /dev "$root/root/dev"
mount -t tmpfs tmpfs "$root/root/run"
mount -t tmpfs tmpfs "$root/root/tmp"
cp "$root.first" "$root/root/tmp/first"
cp "$root.then" "$root/root/tmp/then"
chroot "$root/root" bash -e /tmp/first
exec unshare --net chroot "$root/root" bash -e /tmp/then
"""


def _first() -> str:
    """With the network: packages, account; and in the place of downloads what is here already."""
    ours = (sys.base_prefix, f"{ROOT}/")
    packages = [one for one in sys.path if one and not f"{one}/".startswith(ours)]
    return f"""
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
{BLOCKS[0]}
for part in {shlex.join([sys.executable, str(Path(sys.executable).resolve()), f"{ROOT}/x"])}; do
  while [ "$part" != / ]; do part=$(dirname "$part"); chmod a+rx "$part"; done
done
install -d -o spectradb -g spectradb /srv/spectradb/site
cd {shlex.quote(str(ROOT))}
cp -r compute ml spectradb templates manage.py pyproject.toml requirements*.txt /srv/spectradb/site
chown -R spectradb: /srv/spectradb
cd /srv/spectradb
runuser -u spectradb -- {shlex.quote(sys.executable)} -m venv --without-pip venv
site=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\\n' {shlex.join(packages)} > "$site/here.pth"
"""


def _then() -> str:
    certificate = "/etc/letsencrypt/live/spectra.example.org"
    files = "\n".join(
        f"mkdir -p $(dirname {path})\ncat > {path} <<'END-OF-FILE'\n{text}END-OF-FILE"
        for path, text in FILES.items()
    )
    services = [path for path in UNITS if path.endswith((".service",))]
    return f"""
ip link set lo up
printf '127.0.0.1 localhost spectra.example.org\\n' > /etc/hosts
pg_ctlcluster 15 main start || (pg_dropcluster 15 main; pg_createcluster --start 15 main)
redis-server --daemonize yes --dir /tmp
cd /
{BLOCKS[1]}
{files}
echo 'Sesame-4711-open' | spectradb create_curator ann --administrator --password-stdin
{_started(services[0], wait=False)}
{_started(services[1], wait=False)}
mkdir -p {certificate}
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=spectra.example.org -days 2 \\
  -keyout {certificate}/privkey.pem -out {certificate}/fullchain.pem 2> /dev/null
rm -f /etc/nginx/sites-enabled/default
ln -s ../sites-available/spectradb /etc/nginx/sites-enabled/
nginx -t
nginx
ask() {{ curl --silent --insecure --max-time 200 "$@"; }}
for _ in $(seq 300); do
  ready=$(ask --fail https://spectra.example.org/readyz) && break; sleep 1
done
[ -n "$ready" ] || {{ tail -n 40 /tmp/*.service.log; exit 1; }}
echo "READY $ready"
at=spectra.example.org
echo "REDIRECT $(ask -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://$at/cite/)"
style=$(ask https://$at/cite/ | grep -o '/static/css/app[^"]*')
echo "STYLE $(ask -o /dev/null -w '%{{http_code}}' "https://$at$style")"
. /etc/spectradb.env
echo "METRICS $(ask -H "Authorization: Bearer $METRICS_TOKEN" https://spectra.example.org/metrics \\
  | grep -c '^spectradb_jobs')"
for _ in $(seq 100); do
  redis-cli --scan | grep -q cluster && break; sleep 1
done
echo "QUEUE $(redis-cli --scan | grep -c cluster)"
{_started(services[2], wait=True)}
ls -l /var/backups/spectradb
kill $(jobs -p) || true
for _ in $(seq 60); do pgrep -u spectradb > /dev/null || break; sleep 1; done
pkill -KILL -u spectradb || true  # as systemd does with what is left; no process outside is seen
wait || true
{BLOCKS[2]}
cd /
echo "ACCOUNT $(runuser -u postgres -- psql -d spectradb -At \\
  -c 'select username, is_superuser from auth_user')"
"""


@pytest.fixture
def told(tmp_path: Path) -> str:
    # Servers in a copy of the machine: nothing that a laptop or a CI host does by chance.
    if not os.environ.get("SPECTRADB_TEST_DEPLOYMENT"):
        pytest.skip("runs by make test-deployment")
    pytest.importorskip("django_prometheus", reason="requirements-operate.txt")
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    if subprocess.run([*alone, "mount", "--bind", "/tmp", "/tmp"], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    asked = ["apt-get", "install", "--yes", "--download-only", "nginx", "redis-server"]
    if subprocess.run(asked, capture_output=True).returncode:
        pytest.skip("needs Debian's packages")
    root = tmp_path / "machine"
    root.mkdir()
    Path(f"{root}.first").write_text(_first())
    Path(f"{root}.then").write_text(_then())
    done = subprocess.run(
        [*alone, "bash", "-e", "-c", _OUTSIDE, "outside", str(root)],
        env={"PATH": _PATH, "HOME": "/root"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.slow
def test_the_commands_lead_to_a_running_site_a_backup_and_the_way_back(told: str) -> None:
    found = dict(re.findall(r"^([A-Z]+) (.*)$", told, re.MULTILINE))
    assert '"status": "ready"' in found["READY"]
    assert found["REDIRECT"] == "301 https://spectra.example.org/cite/"
    assert found["STYLE"] == "200"
    assert int(found["METRICS"]) > 20
    assert int(found["QUEUE"]) > 0
    assert re.search(r"-rw------- 1 spectradb spectradb .*\.sdb", told)
    assert found["ACCOUNT"] == "ann|t"
