"""What a client does with contexts: alignments, samples of them, sets under a name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any
from urllib.parse import quote

import httpx

from e1client.answers import decoded, last_part, rows_of
from e1client.errors import UsageError
from e1client.reading import JobReader, ignore
from e1client.transport import CONNECT_SECONDS
from e1client.uploads import Source, open_upload

UPLOAD_SECONDS = 600.0
"""Read limit of an alignment's upload: the server reads and, where that is quick, counts before it answers."""
SHORTEST_PAUSE = 0.5
SEARCH_PAUSE = 2.0

Body = dict[str, Any]
AlignmentLike = str | Mapping[str, Any]
"""An alignment as the server shows it, its id, or its URL."""
SearchLike = str | Mapping[str, Any]
"""A search as the server shows it, its id, or its URL."""
UNFINISHED = ("waiting", "running")


class ContextClient(JobReader):
    """The part of `e1client.api.Client` that is about contexts. Every method gives JSON as the server shows it."""

    def context_sets(self, *, limit: int = 50) -> list[Body]:
        """Your context sets, newest first, at most `limit`."""
        return [dict(row) for row in islice(rows_of(self._transport, "/api/contexts/", {}), limit)]

    def context_set(self, name: str, *, sequences: bool = False) -> Body:
        """One set with its contexts in order and where they came from; with `sequences` also their letters."""
        params = {"sequences": "true"} if sequences else {}
        return decoded(self._transport.request("GET", _set_path(name), params=params))

    def create_context_set(self, name: str, contexts: Sequence[Sequence[str]]) -> Body:
        """Store contexts, each a list of sequences, under `name`. Raises Rejected `context_set_exists` where the name
        stands for others.
        """
        if any(isinstance(context, str) for context in contexts):
            raise UsageError("contexts is a list of lists of sequences; put a single context into a list")
        body = {"name": name, "contexts": [list(context) for context in contexts]}
        return decoded(self._transport.request("POST", "/api/contexts/", json=body))

    def upload_homologs(self, file: Source, *, name: str = "") -> Body:
        """Store the sequences of a FASTA file, unaligned, as a set of one context; named after the file by default."""
        return self._upload("/api/contexts/", file, {"name": name} if name else {}, {})

    def delete_context_set(self, name: str) -> None:
        """Forget the name; jobs that were given the set keep its contexts."""
        self._transport.request("DELETE", _set_path(name), repeatable=False)

    def alignments(self, *, limit: int = 50) -> list[Body]:
        """Your alignments, newest first, at most `limit`."""
        return [dict(row) for row in islice(rows_of(self._transport, "/api/alignments/", {}), limit)]

    def alignment(self, alignment: AlignmentLike) -> Body:
        """Depth, columns, effective depth, similarities to the parent, rows that were left out."""
        return decoded(self._transport.request("GET", _alignment_path(alignment)))

    def upload_alignment(
        self,
        file: Source,
        *,
        parent: str | Source | None = None,
        add_parent: bool = False,
        skip_empty: bool = False,
        name: str = "",
    ) -> Body:
        """Store an alignment (A3M, Stockholm, aligned FASTA; gzip or not), whose first row is the parent.

        `parent`, its letters or a FASTA file, must be the first row, or with `add_parent` is made the first row where
        that is plain. `skip_empty` leaves rows of gaps out. Raises Rejected with every problem of the file.
        """
        fields = {"add_parent": add_parent, "skip_empty": skip_empty}
        form = {key: "true" for key, value in fields.items() if value} | ({"name": name} if name else {})
        files: dict[str, Source] = {}
        if isinstance(parent, str) and parent.isalpha():
            form["parent"] = parent
        elif parent is not None:
            files["parent"] = parent
        return self._upload("/api/alignments/", file, form, files)

    def delete_alignment(self, alignment: AlignmentLike) -> None:
        """Remove an alignment; context sets that were drawn from it stay."""
        self._transport.request("DELETE", _alignment_path(alignment), repeatable=False)

    def preview_contexts(
        self,
        alignment: AlignmentLike,
        *,
        preset: str | None = None,
        samplings: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        model: str | None = None,
        action: str = "scan",
        on_counting: Callable[[float], None] = ignore,
    ) -> Body:
        """What contexts would be drawn (rows, sizes) and what a job with them costs; nothing is stored.

        While the neighbours of a deep alignment are counted it waits, and tells `on_counting` the share that is done.
        """
        body = _sampling(preset, samplings, seed) | {"preview": True, "action": action}
        return self._sampled(alignment, body | ({"model": model} if model else {}), on_counting)

    def sample_contexts(
        self,
        alignment: AlignmentLike,
        *,
        name: str,
        preset: str | None = None,
        samplings: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        on_counting: Callable[[float], None] = ignore,
    ) -> Body:
        """Draw contexts and store them as a set under `name`; see `preview_contexts`."""
        return self._sampled(alignment, _sampling(preset, samplings, seed) | {"name": name}, on_counting)

    def databases(self) -> list[Body]:
        """The libraries that homologs can be searched in."""
        return [dict(row) for row in decoded(self._transport.request("GET", "/api/databases/")).get("results") or ()]

    def search_homologs(self, parent: str, *, database: str, name: str = "", **settings: Any) -> Body:
        """Search homologs of `parent`, a sequence or the text of a FASTA record; what is found becomes an alignment.

        `settings` are tool, iterations, evalue, min_coverage and max_homologs. Raises Rejected for wrong ones,
        ServerTrouble `too_many_searches` where three of yours are unfinished. Not repeated where it may have arrived.
        """
        body = {"database": database, "parent": parent, **({"name": name} if name else {}), **settings}
        return decoded(self._transport.request("POST", "/api/searches/", json=body, repeatable=False))

    def search(self, search: SearchLike) -> Body:
        """State, progress over all iterations, and the URL of the alignment once it is done."""
        return decoded(self._transport.request("GET", _search_path(search)))

    def wait_search(self, search: SearchLike, *, on_update: Callable[[Body], None] = ignore) -> Body:
        """Look at a search until it is over: `done`, `failed` or `cancelled`."""
        while True:
            now = self.search(search)
            on_update(now)
            if now["state"] not in UNFINISHED:
                return now
            self._clock.sleep(SEARCH_PAUSE)

    def searches(self, *, limit: int = 50) -> list[Body]:
        """Your searches, newest first, at most `limit`."""
        return [dict(row) for row in islice(rows_of(self._transport, "/api/searches/", {}), limit)]

    def cancel_search(self, search: SearchLike) -> Body:
        """Stop a search. Raises Rejected `search_is_over` where it ended otherwise."""
        return decoded(self._transport.request("POST", f"{_search_path(search)}cancel/"))

    def _sampled(self, alignment: AlignmentLike, body: Body, on_counting: Callable[[float], None]) -> Body:
        path = f"{_alignment_path(alignment)}sample/"
        timeout = httpx.Timeout(UPLOAD_SECONDS, connect=CONNECT_SECONDS)
        while True:
            response = self._transport.request("POST", path, json=body, timeout=timeout)
            answer = decoded(response)
            if response.status_code != httpx.codes.ACCEPTED:
                return answer
            on_counting(float(answer.get("progress") or 0.0))
            self._clock.sleep(max(SHORTEST_PAUSE, float(answer.get("retry_after") or 0.0)))

    def _upload(self, path: str, file: Source, form: Mapping[str, str], others: Mapping[str, Source]) -> Body:
        with ExitStack() as stack:
            files: dict[str, tuple[str, IO[bytes]]] = {"file": stack.enter_context(open_upload(file))}
            for field, source in others.items():
                files[field] = stack.enter_context(open_upload(source, what=field))
            timeout = httpx.Timeout(UPLOAD_SECONDS, connect=CONNECT_SECONDS)
            return decoded(self._transport.request("POST", path, data=dict(form), files=files, timeout=timeout))


def _sampling(preset: str | None, samplings: Sequence[Mapping[str, Any]], seed: int) -> Body:
    body: Body = {"seed": seed}
    if preset is not None:
        body["preset"] = preset
    if samplings:
        body["samplings"] = [dict(sampling) for sampling in samplings]
    return body


def _set_path(name: str) -> str:
    if not name:
        raise UsageError("the name of a context set is empty; `e1 context list` lists yours")
    return f"/api/contexts/{quote(last_part(name), safe='')}/"


def _alignment_path(alignment: AlignmentLike) -> str:
    return f"/api/alignments/{_id(alignment, 'an alignment', 'e1 context alignments')}/"


def _search_path(search: SearchLike) -> str:
    return f"/api/searches/{_id(search, 'a search', 'e1 context searches')}/"


def _id(thing: str | Mapping[str, Any], what: str, command: str) -> uuid.UUID:
    """The id of a thing, its id as text, or the one in its URL. Raises UsageError `bad_id` for other text."""
    text = str(thing["id"]) if isinstance(thing, Mapping) else thing
    try:
        return uuid.UUID(last_part(text))
    except ValueError:
        raise UsageError(f"{text!r} is no id of {what}; `{command}` lists yours", code="bad_id") from None
