"""Learning from measurements: folds, models with a prior, intervals, plates, codons and the next round.

Pure functions from values to values, on top of `jobs.science`. The seed alone determines every draw.
"""
