"""What the commands about public links print, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from e1client.progress import say
from e1client.reading import Body
from e1client.shell import show

DaysOption = Annotated[int | None, typer.Option(min=1, help="Days until it ends; without it, when you revoke it.")]


def say_what_is_public(state: Body) -> None:
    """Print on standard error what everybody with a link will see, before it is made."""
    say("Everybody with the link sees:")
    for line in state["shows"]:
        say(f"  {line}")
    say("It does not show:")
    for line in state["leaves_out"]:
        say(f"  {line}")


def show_link(url: str, *, as_json: bool) -> None:
    show({"url": url}, lambda body: iter([str(body["url"])]), as_json=as_json)
