"""The gain of a model over its prior in words: what was found, and so who ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.campaigns.cards import KIND_WORDS, number, signed
from jobs.learning.gains import LEAST_SHOWN

NONE_YET = "No gain over the prior yet"


@dataclass(frozen=True, slots=True)
class Gain:
    """The gain over the prior: a headline, what it means, and whether it is shown."""

    headline: str
    text: str
    shown: bool


def gain_of(card: Mapping[str, Any]) -> Gain:
    """Return the gain in words."""
    gain = card["gain"]
    if card.get("method") is None:
        reason = next(iter(card["reasons"].values()), "there is too little to learn from")
        return Gain(NONE_YET, f"Nothing was learnt: {reason}. The prior ranks.", shown=False)
    if card["prior"]["used"] == "none":
        text = "The model has no prior, so there is nothing to compare it with. The model ranks."
        return Gain("No prior", text, shown=False)
    if None in (gain["value"], gain["low"], gain["high"]):
        text = "The difference to the prior cannot be found with these variants. The prior ranks."
        return Gain(NONE_YET, text, shown=False)
    if "spearman" not in gain:
        return _of_older(gain)
    headline, why = _judged(gain, by_model=card["ranks_by"] == "model")
    text = (
        f"Squared error of held-out predictions {share(gain['value'])}, {100 * gain['level']:.0f} % interval "
        f"{share(gain['low'])} to {share(gain['high'])}, compared with a line on the prior. "
        f"{_order(gain['spearman'])}. {gain['n']:,} variants, folds {KIND_WORDS[gain['folds']]}. {why}"
    )
    return Gain(headline, text, shown=card["ranks_by"] == "model")


def _judged(gain: Mapping[str, Any], *, by_model: bool) -> tuple[str, str]:
    """Return the headline, and why who ranks. The rule is that of `jobs.learning.gains`."""
    low, high, n = gain["low"], gain["high"], gain["n"]
    if by_model:
        why = "The model predicts held-out variants better than its prior and ranks them no worse, so the model ranks."
        return f"Gain over the prior: squared error {share(gain['value'])}", why
    if low == high == 0:
        return NONE_YET, "The model predicts what the line does: it has learnt nothing else."
    if high < 0:
        worse = "The model predicts held-out variants worse than its prior, so the prior ranks."
        return f"{NONE_YET}: the model is worse", worse
    if n < LEAST_SHOWN:
        return NONE_YET, f"With fewer than {LEAST_SHOWN} measured variants the prior ranks."
    if low > 0:
        return NONE_YET, "The model predicts better, but does not rank held-out variants better, so the prior ranks."
    least = gain["detectable"]
    more = "" if least is None else f" With {n:,} variants, the smallest gain that can be shown is {100 * least:.0f} %."
    return NONE_YET, f"The interval includes 0, so the ranking that you get is the prior's.{more}"


def _order(figure: Mapping[str, float | None]) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    ends = "" if low is None or high is None else f" (95 % interval {signed(low)} to {signed(high)})"
    return "Spearman not defined" if value is None else f"Spearman {signed(value)}{ends}"


def share(value: float) -> str:
    """Return a share of the prior's error that the model removes, with a sign: what is removed is negative."""
    percent = round(-100 * value)
    return f"{number(percent, 0)} %" if percent <= 0 else f"+{percent} %"


def _of_older(gain: Mapping[str, Any]) -> Gain:
    """Return the words for a model of an older service, whose gain is a difference of Spearman at 99 %."""
    low, high = gain["low"], gain["high"]
    text = (
        f"Spearman {signed(gain['value'])}, 99 % interval {signed(low)} to {signed(high)}, {gain['n']:,} variants, "
        f"folds {KIND_WORDS[gain['folds']]}."
    )
    if low > 0:
        return Gain(f"Gain over the prior: {signed(gain['value'])}", f"{text} The model ranks.", shown=True)
    return Gain(NONE_YET, f"{text} The prior ranks. A new model is judged by today's rule.", shown=False)
