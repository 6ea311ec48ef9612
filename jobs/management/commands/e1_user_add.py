"""`manage.py e1_user_add NAME`: an ordinary user with a token."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.db import IntegrityError, transaction

from jobs.management.commands._users import create_user, new_password
from jobs.management.refusals import Refusal, ServiceCommand


class Command(ServiceCommand):
    help = "Add a user; prints a random password (unless given on standard input) and a token, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name: letters, digits and @.+-_")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password's line from standard input"
        )

    def handle(self, *args: Any, name: str, password_stdin: bool, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else new_password()
        user = get_user_model()(username=name)
        try:
            if password_stdin:
                validate_password(password, user)
            user.clean_fields(exclude=["password"])
            with transaction.atomic():
                key = create_user(name, password=password, superuser=False, token_name="user added")  # noqa: S106
        except ValidationError as error:
            raise Refusal(f"the user {name!r} cannot be added: {' '.join(error.messages)}", code="bad_user") from error
        except IntegrityError as error:
            raise Refusal(f"there is a user {name!r} already; choose another name", code="user_exists") from error
        if not password_stdin:
            self.stdout.write(f"password {password}")
        self.stdout.write(f"token {key}")
