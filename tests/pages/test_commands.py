"""The commands on a job's page, run as pasted: they repeat a job with contexts."""

from __future__ import annotations

import os
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from jobs.contexts.services import context_set_create, context_set_delete
from jobs.models import Job
from jobs.models.states import JobState

pytestmark = pytest.mark.django_db(transaction=True)

PARENT = "MKTAYIAKQR"
CONTEXTS = [["MKTAYIAKQK", "MRTAYIAKQR"], ["MKSAYIAKHR"]]
SECONDS = 600
BIN = Path(sys.executable).parent


def submitted(api, contexts, action="score") -> Job:
    params = {"contexts": contexts} | ({"parent": PARENT} if action == "score" else {})
    items = [{"variant": "M1A"}] if action == "score" else [{"sequence": PARENT}]
    body = {"model": "e1-demo", "action": action, "params": params, "items": items}
    answer = api.post("/api/jobs/", body, format="json")
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["id"])


def command(browser: Client, live_server, job: Job, key: str) -> str:
    html = browser.get(f"/jobs/{job.pk}/").content.decode()
    text = unescape(html.split(f'id="command-{key}"')[1].split(">", 1)[1].split("</pre>")[0])
    return text.replace("http://testserver", live_server.url)


def pasted(text: str, token: str, folder: Path, work) -> str:
    """Run it in a shell or as a script while a worker runs, and return what it printed."""
    (folder / "library.fasta").write_text(f">a\n{PARENT[:-1]}A\n")
    python = text.startswith("from e1client")
    text = (
        text.replace("token=...", f"token={token!r}") if python else text.replace("E1_TOKEN=...", f"E1_TOKEN={token}")
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("E1_", "DATABASE_", "REDIS_"))}
    env |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", text] if python else ["bash", "-ec", text]
    with (folder / "output").open("w+") as output:
        running = subprocess.Popen(words, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
        for _ in range(SECONDS * 4):
            work()
            try:
                running.wait(0.25)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            running.kill()
            running.wait()
        output.seek(0)
        said = output.read()
    assert running.returncode == 0, said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("key", ["e1", "python", "curl"])
@pytest.mark.parametrize("kind", ["set", "lists"])
def test_every_form_runs_as_pasted_for_a_job_with_contexts(
    key, kind, api, browser, person, token_of, live_server, inline_worker, tmp_path
):
    if kind == "set":
        context_set_create(owner=person, name="pair-2", contexts=CONTEXTS, provenance={})
    job = submitted(api, {"set": "pair-2"} if kind == "set" else CONTEXTS)
    inline_worker()
    text = command(browser, live_server, job, key)
    assert ("pair-2" in text) == (kind == "set")
    pasted(text, token_of(person), tmp_path, inline_worker)
    again = Job.objects.exclude(pk=job.pk).get()
    inline_worker()
    again.refresh_from_db()
    assert (again.state, again.params) == (JobState.SUCCEEDED, job.params)
    assert (tmp_path / "results.npz").stat().st_size > 0
    assert (tmp_path / "other-results.npz").exists() == (key != "curl")


def test_a_digest_stands_for_a_context_of_ones_own_and_for_nobody_elses(api, other_api):

    job = submitted(api, CONTEXTS)
    again = submitted(api, job.params["contexts"])
    assert again.params == job.params
    assert submitted(api, [{"digest": job.params["contexts"][1]["digest"]}]).params["contexts"] == [
        job.params["contexts"][1]
    ]
    body = {"model": "e1-demo", "action": "scan", "params": {"contexts": job.params["contexts"]}}
    answer = other_api.post("/api/jobs/", body | {"items": [{"sequence": PARENT}]}, format="json")
    assert answer.status_code == 400
    assert [(one["code"], one["path"]) for one in answer.json()["errors"]] == [
        ("unknown_context", "params.contexts.0.digest"),
        ("unknown_context", "params.contexts.1.digest"),
    ]


def test_the_page_says_which_set_a_job_was_asked_with(api, browser, person):
    context_set_create(owner=person, name="pair-2", contexts=CONTEXTS, provenance={})
    job = submitted(api, [{"set": "pair-2"}, ["MKT"], ["MRT"]], action="scan")
    html = browser.get(f"/jobs/{job.pk}/").content.decode()
    said = " ".join(html.split(">Settings<")[1].split("</dl>")[0].split())
    assert "2 contexts of the set <a" in said
    assert "pair-2</a>, then 2 contexts: 5 sequences, 36 residues" in said
    assert "<dt>positions</dt><dd>all</dd>" in said
    assert said.count('<th scope="row">') == 4, "each context is listed"
    assert "digest&#x27;" not in said, "no Python"
    assert "No shared context" not in said
    context_set_delete(owner=person, name="pair-2")
    assert "4 contexts: 5 sequences" in " ".join(browser.get(f"/jobs/{job.pk}/").content.decode().split())


@pytest.mark.parametrize("named", [True, False])
def test_run_again_keeps_the_contexts_that_all_items_shared(named, api, browser, person):
    if named:
        context_set_create(owner=person, name="pair-2", contexts=CONTEXTS, provenance={})
    job = submitted(api, {"set": "pair-2"} if named else CONTEXTS, action="scan")
    html = browser.get("/jobs/new/", {"from": job.pk}).content.decode()
    value = "pair-2" if named else "="
    assert f'<option value="{value}" selected>' in html
    assert "Keep the context sequences that they had" not in html
    assert ("2 contexts of the set pair-2" in html) == named
    fields = {"from": job.pk, "context_set": value, "model": "e1-demo", "action": "scan", "on_invalid": "reject"}
    answer = browser.post("/jobs/new/", {**fields, "method": "masked_marginal", "complete": "1", "key": "k"})
    assert answer.status_code == 302, answer.content
    assert Job.objects.exclude(pk=job.pk).get().params == job.params
