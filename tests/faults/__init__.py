"""Promises of docs/guarantees.md, held against real processes that are broken on purpose."""
