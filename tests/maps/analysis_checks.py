"""Build an analysis and compare its files with what docs/maps.md describes."""

from __future__ import annotations

import io
import re

import numpy as np
import orjson
from rest_framework.test import APIClient

from jobs.models import Artefact
from jobs.tasks import building
from tests.helpers import ROOT, ask_analysis, body


def built(client: APIClient, lib, kind: str, **params) -> tuple[dict, dict, dict]:
    """Build an analysis. Return it with its JSON and its NPZ."""
    asked = ask_analysis(client, lib, kind, **params)
    assert asked.status_code == 202, body(asked)
    assert building.artefact_build(artefact_id=body(asked)["id"]), Artefact.objects.get().reason
    shown = body(client.get(asked["Location"]))
    assert (shown["state"], shown["fraction"]) == ("ready", 1)
    files = {f["format"]: b"".join(client.get(f["url"]).streaming_content) for f in shown["files"]}
    found, arrays = orjson.loads(files["json"]), dict(np.load(io.BytesIO(files["npz"])))
    assert found.keys() == {"kind", "job", "model", "demonstration", "params", "facts", *arrays}
    for name, array in arrays.items():
        assert DESCRIBED[name] == ("text" if array.dtype.kind == "U" else array.dtype.name)
    return shown, found, arrays


def described() -> dict[str, str]:
    """Return the type of each column of an analysis from docs/maps.md."""
    page = (ROOT / "docs" / "maps.md").read_text()
    # A row of several columns lists their types in the same order, "int64 [n], text [n]".
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+ \[.*?\]) \|", page.replace("], ", "];"), re.MULTILINE)
    rows = [(re.findall(r"`(\w+)`", names), [one.split()[0] for one in types.split(";")]) for names, types in rows]
    return {name: types[at if len(types) > 1 else 0] for names, types in rows for at, name in enumerate(names)}


DESCRIBED = described()


def cosines(a, b):
    return (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)[None]
