"""Variant science: alignments, context sampling, variants, marginals, contacts, structures and metrics.

Pure functions from values to values: no database, no device, no files but what they are handed. Of the model side they
know `e1protocol` only: they say which queries to run and make numbers of the logits that come back.
"""
