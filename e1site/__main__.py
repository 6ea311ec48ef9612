"""Django's command line for this service: `python -m e1site COMMAND`, and `manage.py`."""

from __future__ import annotations

import os
import sys

USAGE = 2


def main() -> None:
    """Run a management command. A setting that cannot be used ends it with a sentence, not with a traceback."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "e1site.settings"
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"e1: {error} [bad_setting]", file=sys.stderr)  # noqa: T201 - for a person
        raise SystemExit(USAGE) from error


if __name__ == "__main__":
    main()
