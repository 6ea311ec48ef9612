"""The library of an earlier job as the records of a new one, without sending it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jobs.errors import NotFound, Problem
from jobs.library import selectors
from jobs.models import Item, Job
from jobs.parsing import BadRecord, ItemRules, Record, check_sequence
from jobs.parsing.records import Place

PAGE = 2048


class EarlierItems:
    """The accepted items of `job`, in their order, checked by the rules of the new action.

    Names, headers and lines are those of the first upload. Indices start again from 0, because skipped items are left
    out. Items without a context, or all items if `keep_contexts` is false, get the new job's shared one. Iterating
    raises NotFound if the job is deleted meanwhile: half a library must not pass for a whole one.
    """

    def __init__(
        self, job: Job, rules: ItemRules, *, shared_context: Sequence[str] = (), keep_contexts: bool = True
    ) -> None:
        self._job = job
        self._rules = rules
        self._shared = tuple(shared_context)
        self._keep = keep_contexts
        self.cleaning: dict[str, int] = {}

    def warnings(self) -> list[Problem]:
        return []

    def __iter__(self) -> Iterator[Record | BadRecord]:
        index = 0
        for page in self._pages():
            contexts = selectors.context_sequences(item.context_id for item in page) if self._keep else {}
            for item in page:
                yield self._read(item, index, contexts)
                index += 1

    def _pages(self) -> Iterator[list[Item]]:
        items = Item.objects.filter(job_id=self._job.pk, chunk__isnull=False).order_by("index")
        last = -1
        while page := list(items.filter(index__gt=last)[:PAGE]):
            last = page[-1].index
            yield page
        if not Job.objects.filter(pk=self._job.pk).exists():
            raise NotFound("the earlier job was deleted while its library was read; nothing was queued")

    def _read(self, item: Item, index: int, contexts: Mapping[int, tuple[str, ...]]) -> Record | BadRecord:
        context = None if item.context_id is None or not self._keep else selectors.context_at(contexts, item.context_id)
        place = Place(line=item.line, record=item.name, index=index)
        if problems := check_sequence(item.sequence, context, self._rules, place, shared_context=self._shared):
            return place.bad(problems, item.header, item.sequence)
        return place.good(item.header, item.sequence, context)
