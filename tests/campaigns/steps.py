"""What the tests of campaigns do through REST: a campaign, its models, rounds, measurements, and its file."""

from __future__ import annotations

import hashlib

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.learning.dna import coding_sequence
from jobs.tasks.turns import turn_take
from tests.helpers import upload_alignment

PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
NUMBERING = {"start": 3, "skip": [20, 30]}
"""As Ambler's: the first residue is 3, and two numbers are skipped."""
DEAD = "S15A"  # position 13
PLATE = {
    "wells": 96, "wild_type": 4, "dead": 2, "dead_variant": DEAD, "blanks": 2, "random": 8, "replicates": 3,
}  # fmt: skip
FIRST = {"count": 80, "strategy": "greedy", "plate": PLATE, "max_per_position": 2, "seed": 7}


def family(parent: str = PARENT, *, homologs: int = 60, changed: int = 12) -> bytes:
    """Return an alignment in which half of the positions are conserved, and each homolog has `changed` others."""
    generator = np.random.default_rng(0)
    rows = [parent]
    for _ in range(homologs):
        letters = list(parent)
        for at in generator.choice(len(parent) // 2, size=changed, replace=False):
            letters[2 * int(at)] = str(generator.choice(list("AVILMFDEKRST")))
        rows.append("".join(letters))
    return "".join(f">r{n}\n{row}\n" for n, row in enumerate(rows)).encode()


def made(api, **more) -> str:
    """Return the address of a new campaign with the properties activity and Tm."""
    body = {"name": "synthetic", "parent": PARENT, "model": "e1-demo", "numbering": NUMBERING, "exclude": ["1-6"]}
    body |= {"cds": coding_sequence(PARENT, "e_coli") + "TAA", "host": "e_coli"} | more
    answer = api.post("/api/campaigns/", body, format="json")
    assert answer.status_code == 201, answer.content
    url = answer.json()["url"]
    activity = {"name": "activity", "higher_is_better": True, "log": True, "limits": [0.05, None]}
    for told in (
        activity | {"normalisation": "wild_type_ratio"},
        {"name": "Tm", "unit": "°C", "higher_is_better": True, "normalisation": "wild_type_difference"},
    ):
        assert api.post(f"{url}properties/", told, format="json").status_code == 201
    return url


def with_alignment(api) -> str:
    answer = upload_alignment(api, family(), "family.a3m")
    return made(api, alignment=answer.json()["id"])


def trained(api, url, name="activity", **more) -> dict:
    answer = api.post(f"{url}models/", {"property": name, **more}, format="json")
    assert answer.status_code == 202, answer.content
    assert answer.json()["state"] == "queued"
    while turn_take():
        pass
    body = api.get(answer.json()["url"]).json()
    assert body["state"] == "ready", body
    return body


def proposed(api, url, model, **more) -> dict:
    body = FIRST | {"objectives": [{"model": model["n"]}]} | more
    answer = api.post(f"{url}proposals/", body, format="json")
    assert answer.status_code == 201, answer.content
    return api.get(answer.json()["url"]).json()


def upload(api, url, text: str, **fields):
    file = SimpleUploadedFile("plates.csv", text.encode())
    return api.post(f"{url}measurements/", {"file": file, **fields}, format="multipart")


def truth(code: str) -> float:
    """Return an activity of a variant by position that follows no prior."""
    return 0.3 + hashlib.sha256(code.encode()).digest()[0] / 128


def plates_of(body, factor=lambda plate: 1.0) -> list[list[str]]:
    """Return rows of three measured plates: 3 variants failed, 5 are below the limit, one comma is decimal."""
    variants = sorted({row["sequential"] for row in body["rows"] if row["role"] == "variant"})
    failed, low = set(variants[:3]), set(variants[3:8])
    rows = []
    for row in body["rows"]:
        code = row["sequential"]
        value = {"wild_type": 2.0, "dead": 0.1, "blank": 0.06}.get(row["role"]) or 2 * truth(code)
        activity = "failed" if code in failed else "<0.05" if code in low else repr(value * factor(row["plate"]))
        tm = "" if code in failed else repr(50.0 + value)
        rows.append([row["plate"], row["well"], row["variant"] or row["role"], row["role"], activity, tm])
    return rows


def text_of(rows) -> str:
    return "plate;well;variant;role;activity;Tm\n" + "".join(";".join(row) + "\n" for row in rows)


def some_singles(count: int) -> list[list[str]]:
    rows = [["1", f"{'ABCDEFGH'[n // 12]}{n % 12 + 1}", "WT", "", "2.0", "50"] for n in range(2)]
    for n in range(2, count + 2):
        at = n % 40 + 8  # a position
        label = at + 2 + (at + 2 >= 20) + (at + 3 >= 30)
        new = "A" if PARENT[at - 1] != "A" else "G"
        code = f"{PARENT[at - 1]}{label}{new}"
        rows.append(["1", f"{'ABCDEFGH'[n // 12]}{n % 12 + 1}", code, "", repr(2 * truth(code)), "51.5"])
    return rows


def exported(api, url: str) -> bytes:
    answer = api.get(f"{url}export/")
    assert answer.status_code == 200, answer.content
    assert answer.streaming
    assert answer["Content-Type"] == "application/zip"
    return b"".join(answer.streaming_content)


def imported(api, content: bytes):
    return api.post("/api/campaigns/import/", {"file": SimpleUploadedFile("c.zip", content)}, format="multipart")
