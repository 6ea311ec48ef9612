"""The web side: parsing, the queue in Postgres, results, REST and pages. Never imports torch."""
