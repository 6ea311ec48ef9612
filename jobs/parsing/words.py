"""Words that are no sequence: a header that was wrapped, or a title where residues are expected.

Residues may be written in blocks of equal length with blanks between them. Other words with blanks between them are
no sequence if a line without blanks follows, or if they are written in both cases.
"""

from __future__ import annotations

from jobs.errors import Problem
from jobs.parsing.records import Place

_LOOKED_AT = 10  # lines of a record that may be words; no header is wrapped onto more
_SHOWN = 60


class Words:
    """The first lines of a record, up to the first one without blanks inside."""

    def __init__(self) -> None:
        self._lines = 0  # lines looked at, _LOOKED_AT once it is decided.
        self._block = 0  # letters of a block so far.
        self._first: tuple[int, int, str] | None = None  # line, column, text of the first line with blanks inside.
        self._irregular = False
        self._mixed = False
        self._wrapped = False

    def look(self, text: str, line: int) -> None:
        """Look at one or more whole lines; `line` is the number of the first."""
        if self._lines >= _LOOKED_AT:
            return
        for number, one in enumerate(text.split("\n", 2 * _LOOKED_AT), start=line):
            if (words := one.rstrip("* \t").split()) and not self._take(words, one, number):
                return

    def _take(self, words: list[str], text: str, line: int) -> bool:
        """Look at one line that is not blank. Return False once the text is decided."""
        self._lines += 1
        if len(words) == 1:
            self._wrapped = self._first is not None and (self._irregular or len(words[0]) > self._block)
            self._lines = _LOOKED_AT
            return False
        sizes = list(map(len, words))
        self._block = self._block or sizes[0]
        self._irregular |= sizes[-1] > self._block or any(size != self._block for size in sizes[:-1])
        self._mixed |= len({word.isupper() for word in words if word.isalpha()}) > 1
        if self._first is None:
            self._first = (line, len(text) - len(text.lstrip()) + 1, text.strip())
        return self._lines < _LOOKED_AT

    @property
    def regular(self) -> bool:
        """Whether there are no blanks inside, or only between blocks."""
        return not self._irregular

    def problem(self, place: Place) -> Problem | None:
        """Return the problem of a record whose first lines are words, or None."""
        if not (self._wrapped or (self._irregular and self._mixed)):
            return None
        remedy = "Join a wrapped header into one line. If it is sequence, remove the blanks inside it."
        return self.found(place, remedy)

    def found(self, place: Place, remedy: str) -> Problem | None:
        """Return the problem of the first line with blanks inside, if there is one."""
        if self._first is None:
            return None
        line, column, text = self._first
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        what = f"the words '{''.join(filter(str.isprintable, shown))}' are no sequence"
        return place.problem("words", what, remedy, line=line, column=column)


def words_problem(text: str, place: Place) -> Problem | None:
    """Return the problem of one bare line that is words, or None. It has no header, so a wrapped one is no excuse."""
    words = Words()
    words.look(text, place.line or 1)
    if words.regular:
        return None
    return words.found(place, "Send the sequence alone, without blanks inside it.")
