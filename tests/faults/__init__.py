"""Promises of docs/guarantees.md, tested on real processes that are broken on purpose."""
