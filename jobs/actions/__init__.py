"""What can be asked of a model: one module per action, and one line in the registry below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jobs.actions.base import Action, ItemView, Stored
from jobs.actions.contacts import Contacts
from jobs.actions.direct import DirectAction
from jobs.actions.encode import Encode
from jobs.actions.log_prob import LogProb
from jobs.actions.predict import Predict
from jobs.actions.scan import Scan
from jobs.actions.score import Score
from jobs.actions.units import LongAction
from jobs.errors import InvalidInput

__all__ = ["ACTIONS", "SCORERS", "Action", "DirectAction", "ItemView", "LongAction", "Scan", "Stored", "get_action"]

ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Encode(),
        Predict(),
        LogProb(),
        Score(),
        Scan(),
        Contacts(),
    )
}
SCORERS = tuple(sorted(action.name for action in ACTIONS.values() if action.scores_variants))

ALIASES = MappingProxyType({"predict_log_prob": "log_prob"})
"""Other names that published clients use."""


def get_action(name: str) -> Action:
    """Return the action of this name or alias. Raises InvalidInput `unknown_action`."""
    action = ACTIONS.get(ALIASES.get(name, name))
    if action is None:
        choice = f"Choose from {', '.join(ACTIONS)}."
        raise InvalidInput.one("unknown_action", f"there is no action {name!r}", choice, path="action")
    return action
