"""How a feature shows the results of its action on the pages of jobs and items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from jobs.models import Item, Job

Context = Callable[[HttpRequest, Job, Item, Mapping[str, Any]], Mapping[str, Any]]
"""What a template needs, from the result of an item, and from the query and the session of a request."""


@dataclass(frozen=True, slots=True)
class ResultPage:
    """The templates of one action. Actions without a page of their own are summarised (`jobs.results.summaries`).

    `template` shows the result of an item. `script` is its entry in the bundle of scripts. `fragments` are the parts
    that htmx asks for, by the id of their target. `form` is a form on the page of an item, which shows there why it was
    refused.
    """

    action: str
    template: str
    context: Context
    script: str = ""
    fragments: Mapping[str, tuple[str, Context]] = field(default_factory=dict)
    form: str = ""
    links: str = ""
    """Template of the links on the page of a job that has results."""
    picture: str = ""
    """What the page of an item draws, in words: a job of one item links to it."""
