"""A small Python client of the job service. It needs neither Django nor PyTorch, and numpy only for arrays.

from e1client import Client

with Client() as client:                       # E1_URL and E1_TOKEN, or url= and token=
    job = client.submit("library.fasta", model="e1-demo", action="encode")
    job = client.wait(job.id)
    client.download(job.id, "library.npz")
"""

from e1client.api import Client
from e1client.errors import (
    ClientError,
    GaveUpWaiting,
    Rejected,
    ServerTrouble,
    Unauthorised,
    Unreachable,
    UsageError,
)
from e1client.job import Job
from e1client.numbering import NumberingFile

__all__ = [
    "Client",
    "ClientError",
    "GaveUpWaiting",
    "Job",
    "NumberingFile",
    "Rejected",
    "ServerTrouble",
    "Unauthorised",
    "Unreachable",
    "UsageError",
]
