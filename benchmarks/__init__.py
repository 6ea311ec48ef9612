"""Ratios measured in one run: `make bench`, or `python -m benchmarks NAME ...`. Nothing here is a timed test."""
