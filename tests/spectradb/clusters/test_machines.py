"""What cannot carry calculations is refused in words; workers inherit no secret."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from spectradb.services.clusters.machines import (
    ClusterError,
    Given,
    Slurm,
    check_connection,
    config_of,
    scrubbed,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("parsl") is None, reason="needs requirements-cluster.txt"
)


def refused(what: object, folder: Path) -> str:
    with pytest.raises(ClusterError) as caught:
        config_of(what, folder)
    return str(caught.value)


def test_without_parsl_its_extra_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "requirements-cluster.txt" in refused(Given(tmp_path / "x.py"), tmp_path)


def test_without_slurm_its_program_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sbatch" in refused(Slurm(1, "0:10:00"), tmp_path)


@pytest.mark.parametrize("walltime", ["10", "1:75:00", "4h", ""])
def test_a_walltime_is_written_in_one_way(walltime, tmp_path) -> None:
    assert "H:MM:SS" in refused(Slurm(1, walltime), tmp_path)


@pytest.mark.parametrize("walltime", ["0:00:00", "0000:00:00"])
def test_no_time_at_all_which_slurm_takes_for_no_limit_is_refused(walltime, tmp_path) -> None:
    assert walltime in refused(Slurm(1, walltime), tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("x = 1", "gives no 'config'"),
        ("config = 3", "gives no 'config'"),
        ("from parsl.config import Config\nconfig = Config()", "ThreadPoolExecutor"),
        (
            "from parsl.config import Config\nfrom parsl.executors import HighThroughputExecutor\n"
            "config = Config([HighThroughputExecutor(encrypted=False)])",
            "encrypted=False",
        ),
    ],
)
def test_a_configuration_that_is_not_right_is_told_with_its_file(text, words, tmp_path) -> None:
    file = tmp_path / "config.py"
    if text is not None:
        file.write_text(text)
    said = refused(Given(file), tmp_path)
    assert words in said
    assert str(file) in said


def test_what_is_started_inherits_nothing_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SECRET_KEY": "a", "DATABASE_URL": "b", "REDIS_URL": "c", "MP_API_KEY": "d",
        "METRICS_TOKEN": "e", "ORCID_CLIENT_SECRET": "f", "EMAIL_URL": "g", "SENTRY_DSN": "h",
        "PGPASSWORD": "i", "AWS_SECRET_ACCESS_KEY": "j", "DJANGO_SETTINGS_MODULE": "k",
        "BACKUP_PASSPHRASE": "l", "SMTP_PASS": "m", "db_password": "n", "MAIL_PWD": "o",
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/slurm.conf")
    with scrubbed():
        assert not secrets.keys() & os.environ.keys()
        assert os.environ["SLURM_CONF"] == "/etc/slurm/slurm.conf"
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["SECRET_KEY"] == "a"


def test_what_connections_take_from_variables_is_to_be_said_in_the_address(monkeypatch) -> None:
    database = SimpleNamespace(vendor="postgresql", get_connection_params=lambda: {"host": "a"})
    check_connection(database)
    monkeypatch.setenv("PGHOST", "b")  # the address goes before it
    check_connection(database)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    with pytest.raises(ClusterError, match=r"PGSSLMODE .*DATABASE_URL instead \(\?sslmode=…\)"):
        check_connection(database)
    check_connection(SimpleNamespace(vendor="sqlite"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "required"),
        (["--local", "0"], "at least 1"),
        (["--slurm"], "needs --blocks"),
        (["--local", "1", "--blocks", "2"], "go with --slurm"),
        (["--local", "1", "--slurm"], "not allowed with"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("run_calculations", *options)


@pytest.mark.django_db
def test_an_unknown_key_of_the_search_is_named() -> None:
    with pytest.raises(CommandError, match="colour"):
        call_command("run_calculations", "--where", "colour=red", "--local", "1")
