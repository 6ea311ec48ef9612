"""Analyses of an encode job: neighbours, clusters and maps of its mean embeddings, each an artefact with parameters.

`params` checks what was asked for, `vectors` reads embeddings, `building` runs the computation
(`jobs.science.analysing`) in a process of its own and writes the files, `reading` reads them for pages. What the files
hold: `docs/maps.md`.
"""

from __future__ import annotations

KINDS = ("neighbours", "clusters", "map")
FORMATS = {"json": "application/json", "npz": "application/octet-stream"}
"""The files of every analysis."""
