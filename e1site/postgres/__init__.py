"""Django's backend for Postgres, with cheaper checks of connections: the ENGINE of the settings."""
