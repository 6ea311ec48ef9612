"""`requests` and `curl` as the published documentation shows them: only the address differs."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import MODEL, Alone, agree
from tests.clients.environments import BIOLMAI, RUN_SECONDS, Published
from tests.needed import needed_program, unavailable
from tests.stack import Stack

PUBLISHED_ADDRESS = "https://biolm.ai/api/v3/e1-600m"
PREDICT = """{
  "items": [
    {
      "sequence": "MKTAYIAKQ?QISFVKSHFSRQ",
      "context_sequences": [
        "MKTAYIAKQKQISFVKSHFSRQ",
        "MKSAYIARQRQISFVRSHFSRQ"
      ]
    },
    {
      "sequence": "GAVLILMSTAV??QKAGV?",
      "context_sequences": null
    }
  ]
}"""
ENCODE = """{
  "params": {
    "repr_layers": [
      -1
    ],
    "include": [
      "mean",
      "per_token",
      "logits"
    ]
  },
  "items": [
    {
      "sequence": "MAHHWGYGKHNGPEHWHKDF"
    },
    {
      "sequence": "GSHMLEDPVDAFKL"
    }
  ]
}"""
LOG_PROB = '{"items": [{"sequence": "MAHHWGYGKHNGPEHWHKDF"}, {"sequence": "GSHMLEDPVDAFKL"}]}'
BODIES = {"predict": PREDICT, "encode": ENCODE, "log_prob": LOG_PROB}

CURL = """
curl -X POST https://biolm.ai/api/v3/e1-600m/ACTION/ \\
  -H "Authorization: Token YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d 'BODY'
"""
OLDER_CURL = """
curl --location 'https://biolm.ai/api/v3/e1-600m/ACTION/' \\
--header "Authorization: Token $BIOLMAI_TOKEN" \\
--header 'Content-Type: application/json' \\
--data 'BODY'
"""
REQUESTS = """
import requests

url = "https://biolm.ai/api/v3/e1-600m/ACTION/"
headers = {
    "Authorization": "Token YOUR_API_KEY",
    "Content-Type": "application/json"
}
payload = BODY

response = requests.post(url, headers=headers, json=payload)
print(response.json())
"""
OLDER_REQUESTS = """
import requests
import json
import os

url = "https://biolm.ai/api/v3/e1-600m/ACTION/"

payload = json.dumps(BODY)
headers = {
  'Authorization': 'Token {}'.format(os.environ['BIOLMAI_TOKEN']),
  'Content-Type': 'application/json'
}

response = requests.request("POST", url, headers=headers, data=payload)

print(response.text)
"""


Run = Callable[[list[str], str, str], str]


@pytest.fixture
def run(stack: Stack) -> Run:
    """Run a documented command for an action and return its output. Only the address and the key are changed."""

    def start(command: list[str], form: str, action: str) -> str:
        text = form.replace(PUBLISHED_ADDRESS, f"{stack.url}/api/v3/{MODEL}").replace("YOUR_API_KEY", stack.token)
        env = {"PATH": os.environ["PATH"], "BIOLMAI_TOKEN": stack.token}
        done = subprocess.run(
            [*command, text.replace("ACTION", action)],
            env=env,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start


def expected(alone: Alone, action: str) -> Any:
    body = json.loads(BODIES[action])
    return {"results": alone(action, body["items"], body.get("params"))}


@pytest.mark.parametrize("action", BODIES)
@pytest.mark.parametrize("form", [CURL, OLDER_CURL], ids=["curl", "older curl"])
def test_curl(run: Run, alone: Alone, form: str, action: str) -> None:
    needed_program("curl", package="curl")
    printed = run(["sh", "-c"], form.replace("BODY", BODIES[action]), action)
    agree(json.loads(printed), expected(alone, action))


@pytest.mark.slow  # `requests` comes with a client that is installed from a registry
@pytest.mark.parametrize("action", BODIES)
@pytest.mark.parametrize("form", [REQUESTS, OLDER_REQUESTS], ids=["requests", "older requests"])
def test_requests(run: Run, alone: Alone, built: dict[Published, str], form: str, action: str) -> None:
    """`requests` comes with biolmai; its documentation writes bodies as Python literals."""
    if built[BIOLMAI]:
        unavailable(built[BIOLMAI])
    printed = run([str(BIOLMAI.python), "-c"], form.replace("BODY", BODIES[action].replace("null", "None")), action)
    found = ast.literal_eval(printed) if form is REQUESTS else json.loads(printed)
    agree(found, expected(alone, action))
