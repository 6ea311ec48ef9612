"""Jobs made for a test: records, chunks in each state, finished jobs of variants, and a small structure."""

from __future__ import annotations

import io
from typing import Any

import gemmi
import numpy as np
from django.db import connection

from jobs.actions import Stored, get_action
from jobs.errors import Problem
from jobs.intake.extend import job_extend
from jobs.intake.ingest import Request, job_accept, job_create, job_ingest
from jobs.intake.submit import HashedStream, Submission
from jobs.library.outputs import pack_outputs
from jobs.models import Chunk, Job
from jobs.parsing import BadRecord, Record
from jobs.queue import leases, lifecycle
from tests.helpers import submit_items


def record(index, sequence="MKTAYIAKQR", context=None):
    return Record(index=index, name=f"p{index}", header=f"p{index}", line=index + 1, sequence=sequence, context=context)


def bad(index):
    problem = Problem("bad_letter", "1 is no residue", line=index + 1, column=3, record=f"p{index}")
    return BadRecord(index=index, name=f"p{index}", header=f"p{index}", line=index + 1, problems=(problem,))


def make_job(owner, records, **extra) -> Job:
    request = Request(model="e1-demo", action="log_prob", params={}, **extra)
    job = job_create(owner=owner, request=request)
    with lifecycle.deleted_on_error(job):
        job_ingest(job=job, records=records)
        job_accept(job=job)
    return job


def ids(job, **filters):
    return list(Chunk.objects.filter(job=job, **filters).order_by("id").values_list("id", flat=True))


def claim(chunk_ids, worker="w1"):
    """Claim chunks as a worker that begins with them at once."""
    claimed = leases.chunks_claim(chunk_ids=chunk_ids, worker=worker)
    if claimed:
        leases.chunks_begin(token=claimed[0].token)
    return claimed


def complete(chunk, engine_id, failures=(), value=-1.0):
    failed = {index: Problem("out_of_memory", "too large") for index in failures}
    rows = [
        (item.index, [Stored("log_prob", -1, np.array([[value - item.index]]))])
        for item in chunk.items
        if item.index not in failed
    ]
    return leases.chunk_complete(
        chunk_id=chunk.id,
        token=chunk.token,
        outputs=pack_outputs(get_action("log_prob"), rows),
        failures=failed,
        succeeded=len(rows),
        engine_id=engine_id,
    )


def expire(chunk_ids):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_chunk SET lease_end = statement_timestamp() - interval '1 second' WHERE id = ANY(%s)",
            [chunk_ids],
        )
        cursor.execute("UPDATE jobs_job SET touched_at = now()")


def be_patient(job):
    """End every back-off of the job."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_chunk SET not_before = statement_timestamp() WHERE job_id = %s", [job.id])


class Given:
    """Records in the form that a reader returns."""

    def __init__(self, records):
        self.records = records
        self.cleaning = {"spaces": 1}

    def __iter__(self):
        return iter(self.records)

    def warnings(self):
        return []


def submission(records, *, key=None, body=b"body", on_invalid="reject", **request):
    asked = Request(
        **{"model": "e1-demo", "action": "log_prob", "params": {}, "on_invalid": on_invalid, "idempotency_key": key}
        | request
    )
    return Submission(asked, b"seed", HashedStream(io.BytesIO(body)), lambda: Given(records))


def extend(job, records, **more):
    return job_extend(job=Job.objects.get(pk=job.pk), submission=submission(records, **more))


UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
SHORT = "MKTAYIAKQR"


def sent(api: Any, action: str, items: list[dict[str, str]], **params: Any) -> dict[str, Any]:
    """Submit a job of this action without computing it."""
    answer = submit_items(api, items, action, params=params, name=f"a {action}")
    assert answer.status_code == 202, answer.content
    return dict(answer.json())


def finished(api: Any, work: Any, action: str, items: list[dict[str, str]], **params: Any) -> dict[str, Any]:
    """Submit a job of this action and compute it with the inline worker."""
    job = sent(api, action, items, **params)
    work()
    job = api.get(job["url"]).json()
    assert job["state"] == "succeeded", job["failures"]
    return dict(job)


def scored(api: Any, work: Any, variants: list[str], parent: str = SHORT, **params: Any) -> dict[str, Any]:
    items = [{"variant": variant} for variant in variants]
    return finished(api, work, "score", items, parent=parent, **{"method": "wildtype_marginal", **params})


VARIANTS = ["M1A", "K2R", "T3S", "A4G", "Y5F", "I6V", "A7G", "K8R", "Q9N", "R10K", "M1A:K2R", "WT"]
MEASUREMENTS = "mutant,DMS_score\n" + "".join(f"{variant},{n}\n" for n, variant in enumerate(VARIANTS))


def pdb(sequence: str, *, missing: int = 0, atoms: tuple[str, ...] = ("CA", "CB")) -> bytes:
    """Return a helix of these residues with these atoms, without the first `missing` residues."""
    import numpy as np

    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain = structure[0].add_chain(gemmi.Chain("A"))
    for n, letter in enumerate(sequence):
        if n < missing:
            continue
        residue = gemmi.Residue()
        residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
        residue.seqid = gemmi.SeqId(n + 1, " ")
        for name, radius, turn, rise in (
            ("N", 1.5, -28, -0.9),
            ("CA", 2.3, 0, 0.0),
            ("C", 1.7, 26, 1.1),
            ("O", 2.0, 22, 2.3),
            ("CB", 3.3, 0, 0.0),
        ):
            if name not in atoms or (name, letter) == ("CB", "G"):
                continue
            angle = np.deg2rad(100 * n + turn)
            atom = gemmi.Atom()
            atom.name, atom.element = name, gemmi.Element(name[0])
            atom.pos = gemmi.Position(radius * np.cos(angle), radius * np.sin(angle), 1.5 * n + rise)
            residue.add_atom(atom)
        chain.add_residue(residue)
    return structure.make_pdb_string().encode()
