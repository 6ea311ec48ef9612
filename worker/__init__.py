"""The model side: `protocol` is what it shares with `jobs`, `tasks` the seam, `engine` and `model` the computing."""
