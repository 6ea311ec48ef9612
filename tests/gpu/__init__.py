"""Tests that need a CUDA device, skipped elsewhere. docs/install.md names the device of the last run."""
