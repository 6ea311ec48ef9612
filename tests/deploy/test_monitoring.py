"""Metrics, and the dashboard and alerts that use them. promtool (Debian's package prometheus) reads both."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from jobs.fleet import duties
from jobs.operations.metrics import WORKER_STATES
from tests.helpers import ROOT, submit_items
from tests.needed import needed_program

FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{panel['title']} {one['refId']}": one["expr"] for panel in DASHBOARD["panels"] for one in panel["targets"]},
}
UNITS = ("_seconds", "_bytes", "_tokens", "_per_second", "_total")
COUNTS = {"e1_jobs", "e1_workers", "e1_healthy"}
"""Numbers of things, which have no unit."""


@pytest.fixture(scope="module")
def promtool() -> str:
    return needed_program("promtool", package="prometheus")


@pytest.fixture
def answer(db, api, inline_worker, monkeypatch, tmp_path, settings) -> str:
    """Return what `/metrics` says while one job is done, and another waits."""
    settings.E1_DISK = str(tmp_path)
    duties.duties_begin()
    duties.duty_done(duties.REAP)
    submit_items(api, [{"sequence": "MKTAYIAKQR"}] * 3)
    inline_worker()
    submit_items(api, [{"sequence": "MKTAYIAKQR"}])
    response = Client().get("/metrics")
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def samples(answer) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_name_in_dashboard_and_alerts_is_in_a_real_answer(samples):
    used = {name for expression in EXPRESSIONS.values() for name in re.findall(r"\be1_\w+", expression)}
    assert len(used) > 10
    assert used <= set(samples)
    assert set(samples) == used, "a metric that nobody looks at"


def test_every_label_in_dashboard_and_alerts_is_one_of_its_metric(samples):
    for expression in EXPRESSIONS.values():
        for name, matchers in re.findall(r"\b(e1_\w+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)\s*[=!]~?", matchers):
                assert all(label in labels for labels, _ in samples[name]), (name, label)
        for grouped in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
            for label in re.split(r",\s*", grouped):
                names = re.findall(r"\be1_\w+", expression)
                assert any(label in labels for name in names for labels, _ in samples[name]), (expression, label)


def test_values_are_those_of_the_rows(samples):
    assert ({"model": "e1-demo", "state": "succeeded"}, 1.0) in samples["e1_jobs"]
    assert samples["e1_passes_total"] == [({"model": "e1-demo"}, 3.0)]
    assert samples["e1_residues_total"] == [({"model": "e1-demo"}, 30.0)]
    assert samples["e1_cpu_seconds_total"][0][1] > 0
    assert ({"model": "e1-demo", "state": "ready"}, 1.0) in samples["e1_workers"]
    assert samples["e1_rate_tokens_per_second"] == [({"model": "e1-demo"}, 10_000.0)]
    waiting = {labels["state"]: value for labels, value in samples["e1_waiting_tokens"]}
    assert waiting == {"ready": 14.0, "leased": 0.0}
    assert {labels["check"]: value for labels, value in samples["e1_healthy"]}["postgres"] == 1
    assert {labels["duty"] for labels, _ in samples["e1_duty_age_seconds"]} == set(duties.LIMITS)


def test_names_follow_the_conventions(answer, samples):
    for family in text_string_to_metric_families(answer):
        assert family.name.startswith("e1_")
        assert family.documentation
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name
            assert sample.name in COUNTS or sample.name.endswith(UNITS), sample.name


def test_no_label_has_a_value_that_people_or_machines_choose(samples, person):
    labels = {name for rows in samples.values() for one, _ in rows for name in one}
    assert labels == {"model", "state", "disk", "check", "duty"}
    assert {one["state"] for one, _ in samples["e1_workers"]} == set(WORKER_STATES)


def test_prometheus_accepts_the_names(answer, promtool):
    done = subprocess.run([promtool, "check", "metrics"], input=answer, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_prometheus_reads_every_expression(tmp_path, promtool):
    plain = {name: text.replace("$model", ".*") for name, text in EXPRESSIONS.items()}
    rules = [{"record": f"check:{number}", "expr": text} for number, text in enumerate(plain.values())]
    file = tmp_path / "all.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", ["check rules alerts.yml", "check config prometheus.yml", "test rules alerts.test.yml"]
)
def test_prometheus_accepts_the_files_and_the_alerts_come_when_they_should(arguments, promtool):
    done = subprocess.run([promtool, *arguments.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried_both_ways():
    """The file of promtool's tests names each alert where all is well, and where all is wrong."""
    well, wrong = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    names = {rule["alert"] for rule in RULES}
    assert {one["alertname"] for one in well["alert_rule_test"]} == names
    firing = wrong["promql_expr_test"][0]["exp_samples"]
    assert {re.search(r'alertname="(\w+)"', one["labels"])[1] for one in firing} == names


def test_panels_have_a_title_and_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        taken |= cells
    assert max(x for x, _ in taken) < 24
