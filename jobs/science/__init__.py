"""Variant science: alignments, context sampling, variants, marginals, contacts, structures, metrics and maps.

Pure functions from values to values. They use no database and no device, and read only the files that callers pass.
They know the model side through `e1protocol` alone: they list the queries to run and turn the logits into scores.
"""
