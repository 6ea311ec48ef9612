"""From the text fields of forms to the bodies that REST takes. Most of what is wrong is refused as in REST."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from e1protocol import CANONICAL
from jobs.campaigns.libraries import MINIMAL
from jobs.campaigns.plates import NUMBERS
from jobs.errors import InvalidInput
from jobs.science.variants.numbering_forms import numbering_of_texts
from jobs.web.numbers import typed

OBJECTIVES = 3
"""Objectives that the form of a proposal offers. REST takes more."""


def _given(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields that are filled in, without blanks around them."""
    return {name: text for name in names if (text := form.get(name, "").strip())}


def _typed(form: Mapping[str, str], *names: str) -> dict[str, Any]:
    return {name: typed(text) for name, text in _given(form, *names).items()}


def listed(text: str) -> list[str]:
    """Return variants separated by blanks, commas or lines. A semicolon is part of a code, as in `p.[A24T;G56D]`."""
    return [one for one in re.split(r"[\s,]+", text) if one]


def ranges(text: str) -> list[str]:
    """Return ranges such as `1-25, 70`. Blanks around a hyphen belong to its range."""
    return [one for one in re.split(r"[,;\s]+", re.sub(r"(?<=\d)\s*-\s*(?=\d)", "-", text.strip())) if one]


def campaign_body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a campaign. Raises InvalidInput for a numbering that cannot be read."""
    body: dict[str, Any] = _given(form, "name", "model", "context_set", "alignment", "cds", "host", "project")
    body["parent"] = sequence_of(form.get("parent", ""))
    numbering = numbering_of_texts(form.get("offset", ""), form.get("skip", ""), form.get("labels", ""), prefix="")
    body["numbering"] = numbering.get("numbering", numbering.get("offset"))
    if excluded := ranges(form.get("exclude", "")):
        body["exclude"] = excluded
    return body


def sequence_of(text: str) -> str:
    """Return pasted residues without the header of FASTA."""
    first, _, rest = text.strip().partition("\n")
    return rest if first.startswith(">") else text


def property_body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a property."""
    body: dict[str, Any] = _given(form, "name", "unit", "normalisation")
    if (direction := form.get("direction")) in ("higher", "lower"):
        body["higher_is_better"] = direction == "higher"
    body["log"] = form.get("log") == "true"
    limits = _typed(form, "limit_low", "limit_high")
    if limits:
        body["limits"] = [limits.get("limit_low"), limits.get("limit_high")]
    return {**body, **_typed(form, "threshold")}


def upload_fields(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of `measurements_add` that are not the file. Raises InvalidInput."""
    given = _given(form, "property", "column", "sheet")
    name, column = given.get("property", ""), given.get("column")
    if column and not name:
        what = "a column is named, and no property"
        raise InvalidInput.one("missing_field", what, "Choose the property that the column has.", path="property")
    number = _typed(form, "round").get("round")
    if number is not None and not isinstance(number, int):
        raise InvalidInput.one("bad_value", f"round is {str(number)[:60]!r}", "Choose a round.", path="round")
    return {
        "wanted": "" if column else name,
        "columns": {name: column} if column else None,
        "round_number": number,
        "sheet": given.get("sheet", ""),
    }


def model_body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a model."""
    return {**_given(form, "property", "prior", "features"), **_typed(form, "seed")}


def prediction_body(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a request for predictions."""
    variants = listed(form.get("variants", ""))
    match form.get("what", "variants"):
        case "all_singles":
            return {"all_singles": True}
        case "combinations":
            return {"combinations": variants}
    return {"variants": variants}


def site_field(name: str, label: str) -> str:
    """Return the name of the field of one site of a library, such as `wanted-104`."""
    return f"{name}-{label}"


def library_body(form: Mapping[str, str], labels: Sequence[str]) -> dict[str, Any]:
    """Return the body of a library at these sites. A site without codons or residues of its own has those of all."""
    body: dict[str, Any] = {
        **_given(form, "budget_of", "host"),
        **_typed(form, "best", "budget"),
        "sites": list(labels),
    }
    body["scheme"] = {one: form.get(site_field("scheme", one)) or form.get("scheme") or "NNK" for one in labels}
    own = {one: _residues(form.get(site_field("wanted", one), "")) for one in labels}
    every = _residues(form.get("wanted", ""))
    if "best" not in body:
        every = every or CANONICAL  # of minimal codons; the other schemes say themselves what they code for
    wanted = {one: residues or (every if body["scheme"][one] == MINIMAL else "") for one, residues in own.items()}
    body["wanted"] = {one: residues for one, residues in wanted.items() if residues}
    return body


def _residues(text: str) -> str:
    """Return residues in capitals, without what separates them."""
    return re.sub(r"[\s,;]+", "", text).upper()


def proposal_body(form: QueryDict) -> dict[str, Any]:
    """Return the body of a proposal. Raises InvalidInput if no model is chosen."""
    body: dict[str, Any] = {**_given(form, "strategy"), **_typed(form, "count", "max_per_position", "seed")}
    body["objectives"] = _objectives(form)
    mutations = _typed(form, "fewest", "most")
    if mutations:
        fewest = mutations.get("fewest", 1)
        body["mutations"] = [fewest, mutations.get("most", fewest)]
    if excluded := ranges(form.get("exclude", "")):
        body["exclude"] = excluded
    pool = form.get("pool", "singles")
    if pool in ("list", "combinations"):
        variants = listed(form.get("variants", ""))
        body["pool"] = variants if pool == "list" else {"combinations": variants}
    else:
        body["pool"] = pool
    if form.get("plate") == "true":
        body["plate"] = {**_typed(form, *NUMBERS), **_given(form, "dead_variant")}
    return body


def _objectives(form: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for at in range(1, OBJECTIVES + 1):
        one = _typed(form, f"model{at}", f"threshold{at}")
        if model := one.get(f"model{at}"):
            threshold = one.get(f"threshold{at}")
            found.append({"model": model, **({} if threshold is None else {"threshold": threshold})})
    if not found:
        raise InvalidInput.one("bad_objectives", "no model is chosen", "Choose the model that ranks.", path="model1")
    return found
