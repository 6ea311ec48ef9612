"""Clients of the running service: published ones, each in its own environment, and ours."""
