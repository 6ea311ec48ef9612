"""Every page in every state: accessible in light and dark, readable on a phone, usable with the keyboard alone."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import THEMES, held_back, ready, violations
from tests.e2e.steps import BAD, GOOD, file, library, tab_to, wait_for


@pytest.fixture(scope="module")
def jobs(stack) -> dict[str, str]:
    """Return a job in each state by its name, and jobs of several actions."""
    made: dict[str, str] = {}
    with stack.client() as client:

        def add(state: str, text: str, action: str, **fields) -> None:
            path = stack.folder.path.with_name(f"{state}.fasta")
            path.write_text(text)
            made[state] = client.submit(path, model="e1-demo", action=action, **fields).id

        add("succeeded", GOOD, "encode", params={"include": ["mean", "per_token", "logits"]})
        add("skipped", BAD, "log_prob", on_invalid="skip")
        add("predicted", GOOD.replace("QR", "?R"), "predict")
        add("failed", GOOD, "log_prob")
        add("partial", library(16), "log_prob")
        for job in made.values():
            client.wait(job, timeout=120)
        add("cancelled", library(400), "encode")
        client.cancel(made["cancelled"])
        client.wait(made["cancelled"], timeout=120)
        add("paused", library(400), "encode")
        add("queued", library(20), "encode")
        add("running", library(400), "encode")
        add("finalizing", library(20), "encode")
        add("cancelling", library(20), "encode")
        add("validating", GOOD, "encode")
    error = '[{"code": "worker_error", "message": "the engine failed", "remedy": "Try it again."}]'
    with stack.sql() as cursor:
        for state, where in (("failed", ""), ("partial", "AND first_index = 0")):
            cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [made[state]])
            cursor.execute(
                f"UPDATE jobs_chunk SET state='failed', n_succeeded=0, n_failed=n_items WHERE job_id=%s {where}",
                [made[state]],
            )
            cursor.execute(
                "UPDATE jobs_item SET error_code='worker_error', error=%s WHERE chunk_id IN "
                "(SELECT id FROM jobs_chunk WHERE job_id=%s AND state='failed')",
                [error, made[state]],
            )
        held = ("queued", "cancelling", "running", "finalizing", "validating")
        for state in ("failed", "partial", "paused", *held):
            cursor.execute("UPDATE jobs_job SET state=%s WHERE id=%s", [state, made[state]])
            if state in held:  # held, so that no chunk of them is handed out
                cursor.execute(
                    "UPDATE jobs_chunk SET not_before=now() + interval '1 hour' WHERE job_id=%s AND state='ready'",
                    [made[state]],
                )
    return made


def paths(jobs: dict[str, str]) -> dict[str, str]:
    return {
        "jobs": "/",
        "no job fits": "/?search=nobody",
        "new job": "/jobs/new/",
        "new job with an example": "/jobs/new/?example=predict",
        "again": f"/jobs/new/?from={jobs['succeeded']}",
        **{f"job {state}": f"/jobs/{job}/" for state, job in jobs.items()},
        "items": f"/jobs/{jobs['partial']}/items/",
        "no items": f"/jobs/{jobs['partial']}/items/?search=nobody",
        "encoded item": f"/jobs/{jobs['succeeded']}/items/0/",
        "scored item": f"/jobs/{jobs['skipped']}/items/0/",
        "skipped item": f"/jobs/{jobs['skipped']}/items/2/",
        "predicted item": f"/jobs/{jobs['predicted']}/items/0/",
        "pending item": f"/jobs/{jobs['paused']}/items/399/",
        "failed item": f"/jobs/{jobs['failed']}/items/0/",
        "service": "/service/",
        "tokens": "/account/tokens/",
        "password": "/account/password/",
        "quota": "/account/quota/",
        "reference": "/api/docs/",
        "help": "/help/",
        "a document": "/help/results/",
        "a document with pictures": "/help/variant-walkthrough/",
        "a search": "/help/?q=context",
        "not found": "/nothing/",
    }


def test_a_page_is_ready_once_its_own_script_has_run_too(page):
    with held_back(page, "**/assets/new-job-*.js"):
        page.goto("/jobs/new/", wait_until="commit")
        expect(page.get_by_label("Colours")).to_be_visible()  # the script of every page has run
        expect(page.locator("html")).not_to_have_attribute("data-ready", "")
    ready(page)
    expect(page.locator(".with-scripts").first).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.slow
def test_axe_finds_nothing_on_any_page_in_any_state(open_page, jobs, theme):
    watched = open_page(dark=theme == "dark")
    watched.expected = re.compile("status of 404")
    found = {}
    for name, path in paths(jobs).items():
        watched.page.goto(path)
        ready(watched.page)
        assert watched.page.locator("html").get_attribute("data-bs-theme") == theme
        # The page is the same in both themes, except for its colours.
        if wrong := violations(watched.page, colours_only=theme == "dark"):
            found[name] = wrong
        assert "Profluent-E1" in watched.page.locator("footer").inner_text(), name
    assert found == {}


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_forms_with_errors(open_page, theme):
    watched = open_page(dark=theme == "dark")
    watched.expected = re.compile("status of 400")
    page = watched.page
    page.goto("/jobs/new/")
    page.locator("#id_file").set_input_files(file("bad.fasta", BAD))
    expect(page.get_by_role("main")).to_contain_text("line 7")
    assert violations(page) == []
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_before_and_after_logging_in_wrong(open_page, theme):
    page = open_page(dark=theme == "dark", anonymous=True).page
    page.goto("/login/")
    assert violations(page) == []
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


@pytest.fixture(scope="module")
def newcomer(stack) -> dict[str, str]:
    """Add a user who has no job yet."""
    added = stack.run("user", "add", "newcomer")
    assert added.returncode == 0, added.stderr
    return {"name": "newcomer", "password": re.search(r"password (\S+)", added.stdout)[1]}


@pytest.mark.parametrize("look", [{}, pytest.param({"dark": True}, marks=pytest.mark.slow), {"phone": True}], ids=str)
def test_the_first_page_of_a_newcomer_teaches_and_is_accessible(open_page, newcomer, look):
    page = open_page(anonymous=True, **look).page
    page.goto("/login/")
    page.get_by_label("User name").fill(newcomer["name"])
    page.get_by_label("Password").fill(newcomer["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.get_by_role("link", name="Try it with an example").click()
    ready(page)
    expect(page.get_by_label("Or paste sequences")).not_to_have_value("")
    page.goto("/account/tokens/")
    ready(page)
    assert violations(page) == []


@pytest.mark.slow
def test_no_page_is_wider_than_a_phone(open_page, jobs):
    watched = open_page(phone=True)
    watched.expected = re.compile("status of 404")
    for name, path in paths(jobs).items():
        watched.page.goto(path)
        ready(watched.page)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390, name
        squeezed = (
            "[...document.querySelectorAll('caption')].some(one => one.offsetHeight > 40 && one.offsetWidth < 200)"
        )
        assert not watched.page.evaluate(squeezed), f"{name}: a caption is as narrow as a cell"


def test_the_theme_is_chosen_kept_and_applied_before_the_first_paint(page):
    page.goto("/service/")
    page.get_by_label("Colours").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_label("Colours").select_option("light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.get_by_label("Colours").select_option("auto")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_job_is_submitted_and_its_result_read_with_the_keyboard_alone(page):
    page.goto("/")
    ready(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto("/jobs/new/")
    ready(page)
    tab_to(page, "Or paste sequences")
    page.keyboard.insert_text(GOOD)
    tab_to(page, "Action")
    page.keyboard.type("log")
    tab_to(page, "Submit job")
    page.keyboard.press("Enter")
    wait_for(page, "succeeded")
    tab_to(page, "Browse results")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Items")).to_be_visible()
    tab_to(page, "kinase")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("Log-probability")


def test_the_focus_stays_where_it_is_while_the_page_moves(page, service):
    page.goto("/jobs/new/")
    page.locator("#id_file").set_input_files(file("focus.fasta", library(6000)))
    page.get_by_role("button", name="Submit job").click()
    wait_for(page, "running")
    page.locator("#ask-cancel summary").click()
    page.locator("#do-cancel").focus()
    done = "document.querySelector('#live progress').value"
    seen = page.evaluate(done)
    page.wait_for_function(f"seen => {done} > seen", arg=seen, timeout=60_000)
    assert page.evaluate("document.activeElement.id") == "do-cancel"
    page.keyboard.press("Enter")
    wait_for(page, "cancelled")


def test_a_token_made_in_the_browser_works_until_it_is_revoked(page, stack):
    page.goto("/account/tokens/")
    page.get_by_label("Name").fill("from the browser")
    page.get_by_role("button", name="Make token").click()
    key = page.locator("#new-token").inner_text()
    headers = {"Authorization": f"Token {key}"}
    assert page.context.browser.new_context().request.get(f"{stack.url}/api/jobs/", headers=headers).status == 200
    page.locator("summary", has_text="Revoke from the browser").click()
    page.get_by_role("button", name="Revoke for good from the browser").click()
    expect(page.get_by_role("main")).to_contain_text("revoked")
    assert page.context.browser.new_context().request.get(f"{stack.url}/api/jobs/", headers=headers).status == 401


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["e1", "python", "curl"])
def test_the_copied_commands_work_as_pasted(page, jobs, stack, tmp_path, kind):
    """Only the token is filled in, and the library is in the folder."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/jobs/{jobs['skipped']}/")
    ready(page)
    page.locator("#commands > summary").click()
    block = page.locator(f"#commands details:has(#command-{kind})")
    if block.get_attribute("open") is None:
        block.locator("summary").click()
    block.get_by_role("button").click()
    expect(block.get_by_role("status")).to_have_text("Copied")  # on the button it stays for two seconds only
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator(f"#command-{kind}").inner_text().strip()
    (tmp_path / "library.fasta").write_text(GOOD)
    command = text.replace("E1_TOKEN=...", f"E1_TOKEN={stack.token}").replace("token=...", f"token={stack.token!r}")
    shell = [sys.executable, "-c", command] if kind == "python" else ["bash", "-ec", command]
    path = f"{sys.executable.rpartition('/')[0]}:{stack.env.get('PATH', '')}"
    done = subprocess.run(
        shell, cwd=tmp_path, env={**stack.env, "PATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results.npz").stat().st_size > 500


def test_a_service_that_is_away_is_said_in_words_and_comes_back(watched):
    page = watched.page
    watched.expected = re.compile("Failed to load resource|ERR_|htmx:")
    page.goto("/")
    ready(page)
    page.route("**/*", lambda route: route.abort())
    expect(page.locator("#connection")).to_contain_text("does not answer", timeout=20_000)
    page.unroute("**/*")
    expect(page.locator("#connection")).to_be_empty(timeout=60_000)
