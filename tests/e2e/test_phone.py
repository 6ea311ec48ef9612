"""Every page with little room: on phones, at 200 % zoom, and at 320 pixels.

Nothing reaches beyond the screen, no words are cut off, and no two controls lie on each other. WCAG asks for both zooms
(1.4.4, 1.4.10). The viewers of pictures are tried with the keyboard here, because these pages have all of them.
"""

from __future__ import annotations

import io
import random
import re

import httpx
import pytest
from playwright.sync_api import Page

from e1protocol import CANONICAL
from tests.e2e.conftest import Watched, ready
from tests.e2e.keys import Keys
from tests.e2e.steps import BAD, proteins
from tests.factories import UBIQUITIN, pdb
from tests.web.routes import routes

pytestmark = pytest.mark.slow

WIDTH = 390
ZOOMED, NARROWEST = {"width": 720, "height": 450}, {"width": 320, "height": 640}
"""What 200 % of a window of 1440 x 900 leaves, and the width at which text must not need sideways scrolling."""
PARENT = UBIQUITIN[:40]
OTHERS = {"help", "login", "openapi-docs", "password_change"}
"""Pages whose routes do not end in `-page`."""
LONG = "A name as people give it, with the date 2026-11-30 and_a_word_that_cannot_be_broken_anywhere.fasta"
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth;
  const within = (one) => {
    for (let box = one; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.overflowX !== "visible" || style.clipPath !== "none" || style.clip !== "auto") return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll("header *, main *, footer *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width && box.height && one.checkVisibility() && (box.right > width + 1 || box.left < -1) && !within(one);
  });
  const cut = [...document.querySelectorAll("main button, main a.btn")].filter(
    (one) => one.clientWidth && one.scrollWidth > one.clientWidth + 2,
  );
  return [...wide, ...cut].slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
}"""
"""Elements beyond the screen that no box with a scroll bar of its own holds, and buttons with cut-off words."""
CROWDED = """() => {
  const seen = (one) => {
    const style = getComputedStyle(one);
    return one.checkVisibility({ visibilityProperty: true }) && style.clipPath === "none" && style.clip === "auto"
      && !one.closest(".visually-hidden, [role=application]");
  };
  const cut = [...document.querySelectorAll("main :is(h1, h2, h3, p, dt, dd, th, td, label, legend, summary)")].filter(
    (one) => seen(one) && getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 2,
  );
  const controls = [...document.querySelectorAll(
    ":is(header, main, footer) :is(a, button, summary, input, select, textarea)")].filter(seen);
  const boxes = controls.map((one) => [...one.getClientRects()].filter((box) => box.width > 1 && box.height > 1));
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 6;
  const words = (one) => one.outerHTML.replace(/\\s+/g, " ").slice(0, 120);
  const over = [];
  controls.forEach((one, at) => controls.slice(at + 1).forEach((other, more) => {
    if (one.contains(other) || other.contains(one)) return;
    const others = boxes[at + 1 + more];
    if (boxes[at].some((a) => others.some((b) => meet(a, b)))) over.push(`${words(one)} on ${words(other)}`);
  }));
  return [...cut.map((one) => `cut off: ${words(one)}`), ...over].slice(0, 5);
}"""
"""Words that their box cuts off, and pairs of controls that overlap."""


@pytest.fixture(scope="module")
def visits(stack, service_of_module) -> dict[str, list[str]]:
    """Make something of every kind. Return addresses with content for each route of a page."""
    client, http = service_of_module

    def add(action: str, items: list[dict], **params) -> str:
        body = {"model": "e1-demo", "action": action, "params": params, "items": items, "name": f"{LONG} {action}"}
        answer = http.post("/api/jobs/", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    codes = [f"{was}{at}{new}" for at, was in enumerate(PARENT[:6], 1) for new in "ACDE" if new != was]
    parent = [{"sequence": PARENT, "name": LONG}]
    scan = add("scan", parent, method="wildtype_marginal")
    under = add("scan", parent, method="wildtype_marginal", contexts=[[UBIQUITIN]])
    score = add("score", [{"variant": code} for code in codes], parent=PARENT, method="wildtype_marginal")
    contacts = add("contacts", [{"sequence": UBIQUITIN[:27], "name": LONG}])
    library = stack.folder.path.with_name("phone.fasta")
    library.write_text(proteins(30))
    encode = client.submit(library, model="e1-demo", action="encode", name=LONG).id
    library.write_text(BAD)
    ranked = client.submit(library, model="e1-demo", action="log_prob", name=LONG, on_invalid="skip").id
    for job in (scan, under, score, contacts, encode, ranked):
        client.wait(job, timeout=240)
    values = "mutant,fitness\n" + "".join(f"{code},{n / 7}\n" for n, code in enumerate(codes))
    assay = http.post(f"/api/jobs/{score}/assays/", files={"file": ("measured.csv", values.encode())}).json()["id"]
    helix = {"file": (f"{LONG[:60]}.pdb", pdb(UBIQUITIN[:27], missing=2))}
    assert http.post(f"/api/jobs/{contacts}/structures/", files=helix).status_code == 201
    client.wait_analysis(encode, client.analyse(encode, "map", method="pca")["id"])
    family = stack.folder.path.with_name("phone.a3m")
    family.write_text(family_of(UBIQUITIN))
    alignment = client.upload_alignment(family, name=LONG)["id"]
    client.sample_contexts(alignment, name="phone-set", samplings=[{"max_residues": 400}] * 3)
    library.write_text(family_of(UBIQUITIN))
    assert stack.run("database", "add", "phone", str(library)).returncode == 0
    search = client.search_homologs(UBIQUITIN, database="phone", name=LONG)["id"]
    notes = f"# {LONG}\n\n| a | b |\n|---|---|\n| {LONG} | 1 |"
    project = client.create_project(LONG[:90], description=LONG, notes=notes)
    client.add_to_project(project, jobs=[scan], alignments=[alignment], contexts=["phone-set"])
    join = client.link_project(project).removeprefix(stack.url)
    public = client.publish(scan).removeprefix(stack.url)
    campaign = campaign_of(client, alignment)
    job, item = f"/jobs/{scan}/", f"/jobs/{scan}/items/0/"
    return {
        "job-list-page": ["/", "/?select=yes", f"/?project={project['id']}"],
        "job-new-page": ["/jobs/new/", "/jobs/new/?task=scan&example=scan", f"/jobs/new/?from={under}"],
        "job-page": [f"/jobs/{one}/" for one in (scan, score, contacts, encode, ranked)],
        "public-link-page": [f"{job}public-link/"],
        "project-public-link-page": [f"/projects/{project['id']}/public-link/"],
        "campaign-public-link-page": [f"{campaign}public-link/"],
        "public-page": [public],
        "item-list-page": [f"/jobs/{ranked}/items/", f"/jobs/{score}/items/"],
        "item-page": [
            *(item, f"{item}?position=3", f"/jobs/{under}/items/0/", f"/jobs/{contacts}/items/0/"),
            *(f"/jobs/{score}/items/0/", f"/jobs/{encode}/items/0/", f"/jobs/{ranked}/items/2/"),
        ],
        "basket-page": [f"{item}basket/"],
        "variants-page": [f"/jobs/{score}/variants/"],
        "likelihoods-page": [f"/jobs/{ranked}/ranked/"],
        "assay-list-page": [f"/jobs/{score}/assays/"],
        "assay-page": [f"/jobs/{score}/assays/{assay}/"],
        "comparison-page": [f"{job}compare/?with={under}.0"],
        "neighbours-page": [f"/jobs/{encode}/items/0/neighbours/"],
        "map-page": [f"/jobs/{encode}/map/"],
        "proteins-page": ["/proteins/", f"/proteins/?job={scan}"],
        "projects-page": ["/projects/"],
        "project-page": [f"/projects/{project['id']}/"],
        "project-join-page": [join],
        "hand-over-page": ["/projects/hand-over/", "/projects/hand-over/?user=admin"],
        "campaigns-page": ["/campaigns/"],
        "campaign-new-page": ["/campaigns/new/"],
        "campaign-page": [campaign],
        "campaign-data-page": [f"{campaign}data/"],
        "campaign-library-page": [f"{campaign}library/", f"{campaign}library/?sites=10,12&budget=9"],
        "campaign-proposal-page": [f"{campaign}propose/"],
        "campaign-comparison-page": [f"{campaign}models/compare/"],
        "campaign-model-page": [f"{campaign}models/1/"],
        "campaign-round-page": [f"{campaign}rounds/1/"],
        "contexts-page": ["/contexts/"],
        "context-set-page": ["/contexts/sets/phone-set/"],
        "alignment-page": [f"/contexts/alignments/{alignment}/"],
        "search-page": [f"/contexts/searches/{search}/"],
        "service-page": ["/service/"],
        "operations-page": ["/operations/"],
        "quota-page": ["/account/quota/"],
        "usage-page": ["/account/usage/", "/account/usage/?who=everyone"],
        "notices-page": ["/account/notifications/"],
        "tokens-page": ["/account/tokens/"],
        "webhooks-page": ["/account/webhooks/"],
        "password_change": ["/account/password/"],
        "openapi-docs": ["/api/docs/"],
        "help": ["/help/", "/help/?q=context"],
        "login": ["/login/"],
    }


@pytest.fixture(scope="module")
def service_of_module(stack):
    headers = {"Authorization": f"Token {stack.token}"}
    with stack.client() as client, httpx.Client(base_url=stack.url, headers=headers, timeout=60) as http:
        yield client, http


def family_of(parent: str) -> str:
    """Return an alignment of the parent and twenty sequences that differ from it at some positions."""
    dice = random.Random(5)
    rows = ["".join(dice.choice(CANONICAL) if dice.random() < 0.2 else one for one in parent) for _ in range(20)]
    return f">parent\n{parent}\n" + "".join(f">h{n}\n{row}\n" for n, row in enumerate(rows))


def campaign_of(client, alignment: str) -> str:
    """Make a campaign with a property, a model and a measured plate. Return the address of its page."""
    made = client.create_campaign(LONG, parent=UBIQUITIN, model="e1-demo", alignment=alignment, numbering=2)
    client.add_property(made, "activity", higher_is_better=True, normalisation="wild_type_ratio", unit="U/mg")
    model = client.wait_model(made, client.train_model(made, "activity")["n"])
    client.wait_model(made, client.train_model(made, "activity", seed=1)["n"])  # for the comparison
    plate = {"wells": 96, "wild_type": 4, "dead": 2, "dead_variant": "K8A", "random": 4}
    number = client.propose_round(made, model["n"], plate=plate)["round"]
    rows = client.campaign_round(made, number)["rows"]
    lines = [f"{row['plate']},{row['well']},{1 + n % 7 / 5}" for n, row in enumerate(rows)]
    client.order_round(made, number)
    client.add_measurements(made, io.BytesIO("\n".join(["plate,well,activity", *lines]).encode()), round=number)
    return f"/campaigns/{made['id']}/"


def test_every_page_is_visited(visits):
    pages = {one.name for one in routes() if one.name.endswith("-page")} | OTHERS
    assert pages == {*visits, "help-page"}


def beyond(watched: Watched, addresses: list[str]) -> dict[str, list[str]]:
    """Return what reaches beyond the screen, by address, with all that is folded away unfolded too."""
    page, found = watched.page, {}
    for address in addresses:
        page.set_viewport_size({"width": WIDTH, "height": 800})
        page.goto(address)
        ready(page)
        wrong = outside(page)
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        wrong += outside(page)
        for size in (NARROWEST, ZOOMED):
            page.set_viewport_size(size)
            page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
            wrong += [f"at {size['width']}: {one}" for one in [*outside(page), *page.evaluate(CROWDED)]]
        if wrong:
            found[address] = wrong
    return found


def outside(page: Page) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} pixels wide"] * (width > page.viewport_size["width"]) + page.evaluate(OUTSIDE)


def test_no_page_reaches_beyond_a_phone(open_page, visits):
    assert beyond(open_page(phone=True), [address for each in visits.values() for address in each]) == {}


def test_no_document_of_the_help_reaches_beyond_a_phone(open_page):
    watched = open_page(phone=True)
    watched.page.goto("/help/")
    links = [one.get_attribute("href") or "" for one in watched.page.locator(".help a").all()]
    documents = sorted({link.split("#")[0] for link in links if re.match("/help/[^/]+/", link)})
    assert len(documents) > 20
    assert beyond(watched, documents) == {}


VIEWERS = {"item-page": {"heat-map", "sequence-logo"}, "map-page": {"point-map"}, "alignment-page": {"heat-map"}}
"""Pages with viewers that have keys of their own, and some of these viewers."""
PICTURE = "heat-map, position-track, sequence-logo, annotation-track, point-map, structure-view"


def test_no_viewer_keeps_the_focus(open_page, visits):
    """Each takes the arrow keys, shows its focus, and lets Tab and Shift+Tab out."""
    page = open_page().page
    keys = Keys(page)
    tried: dict[str, set[str]] = {}
    for route in VIEWERS:
        for address in visits[route][:4]:
            page.goto(address)
            ready(page)
            for one in page.locator("main").locator(PICTURE).all():
                viewer = one.locator("[role=application]")
                if not one.is_visible() or not viewer.count():
                    continue
                for out in ("Tab", "Shift+Tab"):
                    viewer.focus()
                    keys.press("ArrowRight", "ArrowDown", "Escape")
                    assert keys.focus(), "the keys of a viewer keep its focus"
                    keys.press(out)
                    within = viewer.evaluate("one => one.contains(document.activeElement)")
                    assert not within, f"{out} does not leave {viewer} of {address}"
                tried.setdefault(route, set()).add(one.evaluate("one => one.localName"))
    assert all(tried[route] >= names for route, names in VIEWERS.items()), tried
