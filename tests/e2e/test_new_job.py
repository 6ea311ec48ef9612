"""The page for a new job in a real browser: its messages before and during submission."""

from __future__ import annotations

import gzip
import re

import pytest
from playwright.sync_api import Page, expect

from jobs.actions import ACTIONS
from tests.e2e.conftest import until_computing, violations
from tests.e2e.steps import BAD, GOOD, library, wait_for


def choose(page: Page, name: str, data: bytes) -> None:
    chosen = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.locator("#id_file").set_input_files(chosen)


def slow_network(page: Page, bytes_per_second: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
    )


def test_the_preview_counts_and_draws_before_anything_is_sent(page):
    sent = []
    page.goto("/jobs/new/")
    page.on("request", lambda request: sent.append(request.method))
    lengths = "".join(f">p{n}\n{'A' * (20 + n)}\n" for n in range(300))
    choose(page, "library.fasta.gz", gzip.compress(lengths.encode()))
    expect(page.locator("#preview-status")).to_have_text("FASTA: 300 sequences, 50,850 residues; all letters are fine.")
    expect(page.locator("#preview figcaption")).to_have_text("Lengths from 20 to 319 residues, half of them up to 169.")
    expect(page.locator("#preview rect")).to_have_count(38)
    assert "POST" not in sent


def test_the_cost_is_told_before_anything_is_sent(page, service):
    """The time follows the worker's measured rate, sizes follow the choices, and a refusal by quota has its reason."""
    until_computing(service)
    page.goto("/jobs/new/")
    cost = page.locator("#estimate")
    page.locator("#id_sequences").fill("".join(f">p{n}\n{'MKTAYIAKQR' * 3}\n" for n in range(20)))
    expect(cost).to_contain_text("680 tokens to compute. The results will take 10 kB.")
    expect(cost).to_contain_text(re.compile(r"Estimated run time: .* present rate"))
    page.locator("#id_include_per_token").check()
    expect(cost).to_contain_text("The results will take 317 kB.")
    page.locator("#id_context_text").fill(">h\nMKTAYI\n")
    expect(cost).to_contain_text("710 tokens to compute.")
    quota = {"limit": 1, "used": 1, "left": 0}
    none = {"limit": None, "used": 0, "left": None}
    body = {"quota": {"active_jobs": quota, "queued_tokens": none, "stored_bytes": none}, "models": {}}
    page.route("**/api/usage/", lambda route: route.fulfill(json=body))
    page.locator("#id_sequences").fill(">a\nMKT\n")
    expect(cost).to_contain_text("The service would refuse this job now. You have as many unfinished jobs as you may.")
    assert violations(page) == []


def test_the_preview_follows_the_action_and_what_is_typed(page):
    page.goto("/jobs/new/")
    status = page.locator("#preview-status")
    page.locator("#id_sequences").fill(">a\nMKX\n>b\nMKT\n")
    expect(status).to_contain_text("all letters are fine")
    page.locator("#id_action").select_option("log_prob")
    expect(status).to_contain_text("1 record is not valid")
    expect(page.locator("#preview-body")).to_contain_text("line 2, column 3 (a): the character “X” is not accepted")
    expect(page.locator("#preview-body mark")).to_have_text("X")
    expect(page.locator("#id_repr_layers")).to_be_hidden()
    page.locator("#id_action").select_option("predict")
    expect(page.locator("#preview-body")).to_contain_text("no residue is masked")
    expect(page.locator("#id_rows_all")).to_be_visible()
    page.locator("#id_sequences").fill("")
    expect(page.locator("#preview")).to_be_hidden()
    page.locator("#id_context_text").fill(">h\nMK1\n")
    expect(page.locator("#context-preview")).to_contain_text("Line 2: the character “1” is not accepted")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("library.fasta", b"PK\x03\x04rest", "ZIP archive"),
        ("library.fasta.gz", gzip.compress(library(50).encode(), mtime=0)[:300], "ends too early"),
        ("library.txt", b"%%% ??? !!!", "no known format"),
        ("library.txt", b"MKT\nAYI\n", "one sequence or several"),
        ("library.fasta", b">a\nMK\xff\n", "1 record is not valid"),
    ],
)
def test_the_preview_says_what_is_no_library(page, name, data, words):
    page.goto("/jobs/new/")
    choose(page, name, data)
    expect(page.locator("#preview-status")).to_contain_text(words)


def test_an_alignment_and_a_workbook_are_previewed_by_the_service(page):
    page.goto("/jobs/new/")
    status = page.locator("#preview-status")
    choose(page, "family.aln", b"CLUSTAL W (1.83) multiple sequence alignment\n\na MKT-YIAK\nb MKTAYIAK\n")
    expect(status).to_have_text("2 sequences, 15 residues; all letters are fine.")
    choose(page, "library.csv", b'name,sequence,note\na,MKTAYIAK,"x, y"\nb,MK1,z\n')
    expect(status).to_contain_text("1 record is not valid")
    expect(page.locator("#preview-body")).to_contain_text("line 3")


@pytest.mark.slow
def test_a_file_that_nobody_has_read_is_named_with_its_kind_and_size(page, watched):
    page.goto("/jobs/new/")
    status = page.locator("#preview-status")
    large = b"PK" + bytes(4_100_000)
    choose(page, "large.xlsx", large)
    expect(status).to_contain_text("large.xlsx, an Excel workbook of 4.1 MB: read and checked when you submit.")
    page.locator("#id_action").select_option("score")
    expect(page.locator("#preview")).to_be_visible()
    expect(status).to_contain_text("large.xlsx, an Excel workbook of 4.1 MB")
    watched.expected = re.compile("429|Failed to fetch|Failed to load")
    page.locator("#id_action").select_option("encode")
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "body": "{}"}
    answers = [lambda route: route.abort(), lambda route: route.fulfill(**busy)]
    page.route("**/jobs/new/cost/", lambda route: answers.pop()(route) if answers else route.continue_())
    choose(page, "family.aln", b"CLUSTAL W (1.83) multiple sequence alignment\n\na MKT-YIAK\nb MKTAYIAK\n")
    expect(status).to_contain_text("asked again in 1 s")
    expect(status).to_contain_text("did not answer")
    page.locator("#id_action").select_option("log_prob")
    expect(status).to_have_text("2 sequences, 15 residues; all letters are fine.")


def test_good_records_go_with_one_click_and_bad_ones_come_back_as_a_table(page):
    page.goto("/jobs/new/")
    choose(page, "mixed.fasta", BAD.encode())
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download the 1 bad one").click()
    assert "broken" in caught.value.path().read_text()
    page.get_by_role("button", name="Submit the 2 good ones").click()
    wait_for(page, "succeeded")
    expect(page.locator("#live")).to_contain_text("1 skipped")


def test_pasted_lines_are_joined_or_read_one_by_one(page):
    page.goto("/jobs/new/")
    page.locator("#id_sequences").fill("MKTAYIAKQR\nQISFVKSHFS\n")
    page.get_by_role("button", name="Join the lines into one sequence").click()
    expect(page.locator("#preview-status")).to_have_text("FASTA: 1 sequence, 20 residues; all letters are fine.")


def test_an_example_is_loaded_without_leaving_the_page_and_runs(page):
    page.goto("/jobs/new/")
    page.locator("#id_name").fill("my trial")
    page.get_by_role("link", name="predict", exact=True).click()
    expect(page.locator("#id_sequences")).to_have_value(ACTIONS["predict"].example)
    expect(page.locator("#id_name")).to_have_value("my trial")
    expect(page.locator("#preview-status")).to_contain_text("2 sequences")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="my trial")).to_be_visible()
    wait_for(page, "succeeded")


def test_a_file_can_be_dropped_anywhere(page):
    page.goto("/jobs/new/")
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "dropped.fasta"));
            for (const kind of ["dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
        }""",
        GOOD,
    )
    expect(page.locator("#preview-status")).to_contain_text("2 sequences")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="dropped.fasta")).to_be_visible()


@pytest.mark.slow
def test_sending_shows_its_progress_and_can_be_stopped(page, service):
    before = [job.id for job in service.jobs(limit=1)]
    page.goto("/jobs/new/")
    slow_network(page, 20_000)
    choose(page, "slow.fasta", library(20_000).encode())
    expect(page.locator("#preview-status")).to_contain_text("20,000 sequences")
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("#upload-text")).to_contain_text("of 2.6 MB")
    expect(page.locator("#upload-bar")).not_to_have_js_property("value", 0)
    assert violations(page) == []
    page.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_role("alert")).to_have_text("Sending was stopped.")
    expect(page.get_by_role("button", name="Submit job")).to_be_enabled()
    expect(page.locator("#upload")).to_be_hidden()
    assert [job.id for job in service.jobs(limit=1)] == before, "what was stopped half way leaves no job"


def test_a_broken_connection_is_said_and_the_same_form_goes_through_later(page, watched):
    watched.expected = re.compile("Failed to load resource")
    page.goto("/jobs/new/")
    choose(page, "again.fasta", GOOD.encode())
    page.route("**/jobs/new/", lambda route: route.abort())
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("alert")).to_contain_text("The connection broke")
    page.unroute("**/jobs/new/")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="again.fasta")).to_be_visible()


@pytest.mark.slow
def test_a_session_that_ends_while_the_form_is_filled_loses_nothing(open_page, stack):
    watched = open_page(anonymous=True)
    watched.expected = re.compile("status of 40[13]")
    page = watched.page

    def log_in(where: Page) -> None:
        where.goto("/login/?next=/jobs/new/")
        where.get_by_label("User name").fill("admin")
        where.get_by_label("Password").fill(stack.password)
        where.get_by_role("main").get_by_role("button", name="Log in").click()
        expect(where.get_by_role("heading", name="New job")).to_be_visible()

    log_in(page)
    choose(page, "patient.fasta", GOOD.encode())
    expect(page.locator("#preview-status")).to_contain_text("2 sequences")
    page.context.clear_cookies()
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("alert")).to_contain_text("You are logged out")
    other = page.context.new_page()
    log_in(other)
    other.close()
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="patient.fasta")).to_be_visible()


def test_errors_of_the_server_stand_beside_their_fields_and_what_was_chosen_stays(page, watched):
    watched.expected = re.compile("status of 400")
    page.goto("/jobs/new/")
    choose(page, "mine.fasta", GOOD.encode())
    page.locator("#id_repr_layers").fill("99")
    page.get_by_role("button", name="Submit job").click()
    layers = page.locator("#id_repr_layers")
    expect(layers).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#problem-repr_layers")).to_contain_text("layer 99 is outside")
    expect(page.locator("#refusal")).to_be_focused()
    page.get_by_role("link", name="the layers").click()
    layers.fill("3")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="mine.fasta")).to_be_visible()


def test_skipping_invalid_records_is_one_click_away(page, watched):
    watched.expected = re.compile("status of 400")
    page.goto("/jobs/new/")
    choose(page, "mixed.fasta", BAD.encode())
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("#records")).to_contain_text("broken")
    expect(page.locator("#preview .fault-list")).to_have_count(0)  # they are listed once
    page.get_by_label("Skip invalid records and run the rest").check()
    page.get_by_role("button", name="Submit job").click()
    wait_for(page, "succeeded")
    expect(page.locator("#live")).to_contain_text("1 skipped")


def test_reload_and_back_keep_what_was_typed(page):
    page.goto("/jobs/new/")
    page.locator("#id_sequences").fill(GOOD)
    page.locator("#id_name").fill("kept")
    page.locator("#id_action").select_option("predict")
    page.get_by_label("Masked positions only").check()
    page.reload()
    expect(page.locator("#id_sequences")).to_have_value(GOOD)
    expect(page.locator("#id_name")).to_have_value("kept")
    expect(page.locator("#preview-body")).to_contain_text("no residue is masked")
    page.get_by_role("link", name="Models and health").click()
    page.go_back()
    expect(page.locator("#id_sequences")).to_have_value(GOOD)
    expect(page.get_by_label("Masked positions only")).to_be_checked()
    page.locator("#id_action").select_option("log_prob")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="kept")).to_be_visible()
    page.goto("/jobs/new/")
    expect(page.locator("#id_sequences")).to_have_value("")


def test_a_chosen_file_goes_before_pasted_text_which_stays(page):
    page.goto("/jobs/new/")
    page.locator("#id_sequences").fill(">typed\nMKT\n")
    choose(page, "chosen.fasta", GOOD.encode())
    expect(page.locator("#preview-status")).to_contain_text("2 sequences")
    expect(page.locator("#id_sequences")).to_have_value(">typed\nMKT\n")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="chosen.fasta")).to_be_visible()


def test_an_example_replaces_pasted_sequences_only_with_leave(page):
    page.goto("/jobs/new/")
    page.locator("#id_sequences").fill(GOOD)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("link", name="encode", exact=True).click()
    expect(page.locator("#id_sequences")).to_have_value(GOOD)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="encode", exact=True).click()
    expect(page.locator("#id_sequences")).to_have_value(ACTIONS["encode"].example)


def test_nucleotides_are_noticed_before_they_are_computed(page):
    page.goto("/jobs/new/")
    page.locator("#id_sequences").fill(">gene\nACGTACGTACGTACGT\n")
    expect(page.locator("#preview-body")).to_contain_text("1 sequence looks like DNA or RNA")


def test_a_bare_sequence_is_pasted_and_scanned(page):
    page.goto("/jobs/new/?action=scan")
    page.locator("#id_sequences").fill("MKTAYIAKQR\n")
    methods = page.locator("#id_method option")
    expect(methods).to_have_count(2)  # a scan takes marginals only
    page.locator("#id_action").select_option("score")
    expect(methods).to_have_count(3)
    page.locator("#id_action").select_option("scan")
    expect(methods).to_have_count(2)
    expect(page.locator("#preview-status")).to_have_text("1 sequence, 10 residues; all letters are fine.")
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    wait_for(page, "succeeded")


def test_a_list_of_variants_is_pasted_and_its_faults_are_told_by_line(watched):
    """With scripts, pasted text is sent as a file, and must still be read as a list."""
    page = watched.page
    watched.expected = re.compile("status of 400")
    page.goto("/jobs/new/?action=score")
    page.locator("#id_parent").fill("MKTAYIAKQR")
    page.locator("#id_sequences").fill("M1A\n\nK99R\nT2A\n")
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    expect(page.locator("#problem-records")).to_contain_text("K99R lies outside the parent")
    fault = page.locator("#problem-records tr", has_text="K99R")
    expect(fault.get_by_role("cell").first).to_have_text("3")
    expect(page.locator("#problem-records")).to_contain_text("T2A names T, but the parent has K there")
    page.locator("#id_model").dispatch_event("change")
    expect(page.locator("#records")).to_have_count(0)
    # A preview that arrives after the answer does not change it.
    page.clock.install()
    page.locator("#id_sequences").fill("M1A\nfoo\n")
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    expect(page.locator("#problem-records")).to_contain_text("'foo' is not a substitution")
    page.clock.run_for(1000)
    expect(page.locator("#problem-records")).to_contain_text("'foo' is not a substitution")
    page.locator("#id_sequences").fill("M1A\nK2R:T3S\n")
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    wait_for(page, "succeeded")
    page.get_by_role("link", name="Rank the variants").click()
    expect(page.locator("#variants")).to_contain_text("K2R:T3S")


def test_variants_are_counted_and_their_cost_is_told_before_anything_is_submitted(page, service):
    """The service counts the variants for the parent, the method and the contexts."""
    until_computing(service)
    service.create_context_set("cost-2", [["MKTAYIAKQK"], ["MRTAYIAKQR", "MKSAYIAKQR"]])
    page.goto("/jobs/new/?action=score&context_set=cost-2")
    page.locator("#id_sequences").fill("M1A\nK2R\nK2W\n")
    expect(page.locator("#preview-status")).to_contain_text("The parent is missing")
    page.locator("#id_parent").fill("MKTAYIAKQR")
    expect(page.locator("#preview-status")).to_have_text("3 variants; all of them can be read.")
    cost = page.locator("#estimate")
    expect(cost).to_contain_text("4 passes through the network, in 2 chunks.")
    expect(cost).to_contain_text(re.compile(r"Estimated run time: .* present rate"))
    page.locator("#id_context_set").select_option("")
    expect(cost).to_contain_text("2 passes through the network")
    page.locator("#id_sequences").fill("M1A\nM2A\n")
    expect(page.locator("#preview-body li")).to_have_count(1)
    expect(page.locator("#preview-body")).to_contain_text("ine 2")
    expect(cost).to_have_text("")
    page.locator("#id_sequences").fill("")
    page.locator("#id_all_singles").check()
    expect(page.locator("#preview-status")).to_have_text("190 variants; all of them can be read.")
    choose(page, "v.csv", b"variant\nM1A\n")
    page.locator("#id_all_singles").uncheck()
    expect(page.locator("#preview-status")).to_have_text("1 variant; all of them can be read.")
    page.locator("#id_action").select_option("scan")
    assert violations(page) == []
