"""What a person has after some work: a scan, scores, a project and a campaign, made through the client."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.e2e.steps import GOOD
from tests.factories import UBIQUITIN
from tests.stack import Stack


def make_work(stack: Stack, folder: Path) -> dict[str, str]:
    """Return addresses of pages by name: scan, project, campaign, and those below it."""
    library = folder / "library.fasta"
    library.write_text(GOOD)
    with stack.client() as client:
        project = str(client.create_project("Ubiquitin", description="of yeast", notes="# Aim\n\n- **fast**\n")["id"])
        scan = _scan(stack)
        scores = client.submit(library, model="e1-demo", action="log_prob", name="two proteins").id
        for job in (scan, scores):
            assert client.wait(job, timeout=240).state == "succeeded"
        client.add_to_project(project, jobs=[scan, scores])
        campaign = str(client.create_campaign("rounds", parent=UBIQUITIN, model="e1-demo", project=project)["id"])
        client.add_property(campaign, "activity", higher_is_better=True, threshold=1.5)
        plate = folder / "plate.csv"
        plate.write_text("plate,well,variant,activity\n" + "".join(_wells()))
        client.add_measurements(campaign, plate)
        model = client.train_model(campaign, "activity")
        client.wait_model(campaign, model["n"])
        client.propose_round(campaign, model["n"], count=8, plate={"wild_type": 2})
        client.order_round(campaign, 1)
    below = f"/campaigns/{campaign}/"
    return {
        "scan": f"/jobs/{scan}/",
        "scores": f"/jobs/{scores}/",
        "project": f"/projects/{project}/",
        "campaign": below,
        "data": f"{below}data/",
        "model": f"{below}models/{model['n']}/",
        "round": f"{below}rounds/1/",
    }


def _scan(stack: Stack) -> str:
    body = {"model": "e1-demo", "action": "scan", "params": {"method": "wildtype_marginal"}, "name": "ubiquitin scan"}
    items = [{"sequence": UBIQUITIN, "name": "ubiquitin"}]
    headers = {"Authorization": f"Token {stack.token}"}
    answer = httpx.post(f"{stack.url}/api/jobs/", json={**body, "items": items}, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _wells() -> list[str]:
    """Return measurements of 30 variants and the wild type, which follow no rule of the network."""
    rows = ["1,A1,WT,1.0\n"]
    for n in range(30):
        wild = UBIQUITIN[2 + n]
        new = "A" if wild != "A" else "G"
        rows.append(f"1,{'ABC'[n // 11]}{n % 11 + 2},{wild}{n + 3}{new},{0.4 + (n * 7 % 13) / 8:.2f}\n")
    return rows


def published(stack: Stack, address: str) -> str:
    """Return the path of a new public link of a job, a project or a campaign, given by the address of its page."""
    headers = {"Authorization": f"Token {stack.token}"}
    answer = httpx.post(f"{stack.url}/api{address}public-link/", json={}, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"]).removeprefix(stack.url)
