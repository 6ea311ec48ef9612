"""Contexts: alignments, samples of them, and sets under a name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import httpx

from e1client.errors import UsageError
from e1client.job import last_part
from e1client.reading import Body, JobReader, ignore
from e1client.transport import decoded
from e1client.uploads import Source, Upload, all_open, open_upload

UPLOAD_SECONDS = 600.0
"""Read limit of an alignment's upload: the server reads it and may count neighbours before it answers."""
SHORTEST_PAUSE = 0.5
SEARCH_PAUSE = 2.0

Shown = str | Mapping[str, Any]
"""An alignment or a search as the server shows it, its id, or its URL."""


class ContextClient(JobReader):
    """The part of `e1client.api.Client` for contexts. Every method returns JSON as the server shows it."""

    def context_sets(self, *, limit: int = 50) -> list[Body]:
        """Return your context sets, newest first, at most `limit`."""
        return list(islice(self._transport.rows("/api/contexts/", {}), limit))

    def context_set(self, name: str, *, sequences: bool = False) -> Body:
        """Return a set with its contexts in order and their origin; with `sequences`, also their letters."""
        params = {"sequences": "true"} if sequences else {}
        return self._transport.json("GET", _set_path(name), params=params)

    def create_context_set(self, name: str, contexts: Sequence[Sequence[str]]) -> Body:
        """Store contexts, each a list of sequences, under `name`.

        Raises Rejected `context_set_exists` if the name belongs to other contexts.
        """
        if any(isinstance(context, str) for context in contexts):
            raise UsageError("contexts is a list of lists of sequences; put a single context into a list")
        body = {"name": name, "contexts": [list(context) for context in contexts]}
        return self._transport.json("POST", "/api/contexts/", json=body)

    def upload_homologs(self, file: Source, *, name: str = "") -> Body:
        """Store the sequences of a FASTA file, unaligned, as a set of one context; named after the file by default."""
        return self._upload("/api/contexts/", {"name": name} if name else {}, {"file": open_upload(file)})

    def delete_context_set(self, name: str) -> None:
        """Delete a set. Jobs that used it keep its contexts."""
        self._transport.request("DELETE", _set_path(name), repeatable=False)

    def alignments(self, *, limit: int = 50) -> list[Body]:
        """Return your alignments, newest first, at most `limit`."""
        return list(islice(self._transport.rows("/api/alignments/", {}), limit))

    def alignment(self, alignment: Shown) -> Body:
        """Return an alignment: depth, columns, effective depth, similarities to the parent, omitted rows."""
        return self._transport.json("GET", _alignment_path(alignment))

    def upload_alignment(
        self,
        file: Source,
        *,
        parent: str | Source | None = None,
        add_parent: bool = False,
        skip_empty: bool = False,
        name: str = "",
    ) -> Body:
        """Store an alignment whose first row is the parent: A3M, aligned FASTA, Clustal, PIR, Stockholm, gzip or not.

        `parent`, its letters or a FASTA file, must be the first row; `add_parent` makes it the first row if that is
        unambiguous. `skip_empty` omits rows without letters. The answer has `skipped`, the omitted rows, and `notes`,
        which say what else was changed. Raises Rejected with every problem of the file.
        """
        fields = {"add_parent": add_parent, "skip_empty": skip_empty}
        form = {key: "true" for key, value in fields.items() if value} | ({"name": name} if name else {})
        files = {"file": open_upload(file)}
        if isinstance(parent, str) and parent.isalpha():
            form["parent"] = parent
        elif parent is not None:
            files["parent"] = open_upload(parent, what="parent")
        return self._upload("/api/alignments/", form, files)

    def delete_alignment(self, alignment: Shown) -> None:
        """Delete an alignment. Context sets that were drawn from it stay."""
        self._transport.request("DELETE", _alignment_path(alignment), repeatable=False)

    def preview_contexts(
        self,
        alignment: Shown,
        *,
        preset: str | None = None,
        samplings: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        model: str | None = None,
        action: str = "scan",
        on_counting: Callable[[float], None] = ignore,
    ) -> Body:
        """Return the contexts that would be drawn (rows, sizes) and the cost of a job with them. Nothing is stored.

        Waits while the neighbours of a deep alignment are counted, and calls `on_counting` with the share done.
        """
        body = _sampling(preset, samplings, seed) | {"preview": True, "action": action}
        return self._sampled(alignment, body | ({"model": model} if model else {}), on_counting)

    def sample_contexts(
        self,
        alignment: Shown,
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
        """Return the libraries that homologs can be searched in."""
        return self._transport.json("GET", "/api/databases/").get("results") or []

    def search_homologs(self, parent: str, *, database: str, name: str = "", **settings: Any) -> Body:
        """Search homologs of `parent`, a sequence or the text of a FASTA record. The result becomes an alignment.

        `settings` are tool, iterations, evalue, min_coverage and max_homologs. Raises Rejected for wrong ones, and
        ServerTrouble `too_many_searches` if three of yours are unfinished. A request that may have arrived is not
        repeated.
        """
        body = {"database": database, "parent": parent, **({"name": name} if name else {}), **settings}
        return self._transport.json("POST", "/api/searches/", json=body, repeatable=False)

    def search(self, search: Shown) -> Body:
        """Return a search: state, progress over all iterations, and the URL of its alignment once it is done."""
        return self._transport.json("GET", _search_path(search))

    def wait_search(self, search: Shown, *, on_update: Callable[[Body], None] = ignore) -> Body:
        """Wait until a search is `done`, `failed` or `cancelled`."""
        return self._until_over(lambda: self.search(search), on_update, SEARCH_PAUSE)

    def searches(self, *, limit: int = 50) -> list[Body]:
        """Return your searches, newest first, at most `limit`."""
        return list(islice(self._transport.rows("/api/searches/", {}), limit))

    def cancel_search(self, search: Shown) -> Body:
        """Stop a search. Raises Rejected `search_is_over` if it ended in another way."""
        return self._transport.json("POST", f"{_search_path(search)}cancel/")

    def _sampled(self, alignment: Shown, body: Body, on_counting: Callable[[float], None]) -> Body:
        path = f"{_alignment_path(alignment)}sample/"
        while True:
            response = self._transport.request("POST", path, json=body, seconds=UPLOAD_SECONDS)
            answer = decoded(response)
            if response.status_code != httpx.codes.ACCEPTED:
                return answer
            on_counting(float(answer.get("progress") or 0.0))
            self._clock.sleep(max(SHORTEST_PAUSE, float(answer.get("retry_after") or 0.0)))

    def _upload(self, path: str, form: dict[str, str], files: Mapping[str, Upload]) -> Body:
        with all_open(files) as opened:
            return self._transport.json("POST", path, data=form, files=opened, seconds=UPLOAD_SECONDS)


def _sampling(preset: str | None, samplings: Sequence[Mapping[str, Any]], seed: int) -> Body:
    given: Body = {"preset": preset, "samplings": [dict(sampling) for sampling in samplings]}
    return {"seed": seed} | {name: value for name, value in given.items() if value}


def _set_path(name: str) -> str:
    if not name:
        raise UsageError("the name of a context set is empty; `e1 context list` lists yours")
    return f"/api/contexts/{quote(last_part(name), safe='')}/"


def _alignment_path(alignment: Shown) -> str:
    return f"/api/alignments/{_id(alignment, 'an alignment', 'e1 context alignments')}/"


def _search_path(search: Shown) -> str:
    return f"/api/searches/{_id(search, 'a search', 'e1 context searches')}/"


def _id(thing: Shown, what: str, command: str) -> uuid.UUID:
    """Return the id of something shown, given as text, or in a URL. Raises UsageError `bad_id` for other text."""
    text = str(thing["id"]) if isinstance(thing, Mapping) else thing
    try:
        return uuid.UUID(last_part(text))
    except ValueError:
        raise UsageError(f"{text!r} is no id of {what}; `{command}` lists yours", code="bad_id") from None
