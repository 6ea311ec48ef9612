"""Gzip files of two members at the REST entrances; `tests/parsing/test_gzip_members.py` has the readers."""

from __future__ import annotations

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import SHORT, VARIANTS, pdb, sent
from tests.helpers import stored_alignment, submit, upload_assay, upload_columns, upload_structure
from tests.libraries import grouped

pytestmark = pytest.mark.django_db

FASTA = f">one\n{SHORT}\n>two\n{SHORT}\n".encode()


def packed(data: bytes | str) -> bytes:
    content = data.encode() if isinstance(data, str) else data
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


@pytest.mark.parametrize("filename", ["library.fasta.gz", "library.bgz", "library"])
def test_libraries(api, filename):
    made = submit(api, packed(FASTA), filename)
    assert (made.status_code, made.json()["counts"]["total"]) == (202, 2)


def test_a_library_as_a_raw_body_and_its_estimate(api):
    query = "?model=e1-demo&action=encode"
    for path, total in (("/api/jobs/", lambda body: body["counts"]["total"]), ("/api/estimate/", lambda b: b["items"])):
        answer = api.post(f"{path}{query}", packed(FASTA), content_type="application/gzip")
        assert answer.status_code in (200, 202), answer.content
        assert total(answer.json()) == 2


def test_a_context_of_a_job(api):
    context = SimpleUploadedFile("homologs.fasta.gz", packed(FASTA))
    made = submit(api, action="log_prob", file=b">q\nMKTAYIAKQR\n", context=context)
    assert made.status_code == 202, made.content


def test_contexts_and_alignments(api):
    made = api.post("/api/contexts/", {"file": SimpleUploadedFile("homologs.fasta.gz", packed(FASTA))})
    assert made.json()["contexts"][0]["sequences"] == 2
    raw = api.post("/api/contexts/?name=raw", packed(FASTA), content_type="application/gzip")
    assert raw.json()["contexts"][0]["sequences"] == 2
    assert stored_alignment(api, packed(FASTA), "family.a3m.gz")["depth"] == 2


def test_files_beside_jobs(api):
    scores = sent(api, "score", [{"variant": variant} for variant in VARIANTS], parent=SHORT)
    table = "mutant,DMS_score\n" + "".join(f"{variant},{n}\n" for n, variant in enumerate(VARIANTS))
    made = upload_assay(api, scores, packed(table))
    assert made.status_code == 201, made.content
    maps = sent(api, "contacts", [{"sequence": SHORT}])
    assert upload_structure(api, maps, packed(pdb(SHORT))).json()["resolved"] == len(SHORT)


def test_columns(db):
    from tests.helpers import client_of

    library = grouped(3, names=["a", "b", "c"])
    made = upload_columns(client_of(library.job.owner), library, packed("name,x\na,1\nb,2\nc,3\n"))
    assert made.status_code == 201, made.content
    assert made.json()["matching"]["matched_rows"] == 3
