"""A filter for what everybody can read."""

from __future__ import annotations

import re

from django import template

register = template.Library()

# It begins at the start of a word only, so that long words without an @ are read once.
ADDRESS = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,254}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
INSTEAD = "[e-mail address left out]"


@register.filter
def without_addresses(text: str) -> str:
    """Return text without e-mail addresses: people wrote them for members, not for everybody."""
    return ADDRESS.sub(INSTEAD, text)
