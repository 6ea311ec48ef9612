"""What only a CUDA device can show. Skipped elsewhere; docs/install.md says where it was run last."""
