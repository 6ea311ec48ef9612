"""Ratios measured in one run: `make bench`, or `python -m benchmarks NAME ...`. No test depends on a time."""
