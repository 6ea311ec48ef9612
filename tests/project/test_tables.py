"""The tables that docs/make_tables.py writes are those of the program, and every parameter and setting is in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from e1client.analysis_cli import ANALYSIS_PARAMETERS
from e1client.cli import app
from e1protocol import MODELS
from e1protocol.parameters import PARAMETER_TEXTS
from jobs.actions import ACTIONS
from jobs.actions.schema import request_schema
from tests.helpers import ROOT

ACTIONS_PAGE = (ROOT / "docs" / "actions.md").read_text()


def test_the_made_tables_are_up_to_date():
    check = [sys.executable, str(ROOT / "docs" / "make_tables.py"), "--check"]
    result = subprocess.run(check, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def section(title: str) -> str:
    return re.split(r"^##+ ", ACTIONS_PAGE.partition(f"### {title}\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", ACTIONS)
def test_each_parameter_of_an_action_has_a_row_and_one_text_everywhere(name):
    action, model = ACTIONS[name], MODELS["e1-600m"]
    names = {*action.param_names, "precision", "contexts"}
    assert set(PARAMETER_TEXTS[name]) == names
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", section(name), re.MULTILINE))
    assert rows == dict(PARAMETER_TEXTS[name])
    shown = request_schema(action, model)["properties"]["params"]["properties"]
    for parameter in names - {"dtype", "precision"}:  # a synchronous answer is JSON, of the first free worker
        assert shown[parameter]["description"] == PARAMETER_TEXTS[name][parameter]


@pytest.mark.parametrize("name", ACTIONS)
def test_defaults_in_the_table_are_those_that_a_job_gets(name):
    action, model = ACTIONS[name], MODELS["e1-600m"]
    required = {"parent": "MKTAYIAKQR"}
    got = action.check_params({one: required[one] for one in action.required_params}, model)
    for parameter, schema in action.properties(model).items():
        if "default" in schema:
            default = [30] if parameter == "repr_layers" else schema["default"]  # -1 is resolved
            assert got[parameter] == default
            assert f"| `{json.dumps(schema['default'])}` |" in section(name)


def test_every_parameter_of_an_analysis_is_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \|$", (ROOT / "docs" / "maps.md").read_text(), re.MULTILINE)
    assert rows == [(kind, name) for kind, texts in ANALYSIS_PARAMETERS.items() for name in texts]


def test_every_setting_of_the_example_environment_is_in_the_table():
    names = set(re.findall(r"^#?\s*([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    page = (ROOT / "docs" / "settings.md").read_text()
    assert len(names) > 50
    assert not {name for name in names if f"`{name}`" not in page}


@pytest.mark.parametrize("command", ["submit", "estimate", "run"])
def test_the_help_of_a_command_has_the_same_texts(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    shown = re.sub(r"\s+", " ", result.output)
    found = re.findall(r"(\w+) \(([\w, ]+)\): ", shown)
    listed = {(parameter, action) for parameter, actions in found for action in actions.split(", ")}
    for action, texts in PARAMETER_TEXTS.items():
        for parameter, text in texts.items():
            assert (parameter, action) in listed
            assert f"): {text}" in shown
