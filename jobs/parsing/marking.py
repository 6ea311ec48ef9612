"""Find the characters that a record's problems name in its sequence, to mark them on pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobs.errors import Problem
from jobs.parsing.letters import shown, storable

AROUND = 10
"""Letters that are shown before and after a marked one."""
_UNSTORABLE = storable("\0")


def wrong_places(sequence: str, problems: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the 0-based places in `sequence` of all characters that `problems` (`Problem.as_dict`) name.

    Problems of context sequences name characters of another text, and are left out.
    """
    wrong = _letters_of(sequence, problems)
    return [at for at, letter in enumerate(sequence) if letter in wrong] if wrong else []


def near(sequence: str, problem: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return what is before the first character that the problem names, the character, and what is after it.

    None if the sequence has no such character.
    """
    letters = _letters_of(sequence, (problem,))
    if not letters:
        return None
    at = min(sequence.index(letter) for letter in letters)
    return sequence[max(0, at - AROUND) : at], sequence[at], sequence[at + 1 : at + 1 + AROUND]


def with_near(problem: Problem, sequence: str) -> Problem:
    """Return the problem of a record with the letters around the character that it names."""
    if problem.character is None:
        return problem
    return replace(problem, near=near(sequence, problem.as_dict()))


def _letters_of(sequence: str, problems: Iterable[Mapping[str, Any]]) -> set[str]:
    names = {str(one["character"]) for one in problems if one.get("character") and _of_query(one)}
    if not names:
        return set()
    letters = {letter for letter in set(sequence) if shown(letter) in names}
    # A control character is stored as another one, and its name is a code point.
    return letters | ({_UNSTORABLE} & set(sequence) if any(len(name) > 1 for name in names) else set())


def _of_query(problem: Mapping[str, Any]) -> bool:
    return "context" not in str(problem.get("path") or "")
