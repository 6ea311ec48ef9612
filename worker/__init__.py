"""The model side: `e1protocol` is what it shares with `jobs`, `tasks` the seam, `engine` and `model` the computing."""
