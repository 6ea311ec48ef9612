"""biolmai 0.4 and biolm-sdk 1.7: items have the same results as alone, and errors arrive in each client's form."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import MODEL, Alone, agree
from tests.clients.environments import BIOLM_SDK, DEFAULT_THREADS, Installed
from tests.clients.listeners import HostedSite, Relay

pytestmark = pytest.mark.slow  # each client is installed from a registry

SEQUENCES = [
    "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ",
    "MAHHWGYGKHNGPEHWHKDFPIAKGERQSPVDI",
    "GSHMLEDPVDAFKL",
    "MSTNPKPQRKTKRNTNRRPQDVKFPGG",
    "MVLSPADKTNVKAAWGKVGAHAGEYGAEALERM",
]
HOMOLOGS = ["MKTAYIAKQKQISFVKSHFSRQLEERLGMIEVQ", "MKSAYIARQRQISFVRSHFSRQ"]
MASKED = ["MKTAYIAKQ?QISFVKSHFSRQ", "GAVLILMSTAV??QKAGV?"]
MANY = [SEQUENCES[n % len(SEQUENCES)][n:] for n in range(13)]
"""More items than one request takes, all different."""


def items(sequences: list[str], **fields: Any) -> list[dict[str, Any]]:
    return [{"sequence": sequence, **fields} for sequence in sequences]


def test_the_one_off_forms(client: Installed, alone: Alone) -> None:
    program = """
import json, sys
from PACKAGE import BioLM, biolm
one, more = json.load(sys.stdin)
print(json.dumps([
    biolm(entity="e1-demo", action="encode", type="sequence", items=one),
    biolm(entity="e1-demo", action="encode", type="sequence", items=more),
    BioLM(entity="e1-demo", action="encode", params={}, items=[{"sequence": one}]),
]))
"""
    single, several, named = client.run(program, [SEQUENCES[0], SEQUENCES])
    expected = alone("encode", items(SEQUENCES))
    agree(single, expected[0])
    agree(several, expected)
    agree(named, expected[0])
    assert len(single["embeddings"][0]["embedding"]) == 128


def test_everything_that_encode_gives(client: Installed, alone: Alone) -> None:
    program = """
import json, sys
from PACKAGE import Model
items, params = json.load(sys.stdin)
print(json.dumps(Model("e1-demo").encode(items=items, params=params)))
"""
    params = {"include": ["mean", "per_token", "logits"], "repr_layers": [0, 3, -1]}
    sent = [
        {"sequence": SEQUENCES[0], "context_sequences": HOMOLOGS},
        {"sequence": SEQUENCES[1], "context_sequences": None},
        {"sequence": SEQUENCES[2]},
    ]
    found = client.run(program, [sent, params])
    agree(found, alone("encode", sent, params))
    assert [entry["layer"] for entry in found[0]["embeddings"]] == [0, 3, 6]
    assert [len(result["per_token_embeddings"][0]["embeddings"]) for result in found] == [33, 33, 14]
    assert found[0]["context_sequence_count"] == 2


def test_masked_residues(client: Installed, alone: Alone) -> None:
    program = """
import json, sys
from PACKAGE import BioLM
print(json.dumps(BioLM(entity="e1-demo", action="predict", params={}, items=json.load(sys.stdin))))
"""
    sent: list[dict[str, Any]] = [
        {"sequence": MASKED[0], "context_sequences": HOMOLOGS},
        {"sequence": MASKED[1], "context_sequences": None},
    ]
    found = client.run(program, sent)
    agree(found, alone("predict", sent))
    for result, sequence in zip(found, MASKED, strict=True):
        assert result["sequence_tokens"] == list(sequence)
        assert [len(row) for row in result["logits"]] == [20] * len(sequence)


def test_log_prob_by_call(client: Installed, alone: Alone) -> None:
    """Neither client has a method for log_prob. `call` sends any action, with up to eight items unchanged."""
    program = """
import json, sys
from PACKAGE import BioLMApi
items = json.load(sys.stdin)
model = BioLMApi("e1-demo")
print(json.dumps([model.call("log_prob", items), model.call("predict_log_prob", items)]))
"""
    sent = [*items(SEQUENCES), {"sequence": SEQUENCES[0], "context_sequences": HOMOLOGS}]
    found, by_other_name = client.run(program, sent)
    expected = alone("log_prob", sent)
    agree(found, expected)
    agree(by_other_name, expected)
    assert found[0]["log_prob"] != found[-1]["log_prob"], "the context must matter"


def test_the_asynchronous_client(client: Installed, alone: Alone) -> None:
    program = """
import asyncio, json, sys
from PACKAGE import BioLMApiClient
items = json.load(sys.stdin)

async def main():
    async with BioLMApiClient("e1-demo") as model:
        return await asyncio.gather(model.encode(items=items), model.call("log_prob", items))

print(json.dumps(asyncio.run(main())))
"""
    sent = items(SEQUENCES)
    encoded, scored = client.run(program, sent)
    agree(encoded, alone("encode", sent))
    agree(scored, alone("log_prob", sent))


ENCODE_MANY = """
import json, sys
from PACKAGE import Model
print(json.dumps(Model("e1-demo").encode(type="sequence", items=json.load(sys.stdin))))
"""


@pytest.mark.usefixtures("batches_by_eight")
def test_more_than_eight_items_go_by_eight(client: Installed, relay: Relay, hosted: HostedSite, alone: Alone) -> None:
    """biolmai reads the schema of the service, biolm-sdk that of the hosted site, without a token."""
    found = client.run(ENCODE_MANY, MANY)
    agree(found, alone("encode", items(MANY)))
    assert sorted(len(sent.items) for sent in relay.posted()) == [5, 8]
    schema = f"/api/v3/schema/{MODEL}/encode/"
    asked = (relay.log, hosted.log) if client.published is not BIOLM_SDK else (hosted.log, relay.log)
    assert {sent.path for sent in asked[0] if sent.method == "GET"} == {schema}
    assert [sent.path for sent in asked[1] if sent.method == "GET"] == []
    assert all("authorization" not in sent.headers for sent in hosted.log)


def test_a_model_that_the_hosted_site_does_not_know(client: Installed, relay: Relay, alone: Alone) -> None:
    """biolm-sdk then sends single items; biolmai does not ask the hosted site."""
    found = client.run(ENCODE_MANY, MANY)
    agree(found, alone("encode", items(MANY)))
    single = client.published is BIOLM_SDK
    assert sorted(len(sent.items) for sent in relay.posted()) == ([1] * len(MANY) if single else [5, 8])


@pytest.mark.usefixtures("batches_by_eight")
def test_bodies_over_256_bytes_come_gzipped(client: Installed, relay: Relay, alone: Alone) -> None:
    program = """
import json, sys
from PACKAGE import Model
model = Model("e1-demo")
print(json.dumps([model.encode(type="sequence", items=[text]) for text in json.load(sys.stdin)]))
"""
    short, long = SEQUENCES[0], SEQUENCES[0] * 10
    found = client.run(program, [short, long])
    agree(found, alone("encode", items([short, long])))
    assert [(sent.gzipped, len(sent.plain) > 256) for sent in relay.posted()] == [(False, False), (True, True)]


@pytest.mark.usefixtures("batches_by_eight")
def test_a_bad_letter_strikes_its_item_only(client: Installed, alone: Alone) -> None:
    """The clients send a refused batch again item by item, and put the error in the place of its item."""
    program = """
import json, sys
from PACKAGE import biolm
print(json.dumps(biolm(entity="e1-demo", action="encode", type="sequence", items=json.load(sys.stdin))))
"""
    good = SEQUENCES[:2]
    first, error, last = client.run(program, [good[0], "MKT1YIA", good[1]])
    agree([first, last], alone("encode", items(good)))
    assert (error["status_code"], error["code"]) == (400, "bad_letter")
    assert "'1'" in error["error"]
    assert error["errors"][0]["path"] == "items.0.sequence"


@pytest.mark.usefixtures("batches_by_eight")
def test_errors_as_exceptions(client: Installed) -> None:
    program = """
import httpx, json, sys
from PACKAGE import BioLMApi
try:
    BioLMApi("e1-demo", raise_httpx=True, retry_error_batches=False).encode(items=json.load(sys.stdin))
except httpx.HTTPStatusError as error:
    print(json.dumps([error.response.status_code, json.loads(str(error))]))
"""
    status, body = client.run(program, items([SEQUENCES[0], "MKTJ"]))
    assert status == body["status_code"] == 400
    assert [(one["code"], one["path"]) for one in body["errors"]] == [("bad_letter", "items.1.sequence")]


REFUSALS = [
    ("e1-demo", "log_prob", 9, "", 400, "too_many_items"),
    ("e1-demo", "generate", 1, "", 404, "unknown_action"),
    ("e2-demo", "encode", 1, "", 404, "unknown_model"),
    ("e1-demo", "encode", 1, "nobodys", 401, "authentication_failed"),
]
"""Model, action, number of items, token; status and code of the answer."""


def test_refusals_say_what_and_why(client: Installed) -> None:
    program = """
import json, sys
from PACKAGE import BioLMApi
print(json.dumps([BioLMApi(model, api_key=key or None).call(*sent) for model, key, *sent in json.load(sys.stdin)]))
"""
    sent = [[model, token, action, items(SEQUENCES[:1] * n)] for model, action, n, token, *_ in REFUSALS]
    errors = client.run(program, sent)
    assert [(error["status_code"], error["code"]) for error in errors] == [row[-2:] for row in REFUSALS]
    assert all(error["error"] == error["detail"] != "" for error in errors)


@pytest.mark.usefixtures("batches_by_eight")
def test_from_a_fasta_file_to_a_results_file(client: Installed, alone: Alone, tmp_path: Path) -> None:
    """The clients' FASTA reader adds an id and metadata to each item; the service accepts both."""
    program = """
import json, sys
from PACKAGE import Model, load_fasta
library, out = json.load(sys.stdin)
Model("e1-demo").encode(items=load_fasta(library), output="disk", file_path=out)
print("null")
"""
    library, out = tmp_path / "library.fasta", tmp_path / "results.jsonl"
    library.write_text("".join(f">protein{n} a comment\n{text}\n" for n, text in enumerate(MANY)))
    client.run(program, [str(library), str(out)])
    agree([json.loads(line) for line in out.read_text().splitlines()], alone("encode", items(MANY)))


def test_fewer_than_four_cores_need_a_lower_thread_setting(client: Installed) -> None:
    """docs/client.md asks users to set it: the default is 16, and the clients accept at most four a core."""
    done = client.start("import PACKAGE", **{f"{client.published.prefix}_THREADS": ""})
    enough = 4 * (os.cpu_count() or 1) >= DEFAULT_THREADS
    assert (done.returncode == 0) == enough, done.stderr
    if not enough:
        assert f"update environment variable {client.published.prefix}_THREADS" in done.stderr
