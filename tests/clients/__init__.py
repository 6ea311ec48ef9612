"""Clients at the running service: those that others published, each in an environment of its own, and ours."""
