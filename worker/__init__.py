"""The model side: `model` and `engine` compute, `tasks` runs them for Celery. Shared facts are in `e1protocol`."""
