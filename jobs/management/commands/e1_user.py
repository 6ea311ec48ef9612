"""`manage.py e1_user list | password NAME | deactivate NAME | activate NAME | delete NAME`: users of the service."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.db.models import Count

from jobs.accounts.users import password_set, user_activate, user_deactivate, user_named
from jobs.management.commands._users import new_password
from jobs.management.refusals import Refusal, ServiceCommand
from jobs.models import ApiToken, Campaign, Job
from jobs.operations.leaving import user_delete


class Command(ServiceCommand):
    help = "List users, give them a new password, deactivate or activate them, delete them with all their work."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("list", help="show all users")
        password = what.add_parser("password", help="set a new password and end all sessions of the user")
        password.add_argument("--password-stdin", action="store_true", help="read it from standard input")
        password.add_argument("--revoke-tokens", action="store_true", help="revoke all API tokens too")
        off = what.add_parser("deactivate", help="refuse the user and pause their work; nothing is deleted")
        on = what.add_parser("activate", help="accept the user again and resume their work")
        delete = what.add_parser("delete", help="delete a user")
        delete.add_argument("--with-jobs", action="store_true", help="delete jobs, results and campaigns too")
        for one in (password, off, on, delete):
            one.add_argument("name")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        if what == "list":
            self._list()
        else:
            getattr(self, f"_{what}")(user_named(options["name"]), options)

    def _list(self) -> None:
        for user in User.objects.annotate(owned=Count("jobs")).order_by("username"):
            tokens = ApiToken.objects.filter(user=user).count()
            seen = f"last login {user.last_login:%Y-%m-%d}" if user.last_login else "no login yet"
            words = ["administrator" if user.is_superuser else "user", "active" if user.is_active else "deactivated"]
            words += [seen, f"{_counted(user.owned, 'job')}", f"{_counted(tokens, 'token')}"]
            self.stdout.write(f"{user.get_username()}: {', '.join(words)}")

    def _password(self, user: User, options: dict[str, Any]) -> None:
        given = options["password_stdin"]
        password = sys.stdin.readline().rstrip("\r\n") if given else new_password()
        revoked = password_set(user=user, password=password, revoke=options["revoke_tokens"])
        if not given:
            self.stdout.write(f"password {password}")
        left = ApiToken.objects.filter(user=user).count()
        hint = f"; {_counted(left, 'API token')} still valid, --revoke-tokens revokes them" if left else ""
        done = f"; {_counted(revoked, 'API token')} revoked" if options["revoke_tokens"] else hint
        self.stdout.write(f"all sessions of {user.get_username()} have ended{done}")

    def _deactivate(self, user: User, options: dict[str, Any]) -> None:
        user_deactivate(user=user)
        self.stdout.write(f"{user.get_username()} is deactivated: nothing is deleted, and unfinished jobs are paused")

    def _activate(self, user: User, options: dict[str, Any]) -> None:
        user_activate(user=user)
        self.stdout.write(f"{user.get_username()} is active, and jobs that were paused with the user go on")

    def _delete(self, user: User, options: dict[str, Any]) -> None:
        """Delete the user after their jobs, one job at a time: a stop in between leaves the others."""
        jobs = Job.objects.filter(owner=user)
        campaigns = Campaign.objects.filter(owner=user)
        if (jobs.exists() or campaigns.exists()) and not options["with_jobs"]:
            has = f"{_counted(jobs.count(), 'job')} and {_counted(campaigns.count(), 'campaign')}"
            raise Refusal(
                f"{user.get_username()} has {has}; use `deactivate`, which deletes nothing, or --with-jobs",
                code="user_has_jobs",
            )
        name = user.get_username()
        gone = user_delete(user=user)
        self.stdout.write(f"deleted {name} and {_counted(gone, 'job')}")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
