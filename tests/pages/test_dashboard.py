"""Pages as the server renders them: jobs, one job, items, tokens, health. Tests in browsers are in tests/e2e."""

from __future__ import annotations

import random
import re
from html import unescape

import pytest
from django.test import Client

from jobs.models import ApiToken, Job, Tally
from jobs.queue import lifecycle
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db


def paths_of(job: dict) -> list[str]:
    page = job["links"]["page"]
    return [page, f"{page}items/", f"{page}items/0/"]


def test_the_list_is_filtered_sorted_and_searched(api, browser, inline_worker):
    submit(api, name="alpha kinases", action="log_prob")
    submit(api, b">a\nMKT\n>b\nMK1\n", on_invalid="skip", name="beta lactamases")
    inline_worker()
    submit(api, name="gamma waiting")

    def names(query: str) -> list[str]:
        return re.findall(r'href="/jobs/[0-9a-f-]{36}/">([^<]+)</a>', browser.get(f"/{query}").content.decode())

    assert names("") == ["gamma waiting", "beta lactamases", "alpha kinases"]
    assert names("?sort=name") == ["alpha kinases", "beta lactamases", "gamma waiting"]
    assert names("?state=unfinished") == ["gamma waiting"]
    assert names("?state=succeeded") == ["beta lactamases", "alpha kinases"]
    assert names("?action=log_prob") == ["alpha kinases"]
    assert names("?search=LACTA") == ["beta lactamases"]
    wanted = Job.objects.get(name="alpha kinases").pk
    assert names(f"?search={str(wanted)[:8]}") == ["alpha kinases"]
    assert names("?search=nobody") == []
    assert "No job matches" in text_of(browser.get("/?search=nobody"))
    assert len(names("?state=nonsense&sort=nonsense&page=99")) == 3, "an odd address shows the plain list"


def test_long_lists_come_in_pages(api, browser, monkeypatch):
    from jobs.pages import joblist

    monkeypatch.setattr(joblist, "PAGE_ROWS", 2)
    for number in range(5):
        submit(api, name=f"job-{number}")
    first = browser.get("/?sort=oldest").content.decode()
    assert (">job-0</a>" in first, ">job-2</a>" in first) == (True, False)  # ids of elements begin like these names
    assert 'href="?sort=oldest&amp;page=2"' in first or 'href="?sort=oldest&page=2"' in first
    assert ">job-4</a>" in browser.get("/?sort=oldest&page=3").content.decode()


def test_live_parts_are_sent_only_where_something_changed(api, browser, inline_worker):
    job = body(submit(api))
    page = job["links"]["page"]
    headers = {"HX-Request": "true", "HX-Target": "live"}
    first = browser.get(page, headers=headers)
    assert first.status_code == 200
    assert b"<html" not in first.content
    assert b"csrfmiddlewaretoken" not in first.content, "it differs each time, and the part would never be the same"
    seen = {**headers, "E1-Seen": first["E1-Digest"]}
    assert browser.get(page, headers=seen).status_code == 204
    inline_worker()
    assert b"data-final" in browser.get(page, headers=seen).content


def test_a_fragment_of_somebody_who_was_logged_out_reloads_the_page(api):
    job = body(submit(api))
    response = Client().get(job["links"]["page"], headers={"HX-Request": "true", "HX-Target": "live"})
    assert (response.status_code, response["HX-Refresh"], response.content) == (200, "true", b"")


def test_other_people_see_no_page_of_a_job_and_can_do_nothing_to_it(api, other_browser, inline_worker):
    job = body(submit(api))
    inline_worker()
    for path in paths_of(job):
        assert other_browser.get(path).status_code == 404
        assert Client().get(path).status_code == 302
    for act in ("cancel", "pause", "retry", "delete", "rename"):
        assert other_browser.post(f"{job['links']['page']}act/", {"do": act, "name": "x"}).status_code == 404
    assert Job.objects.get(pk=job["id"]).name == job["name"]


def test_a_job_is_renamed_paused_resumed_cancelled_and_deleted_from_its_page(api, browser):
    job = body(submit(api))
    page = job["links"]["page"]

    def act(do: str, **fields: str) -> str:
        return text_of(browser.post(f"{page}act/", {"do": do, **fields}, follow=True))

    assert "The job has its new name. " in act("rename", name="  my kinases ")
    assert Job.objects.get().name == "my kinases"
    assert "name must be printable text" in unescape(act("rename", name="a\nb")).lower()
    assert "pauses" in act("pause")
    assert "paused by you" in text_of(browser.get(page))
    assert "goes on" in act("resume")
    assert "is cancelled" in act("cancel")
    assert "The job is over: it is cancelled." in act("cancel")
    assert "my kinases is deleted" in act("delete")
    assert browser.get(page).status_code == 404


def test_failed_items_are_listed_with_their_reason_and_retried(api, browser, inline_worker, monkeypatch):
    job = body(submit(api, b">a\nMKT\n>b\nMKW\n", action="log_prob"))
    inline_worker()
    from jobs.models import Chunk, Item

    Chunk.objects.filter(job_id=job["id"]).update(n_succeeded=1, n_failed=1)
    Tally.objects.filter(job_id=job["id"]).delete()  # It counts the chunks as they were.
    Item.objects.filter(job_id=job["id"], index=1).update(
        error_code="out_of_memory",
        error=[{"code": "out_of_memory", "message": "It did not fit", "remedy": "Split it."}],
    )
    Job.objects.filter(pk=job["id"]).update(state="partial")
    page = text_of(browser.get(job["links"]["page"]))
    for words in ("partial", "1 failed", "It did not fit", "Split it.", "Retry 1 failed item"):
        assert words in page
    assert "It did not fit" in text_of(browser.get(f"{job['links']['page']}items/?state=failed"))
    said = text_of(browser.post(f"{job['links']['page']}act/", {"do": "retry"}, follow=True))
    assert "1 failed item is queued again." in said
    assert Job.objects.get().state == "queued"


def test_a_page_of_items_begins_after_an_index(api, browser, monkeypatch):
    from jobs.pages import items

    monkeypatch.setattr(items, "PAGE_ROWS", 3)
    job = body(submit(api, b"".join(b">p%d\nMKT\n" % n for n in range(8))))
    path = f"{job['links']['page']}items/"
    assert "?after=2" in browser.get(path).content.decode()
    last = text_of(browser.get(f"{path}?after=5"))
    assert ("p6" in last, "p7" in last, "p5" in last, "Next page" in last) == (True, True, False, False)
    assert "p4" in text_of(browser.get(f"{path}?search=p4&state=pending"))
    assert "No item matches" in text_of(browser.get(f"{path}?search=zz"))
    assert "p0" in text_of(browser.get(f"{path}?after=-4&state=odd")), "an odd address shows the first page"


def test_an_item_shows_what_was_given_and_its_result(api, browser, inline_worker):
    sequence = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"
    fasta = f">first a header\n{sequence}\n".encode()
    encode = body(submit(api, fasta, params='{"include": ["mean", "per_token", "logits"], "repr_layers": [3, -1]}'))
    predict = body(submit(api, fasta.replace(b"KQRQ", b"KQ?Q"), action="predict"))
    score = body(submit(api, fasta, action="log_prob"))
    pending = text_of(browser.get(f"{score['links']['page']}items/0/"))
    assert "Not computed yet" in pending
    inline_worker()

    page = text_of(browser.get(f"{encode['links']['page']}items/0/"))
    for words in ("first a header", "MKTAYIAKQR QISFVKSHFS", "55 residues", "128", "the network's first choice"):
        assert words in page
    page = text_of(browser.get(f"{predict['links']['page']}items/0/"))
    assert "Position 10" in page
    shown = body(api.get(f"{predict['url']}items/0/"))["result"]
    row = shown["logits"][9]
    best = shown["vocab_tokens"][row.index(max(row))]
    assert re.search(rf"entropy [0-9.]+ bits {best} 0\.\d+ ", page), "the most probable residue comes first"
    page = text_of(browser.get(f"{score['links']['page']}items/0/"))
    assert f"{body(api.get(score['url'] + 'items/0/'))['result']['log_prob']:.4f}" in page


def test_no_page_takes_the_part_that_is_kept_of_a_long_sequence_for_all_of_it(api, browser):
    page = body(submit(api, b">a\nMKT\n>long\n" + b"A" * 2500 + b"\n", on_invalid="skip"))["links"]["page"]
    listed = text_of(browser.get(f"{page}items/?state=skipped"))
    assert "2,500 residues" in listed
    assert "2,048 skipped" not in listed
    item = text_of(browser.get(f"{page}items/1/"))
    assert "Only the first 2,048 residues of a sequence that is too long are kept." in item
    assert "record 2, 2,048" not in item


def test_there_is_no_item_beyond_the_last(api, browser):
    job = body(submit(api))
    for index in (3, 10**9, 10**12):
        assert browser.get(f"{job['links']['page']}items/{index}/").status_code == 404
        assert api.get(f"{job['url']}items/{index}/").status_code == 404


def test_the_rest_interface_renames_and_gives_single_items(api, inline_worker):
    job = body(submit(api, b">a\nMKT\n>b\nMK1\n", on_invalid="skip"))
    inline_worker()
    renamed = api.patch(job["url"], {"name": "kinases"}, format="json")
    assert (renamed.status_code, body(renamed)["name"]) == (200, "kinases")
    for wrong in ({"name": "x" * 201}, {"name": 3}, {"state": "succeeded"}, {}):
        assert api.patch(job["url"], wrong, format="json").status_code == 400
    first = body(api.get(f"{job['url']}items/0/"))
    assert (first["state"], first["sequence"]) == ("succeeded", "MKT")
    assert len(first["result"]["embeddings"][0]["embedding"]) == 128
    second = body(api.get(f"{job['url']}items/1/"))
    assert (second["state"], second["code"], second["result"]) == ("skipped", "bad_letter", None)


def test_tokens_are_shown_once_and_revoked(browser, other_browser, client):
    made = browser.post("/account/tokens/", {"name": "notebook", "life": "90"}).content.decode()
    key = re.search(r'id="new-token"[^>]*>([^<]+)<', made)[1]
    headers = {"Authorization": f"Token {key}"}
    assert client.get("/api/jobs/", headers=headers).status_code == 200
    page = browser.get("/account/tokens/").content.decode()
    assert key not in page
    assert "notebook" in page
    token = ApiToken.objects.get()
    assert token.last_used is not None
    assert 89 <= (token.expiry - token.created).days <= 90
    assert "no such token" in text_of(other_browser.post(f"/account/tokens/{token.digest}/revoke/", follow=True))
    assert "notebook" not in text_of(other_browser.get("/account/tokens/"))
    assert "Token revoked" in text_of(browser.post(f"/account/tokens/{token.digest}/revoke/", follow=True))
    assert client.get("/api/jobs/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("name", "words"), [("", "needs a name"), ("   ", "needs a name"), ("x" * 101, "needs a name"), ("a\x00b", "NUL")]
)
def test_a_token_needs_a_name(browser, name, words):
    response = browser.post("/account/tokens/", {"name": name, "life": "never"})
    assert response.status_code == 400
    assert words in text_of(response)
    assert not ApiToken.objects.exists()


def test_the_password_is_changed_and_other_sessions_end(browser, person):
    elsewhere = Client()
    elsewhere.force_login(person)
    new = {"new_password1": "another long one 77", "new_password2": "another long one 77"}
    wrong = browser.post("/account/password/", {"old_password": "guess", **new})
    assert "old password was entered incorrectly" in text_of(wrong)
    browser.post("/account/password/", {"old_password": "a long password 51", **new})
    assert browser.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    assert Client().post("/login/", {"username": "rosalind", "password": "another long one 77"}).status_code == 302


def test_the_service_page_names_models_workers_and_what_waits(api, browser, inline_worker):
    submit(api)
    page = text_of(browser.get("/service/"))
    for words in ("e1-demo", "demonstration, not E1-600M", "inline", "10,000 tokens/s", "float32", "1 job, 1 chunks"):
        assert words in page
    inline_worker()
    assert "Waiting nothing" in text_of(browser.get("/service/"))


def test_the_service_page_says_what_is_wrong(browser):
    page = text_of(browser.get("/service/"))
    assert "Something is wrong" in page
    assert "no worker is alive" in page
    assert "jobs are kept" in page


def test_every_page_has_the_policy_the_model_and_no_inline_script(api, browser, inline_worker):
    job = body(submit(api))
    inline_worker()
    pages = ["/", "/jobs/new/", "/service/", "/account/tokens/", "/account/password/", "/api/docs/", "/admin/"]
    browser.get("/")
    user = Job.objects.get().owner
    user.is_staff = user.is_superuser = True
    user.save()
    for path in ["/login/", "/nothing", *pages, *paths_of(job)]:
        response = (Client() if path == "/login/" else browser).get(path)
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        html = response.content.decode()
        assert not re.search(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", html), path
        assert not re.search(r"<[^>]+\s(?:style|on[a-z]+)=", html), path
        assert "Profluent" in html, path


def test_the_copyable_commands_name_this_job_and_this_server(api, browser):
    job = body(submit(api, b">a\nM?T\n", action="predict", params='{"rows": "masked"}', on_invalid="skip"))
    page = unescape(browser.get(job["links"]["page"]).content.decode())
    assert f"e1 download {job['id']} --out results.npz" in page
    command = "e1 submit library.fasta --action predict --model e1-demo --param rows=masked --param dtype=float32"
    assert f"{command} --on-invalid skip" in page
    assert f"client.download('{job['id']}', 'results.npz')" in page
    assert "http://testserver/api/jobs/" in page or "export E1_URL=http://testserver" in page


def test_a_broken_service_answers_with_a_page_that_needs_no_database(browser, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("boom")

    browser.raise_request_exception = False
    monkeypatch.setattr("jobs.pages.joblist.selectors.jobs_of", fail)
    response = browser.get("/")
    assert response.status_code == 500
    assert "Submitted jobs are kept" in text_of(response)


def test_names_are_checked_where_jobs_are_renamed(api):
    from jobs.errors import InvalidInput

    job = body(submit(api))
    with pytest.raises(InvalidInput):
        lifecycle.job_rename(job_id=job["id"], name="x" * 201)


def test_a_reload_of_the_answer_makes_no_second_token(browser):
    form = re.search(r'name="form" value="([^"]+)"', browser.get("/account/tokens/").content.decode())[1]
    fields = {"name": "notebook", "life": "365", "form": form}
    assert 'id="new-token"' in browser.post("/account/tokens/", fields).content.decode()
    again = browser.post("/account/tokens/", fields)
    assert 'id="new-token"' not in again.content.decode()
    assert "was made already" in text_of(again)
    assert ApiToken.objects.filter(name="notebook").count() == 1


def test_commands_name_the_context_without_which_the_numbers_would_be_others(api, browser):
    from django.core.files.uploadedfile import SimpleUploadedFile

    alone = body(submit(api))
    beside = body(submit(api, context=SimpleUploadedFile("homologs.fasta", b">h\nMKT\n")))
    without, with_context = (unescape(browser.get(job["links"]["page"]).content.decode()) for job in (alone, beside))
    assert "homologs.fasta" not in without
    for words in ("--context homologs.fasta", "context='homologs.fasta'", "-F context=@homologs.fasta"):
        assert words in with_context
    assert "--out other-results.npz" in with_context


def test_a_cancelled_job_does_not_pass_for_a_finished_one(api, browser, inline_worker):
    job = body(submit(api, b"".join(b">p%d\nMKT\n" % n for n in range(20))))
    lifecycle.job_cancel(job_id=job["id"])
    page = browser.get(job["links"]["page"])
    assert "cancelled 20 cancelled, " in text_of(page)
    assert 'class="finished"' not in page.content.decode()
    assert body(api.get(job["url"]))["finished"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "asked"),
    [
        (800, {"action": "log_prob"}),
        (80, {"params": '{"include": ["mean"]}'}),
        (80, {"params": '{"include": ["mean"], "dtype": "float16"}'}),
        (40, {"params": '{"include": ["mean", "per_token", "logits"], "dtype": "float16"}'}),
        (40, {"action": "predict", "params": '{"rows": "masked"}'}),
        (12, {"action": "scan", "params": '{"method": "wildtype_marginal"}'}),
        (3, {"action": "contacts"}),
    ],
)
def test_sizes_beside_downloads_are_near_the_truth(api, browser, inline_worker, count, asked):
    from jobs.pages.downloads import downloads_of

    rng = random.Random(7)
    proteins = ["".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=rng.randint(10, 30))) for _ in range(count)]
    mask = "?" if asked.get("action") == "predict" else ""
    library = "".join(f">protein_{n}\n{protein}{mask}\n" for n, protein in enumerate(proteins))
    job = body(submit(api, library.encode(), **asked))
    counts = body(api.get(job["url"]))["counts"]
    assert all(one.bytes == 0 for one in downloads_of(Job.objects.get(), counts)), "nothing is there yet"
    inline_worker()
    counts = body(api.get(job["url"]))["counts"]
    for one in downloads_of(Job.objects.get(), counts):
        if one.format != "h5":
            assert not one.refused
            real = len(b"".join(browser.get(one.url).streaming_content))
            assert 0.5 < one.bytes / real < 1.8, (one.key, one.bytes, real)
