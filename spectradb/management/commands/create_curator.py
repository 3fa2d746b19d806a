"""``create_curator NAME``: the first account that decides, or another one."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Make an account that curates, or give an account that role; the password is asked for."
    requires_system_checks = ["spectradb"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", default="")
        parser.add_argument(
            "--administrator", action="store_true", help="may do everything, accounts included"
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="the password is the first line of stdin"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from spectradb.services.accounts.roles import CURATOR, give_role, make_roles

        users, name = get_user_model().objects, options["name"]
        user = users.filter(username=name).first()
        if user is None:
            try:
                user = users.model(username=name, email=options["email"])
                password = self._password(options["password_stdin"])
                user.full_clean(exclude=["password"])
                validate_password(password, user)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
            user.set_password(password)
            user.save()
        make_roles()
        give_role(user, CURATOR)
        if options["administrator"]:
            user.is_staff = user.is_superuser = True
            user.save(update_fields=["is_staff", "is_superuser"])
        role = "administrator" if options["administrator"] else "curator"
        self.stderr.write(
            f"{name} is a {role} now." if role == CURATOR else f"{name} is an {role}."
        )

    @staticmethod
    def _password(from_stdin: bool) -> str:
        if from_stdin:
            return sys.stdin.readline().rstrip("\n")
        if not sys.stdin.isatty():
            raise CommandError("no terminal to ask for a password: use --password-stdin")
        first = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != first:
            raise CommandError("the two are not the same")
        return first
