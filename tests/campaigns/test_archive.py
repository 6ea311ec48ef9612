"""A campaign as a file: exported whole, imported with equal digests, and refused whole if anything is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.campaigns.exporting import digest_of
from jobs.files.pieces import FORMULA_STARTS
from jobs.limits import GZIP_RATIO_FROM
from jobs.models import Alignment, Campaign, Measurement, Project, ProjectMember, Property, PropertyModel, Quota, Round
from jobs.models.projects import Role
from tests.campaigns.steps import (
    PARENT,
    exported,
    imported,
    made,
    proposed,
    some_singles,
    text_of,
    trained,
    upload,
    with_alignment,
)

pytestmark = pytest.mark.django_db

Parts = dict[str, bytes]


def corrected() -> str:
    """Return the table of 24 variants with three other cells."""
    rows = some_singles(24)
    for at, cell in enumerate(("7.25", "failed", "<0.05"), start=3):
        rows[at][4] = cell
    return text_of(rows)


def measured(api, url: str, **more) -> dict:
    """Measure 24 variants with a correction, learn, and propose a round; return the model."""
    upload(api, url, text_of(some_singles(24)))
    upload(api, url, corrected())
    model = trained(api, url, seed=3, **more)
    body = proposed(api, url, model, count=5, plate=None)
    api.post(f"{url}rounds/{body['n']}/ordered/")
    return model


def parts_of(content: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_cells_of_measurements_are_no_formulas(api):
    """Plates and wells that people name are in the tables of a campaign's file."""
    url = made(api)
    answer = upload(api, url, 'plate;well;variant;activity\n=1+1;A1;WT;2.0\n"@SUM(A1)";A2;A9G;1.0\n')
    assert answer.status_code == 201, answer.content
    table = parts_of(exported(api, url))["measurements/1.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [row["plate"] for row in rows] == ["'=1+1", "'@SUM(A1)"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(FORMULA_STARTS)]


def packed(parts: Parts, **more) -> bytes:
    """Return a file of these parts whose manifest is true of them."""
    manifest = json.loads(parts["manifest.json"])
    files = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if name != "manifest.json"}
    manifest |= {"files": files, "digest": digest_of(files)} | more
    return zipped(parts | {"manifest.json": json.dumps(manifest).encode()})


def zipped(parts: Parts) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_a_campaign_is_exported_whole_and_imported_with_equal_digests(api, other_api):
    url = with_alignment(api)
    model = measured(api, url)
    content = exported(api, url)
    assert exported(api, url) == content
    parts = parts_of(content)
    manifest = json.loads(parts.pop("manifest.json"))
    assert manifest["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    assert manifest["left_out"] == {"models": []}
    assert set(parts) == {
        "campaign.json", "alignment.tsv", "properties.json", "rounds.json", "rounds/1.json", "rounds/1.csv",
        "models/1.json", "models/1.tables", *(f"measurements/{n}.{end}" for n in (1, 2) for end in ("csv", "jsonl")),
    }  # fmt: skip
    assert parts["rounds/1.json"].decode() == Round.objects.get().frozen
    assert manifest["files"]["alignment.tsv"] == Alignment.objects.get().digest
    assert json.loads(parts["models/1.json"])["digest"] == model["digest"]
    table = list(csv.DictReader(io.StringIO(parts["measurements/1.csv"].decode())))
    assert len(table) == Measurement.objects.filter(property__name="activity").count() == 29
    assert {row["role"] for row in table} == {"wild_type", "variant"}
    assert [row["written"] for row in table[-3:]] == ["7.25", "failed", "<0.05"]

    answer = imported(other_api, content)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["imported"] == {"properties": 2, "measurements": 55, "models": 1, "rounds": 1}
    assert body["digest"] == manifest["digest"]
    other = body["url"]
    assert body["id"] != url.split("/")[-2]
    assert exported(other_api, other) == content
    for path in ("models/1/", "rounds/1/"):
        mine, theirs = api.get(f"{url}{path}").json(), other_api.get(f"{other}{path}").json()
        assert {**mine, "url": ""} == {**theirs, "url": ""}
    asked = {"all_singles": True}
    mine = api.post(f"{url}models/1/predictions/", asked, format="json").json()
    assert other_api.post(f"{other}models/1/predictions/", asked, format="json").json() == mine
    # It goes on as before: the same data give the same model, and the round is under way.
    assert trained(other_api, other, seed=3)["digest"] == model["digest"]
    assert upload(other_api, other, corrected()).json()["n"] == 0
    assert other_api.post(f"{other}rounds/1/measured/").json()["state"] == "measured"
    assert api.get(f"{url}rounds/1/").json()["state"] == "ordered"
    assert api.get(other).status_code == 404


@pytest.mark.slow
def test_a_deleted_campaign_comes_back_from_its_file(api):
    url = made(api)
    measured(api, url, features="one_hot", prior="none")
    content = exported(api, url)
    assert api.delete(url).status_code == 204
    assert not Campaign.objects.exists()
    back = imported(api, content).json()["url"]
    assert exported(api, back) == content


def test_open_models_are_left_out_and_named(api):
    url = made(api)
    assert api.post(f"{url}models/", {"property": "activity"}, format="json").status_code == 202
    content = exported(api, url)
    assert json.loads(parts_of(content)["manifest.json"])["left_out"] == {"models": [1]}
    assert imported(api, content).json()["imported"]["models"] == 0


def test_strangers_cannot_export(api, other_api):
    url = made(api)
    answer = other_api.get(f"{url}export/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_alignment_that_is_no_longer_shared_stays_with_its_owner(api, other_api, person, stranger):
    url = with_alignment(api)
    Campaign.objects.update(owner=stranger)
    project = Project.objects.create(owner=person, name="shared")
    ProjectMember.objects.create(project=project, user=stranger, role=Role.VIEW)
    Alignment.objects.update(project=project)
    assert "alignment.tsv" in parts_of(exported(other_api, url))
    ProjectMember.objects.all().delete()
    parts = parts_of(exported(other_api, url))
    assert "alignment.tsv" not in parts
    assert json.loads(parts["campaign.json"])["alignment"] is None
    assert trained(other_api, url)["prior"]["used"] == "blosum62"


_kept: list[bytes] = []


@pytest.fixture
def parts(api) -> Parts:
    """The parts of an export. Nothing of it is in the database any more."""
    if not _kept:
        url = with_alignment(api)
        measured(api, url)
        _kept.append(exported(api, url))
        api.delete(url)
        Alignment.objects.all().delete()
    return parts_of(_kept[0])


def nothing_is_stored() -> bool:
    kinds = (Campaign, Property, Measurement, PropertyModel, Round, Alignment)
    return not any(one.objects.exists() for one in kinds)


def changed(name: str, change: Callable[[dict], object]) -> Callable[[Parts], Parts]:
    """Return what changes a JSON part."""

    def act(parts: Parts) -> Parts:
        value = json.loads(parts[name])
        change(value)
        return parts | {name: json.dumps(value).encode()}

    return act


def line(change: Callable[[dict], object]) -> Callable[[Parts], Parts]:
    def act(parts: Parts) -> Parts:
        first, *rest = parts["measurements/1.jsonl"].splitlines()
        row = json.loads(first)
        change(row)
        return parts | {"measurements/1.jsonl": b"\n".join([json.dumps(row).encode(), *rest])}

    return act


def frozen(change: Callable[[dict], object]) -> Callable[[Parts], Parts]:
    """Return what changes the round, so that its digest is true of it."""

    def act(parts: Parts) -> Parts:
        parts = changed("rounds/1.json", change)(parts)
        digest = hashlib.sha256(parts["rounds/1.json"]).hexdigest()
        return changed("rounds.json", lambda value: value[0].update(digest=digest))(parts)

    return act


def without(name: str) -> Callable[[Parts], Parts]:
    return lambda parts: {one: data for one, data in parts.items() if one != name}


def rows_added(row: bytes, times: int = 1) -> Callable[[Parts], Parts]:
    return lambda parts: parts | {"alignment.tsv": parts["alignment.tsv"] + row * times}


def put(name: str, data: bytes) -> Callable[[Parts], Parts]:
    return lambda parts: parts | {name: data}


MODEL = "models/1.json"
WRONG = {
    "no campaign": without("campaign.json"),
    "no rounds": without("rounds.json"),
    "no measurements": without("measurements/2.jsonl"),
    "no alignment": without("alignment.tsv"),
    "no tables": without("models/1.tables"),
    "no JSON": put("properties.json", b"[{]"),
    "not a number": put("properties.json", b"[NaN]"),
    "a deep value": put("properties.json", b"[" * 100_000),
    "a character of zero": put("rounds.json", b'["\\u0000"]'),
    "half a character": put("rounds.json", b'["\\ud800"]'),
    "another form": put("rounds.json", b"{}"),
    "another round": changed("rounds.json", lambda value: value[0].update(digest="0" * 64)),
    "a round twice": changed("rounds.json", lambda value: value.append(value[0])),
    "a strange state": changed("rounds.json", lambda value: value[0].update(state="lost")),
    "a changed round": changed("rounds/1.json", lambda value: value["rows"][0].update(reason="")),
    "no objectives": frozen(lambda value: value.update(objectives=[])),
    "an objective without a model": frozen(lambda value: value["objectives"][0].pop("model")),
    "a row that lacks a field": frozen(lambda value: value["rows"][0].pop("codons")),
    "a number that is a text": frozen(lambda value: value["rows"][0].update(mean="1")),
    "codons of another variant": frozen(lambda value: value["rows"][0].update(codons=["1:ATG>TGG"])),
    "hits without a chance": frozen(lambda value: value.update(expected={"hits": 1.0, "maximum": 2.0})),
    "another parent": changed("campaign.json", lambda value: value.update(parent=PARENT[::-1], cds="", exclude=[])),
    "no moment": changed("campaign.json", lambda value: value.update(created_at="yesterday")),
    "a moment at the end of time": changed(
        "campaign.json", lambda value: value.update(created_at="9999-12-31T23:59:59-23:00")
    ),
    "a property twice": changed("properties.json", lambda value: value.__setitem__(1, value[0])),
    "another alignment": put("alignment.tsv", b"x\tMKT\t\n"),
    "a letter that is no residue": rows_added(b"x\t" + b"J" * len(PARENT) + b"\t\n"),
    "more rows than an alignment has": rows_added(b"x\t" + b"A" * len(PARENT) + b"\t\n", times=100_000),
    "a value that failed": line(lambda row: row.update(failed=True)),
    "an infinite value": line(lambda row: row.update(value="Infinity")),
    "a role": line(lambda row: row.update(role="best")),
    "a long plate": line(lambda row: row.update(plate="x" * 61)),
    "a variant of another parent": line(lambda row: row.update(variant="W1A")),
    "a path for a variant": line(lambda row: row.update(variant="../../etc/passwd")),
    "a round from the future": line(lambda row: row.update(round=2**31)),
    "a training value": changed(MODEL, lambda value: value["training"][0].__setitem__(1, 99.5)),
    "a training variant": changed(MODEL, lambda value: value["training"][0].__setitem__(0, "K2")),
    "who ranks": changed(MODEL, lambda value: value["card"].update(ranks_by="luck")),
    "more in the card": changed(MODEL, lambda value: value["card"].update(state="failed")),
    "figures that are a text": changed(MODEL, lambda value: value["card"]["cross_validation"].update(position="good")),
    "a metric that nobody knows": changed(
        MODEL, lambda value: value["card"]["cross_validation"]["position"]["prior"].update(luck={})
    ),
    "a figure of another form": changed(MODEL, lambda value: value["card"]["gain"].update(value="much")),
    "half a gain": changed(MODEL, lambda value: value["card"]["gain"].pop("spearman")),
    "a gain without a level": changed(MODEL, lambda value: value["card"]["gain"].update(level=None)),
    "more in a gain": changed(MODEL, lambda value: value["card"]["gain"].update(luck=1)),
    "a curve of another form": changed(MODEL, lambda value: value["card"].update(learning_curve=[{"n": 12}])),
    "a curve that is a text": changed(MODEL, lambda value: value["card"].update(learning_curve="steep")),
    "a long curve": changed(
        MODEL, lambda value: value["card"].update(learning_curve=value["card"]["learning_curve"] * 20)
    ),
    "no coverage": changed(MODEL, lambda value: value["card"].update(coverage={})),
    "a long reason": changed(MODEL, lambda value: value["card"].update(reasons={"depth": "x" * 1_001})),
    "a digest": changed(MODEL, lambda value: value.update(digest="0" * 64)),
    "an unknown property": changed(MODEL, lambda value: value.update(property="kcat")),
    "another number": changed(MODEL, lambda value: value.update(n=2)),
    "an open model": changed(MODEL, lambda value: value.update(state="waiting")),
    "no noise": changed(MODEL, lambda value: value["fits"]["whole"].update(noise=0)),
    "a fold of others": changed(MODEL, lambda value: value["fits"]["folds"][0]["test"].__setitem__(0, 10**6)),
    "a lost error": changed(MODEL, lambda value: value["fits"]["folds"][0]["errors"].pop()),
    "a held-out prediction too few": changed(MODEL, lambda value: value["fits"]["held_out"]["random"].pop()),
    "a held-out prediction that is a text": changed(
        MODEL, lambda value: value["fits"]["held_out"]["random"].__setitem__(0, "1")
    ),
    "held-out predictions of unknown folds": changed(MODEL, lambda value: value["fits"]["held_out"].update(luck=[])),
    "a bomb of tables": put("models/1.tables", zlib.compress(bytes(50_000_000))),
    "short tables": put("models/1.tables", zlib.compress(bytes(160))),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_part_stores_nothing(api, parts, what):
    answer = imported(api, packed(WRONG[what](parts)))
    assert answer.status_code in (400, 404, 409, 413), answer.content
    body = answer.json()
    assert body["code"]
    assert body["detail"]
    assert nothing_is_stored()


def test_the_gain_of_an_older_service_is_imported(api, parts):
    """Its metric is Spearman, and it has no level."""

    def aged(value: dict) -> None:
        for name in ("level", "spearman"):
            value["card"]["gain"].pop(name)
        value["card"]["gain"]["metric"] = "spearman"

    answer = imported(api, packed(changed(MODEL, aged)(parts)))
    assert answer.status_code == 201, answer.content
    assert PropertyModel.objects.get().card["gain"]["metric"] == "spearman"


def test_a_changed_byte_is_found(api, parts):
    content = bytearray(_kept[0])
    chance = random.Random(0)
    for _ in range(25):
        at = chance.randrange(len(content))
        content[at] ^= 0xFF
        answer = imported(api, bytes(content))
        content[at] ^= 0xFF
        # A byte of a name's copy, or of a time, may not matter: then the campaign is whole.
        if answer.status_code != 201:
            assert answer.status_code in (400, 413), answer.content
            assert answer.json()["code"] in ("bad_campaign_file", "campaign_file_too_large", "gzip_ratio")
            assert nothing_is_stored()
        else:
            assert exported(api, answer.json()["url"]) == _kept[0]
            api.delete(answer.json()["url"])
            Alignment.objects.all().delete()
    assert imported(api, bytes(content)).status_code == 201


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"no zip at all", zipped({}), zipped({"manifest.json": b"{}"}), zipped({"manifest.json": b"["})],
)
def test_other_files_are_refused(api, content):
    answer = imported(api, content)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] in ("bad_campaign_file", "no_file", "empty_file")
    assert nothing_is_stored()


def test_no_file_and_other_fields_are_refused(api):
    assert api.post("/api/campaigns/import/", {}, format="multipart").json()["code"] == "no_file"
    file = SimpleUploadedFile("c.zip", b"PK")
    answer = api.post("/api/campaigns/import/", {"file": file, "name": "x"}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")


def test_another_version_is_refused_by_its_number(api, parts):
    answer = imported(api, packed(parts, version=2)).json()
    assert answer["code"] == "bad_campaign_file"
    assert "version is 2" in answer["detail"]


def test_names_in_the_file_are_never_paths(api, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    strange = {"../escaped.txt": b"x", str(tmp_path / "absolute.txt"): b"x", "models/../../2.json": b"{}"}
    answer = imported(api, packed(parts | strange))
    assert answer.status_code == 201, answer.content
    assert not list(tmp_path.iterdir())
    assert not (tmp_path.parent / "escaped.txt").exists()


def test_bombs_are_refused_before_they_are_unpacked(api, parts):
    zeros = bytes(GZIP_RATIO_FROM + 1)
    answer = imported(api, packed({"manifest.json": parts["manifest.json"], "campaign.json": zeros}))
    assert (answer.status_code, answer.json()["code"]) == (413, "gzip_ratio")
    many = packed(parts | {f"rounds/{n}.csv": b"" for n in range(2, 4_100)})
    assert imported(api, many).json()["code"] == "campaign_file_too_large"
    values = packed(parts | {"rounds.json": b"[" + b"{}," * 3_000_001 + b"{}]"})
    assert imported(api, values).json()["code"] == "campaign_file_too_large"
    assert nothing_is_stored()


def test_a_full_storage_takes_nothing(api, person, parts):
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": 2_000})
    answer = imported(api, packed(parts))
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_stored_bytes")
    assert nothing_is_stored()
