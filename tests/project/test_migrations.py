"""Migrations are one chain: two changes that land at the same time must not have the same parent."""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader


def test_every_migration_follows_the_one_before_it():
    loader = MigrationLoader(None)
    names = sorted(name for app, name in loader.disk_migrations if app == "jobs")
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    parents = [loader.disk_migrations["jobs", name].dependencies for name in names]
    assert [[name for app, name in one if app == "jobs"] for one in parents] == [[], *([name] for name in names[:-1])]
