"""Importing a campaign on the list of campaigns: all of it, or nothing and the place that is wrong."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import Campaign
from tests.campaigns.steps import exported, made, some_singles, text_of, upload
from tests.helpers import text_of as shown_text

pytestmark = pytest.mark.django_db


def sent(browser, content: bytes):
    return browser.post("/campaigns/", {"do": "import", "file": SimpleUploadedFile("campaign.zip", content)})


@pytest.fixture
def file(api) -> bytes:
    url = made(api)
    assert upload(api, url, text_of(some_singles(26))).status_code == 201
    content = exported(api, url)
    assert api.delete(url).status_code == 204
    return content


def test_an_empty_list_offers_it_and_shows_what_was_read(api, browser, file):
    html = browser.get("/campaigns/").content.decode()
    assert "No campaigns yet" in html
    assert 'enctype="multipart/form-data"' in html
    answer = sent(browser, file)
    campaign = Campaign.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/campaigns/{campaign.pk}/")
    page = shown_text(browser.get(answer["Location"]))
    assert "synthetic is imported: 2 properties, 56 measurements, 0 models, 0 rounds." in page
    assert exported(api, f"/api/campaigns/{campaign.pk}/") == file, "the same bytes as before"


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_stored(browser, file):
    cases = {
        b"": "there is no file|not a ZIP file",
        b"variant,activity\n": "not a ZIP file",
        changed(file, "measurements/1.jsonl"): "Measurements/1.jsonl: its bytes are not those that were exported",
        without(file, "properties.json"): "Manifest.json: it lists other files than there are",
    }
    for content, words in cases.items():
        answer = sent(browser, content)
        text = shown_text(answer)
        assert answer.status_code == 400, text
        assert any(one.lower() in text.lower() for one in words.split("|")), text
        assert 'role="alert"' in answer.content.decode()
    assert browser.post("/campaigns/", {"do": "import"}).status_code == 400
    assert not Campaign.objects.exists()


def changed(file: bytes, name: str) -> bytes:
    """Return the archive with one more line in a part."""
    return _copied(file, lambda one, data: data + b"{}\n" if one == name else data)


def without(file: bytes, name: str) -> bytes:
    return _copied(file, lambda one, data: None if one == name else data)


def _copied(file: bytes, change) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(out, "w") as new:
        for one in old.namelist():
            data = change(one, old.read(one))
            if data is not None:
                new.writestr(one, data)
    return out.getvalue()
