"""Limits of projects."""

MAX_PROJECTS = 500
"""Projects of one owner, with archived and deleted ones."""
MAX_MEMBERS = 100
MAX_NAME = 100
MAX_DESCRIPTION = 500
MAX_NOTES = 50_000
"""Characters of notes."""
MAX_MOVED = 1_000
"""Things that one request moves."""
MAX_TAGS = 20
MAX_TAG = 40
