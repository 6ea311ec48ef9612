"""Migrations are one chain: two changes that land at the same time must not have the same parent."""

from __future__ import annotations

from django.db.migrations.loader import MigrationLoader


def test_every_migration_follows_the_one_before_it():
    loader = MigrationLoader(None)
    ours = {name: one for (app, name), one in loader.disk_migrations.items() if app == "jobs"}
    squashes = {name: [replaced for _, replaced in one.replaces] for name, one in ours.items() if one.replaces}
    names = sorted(set(ours) - set(squashes))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    # After a squash, `makemigrations` names the squash as the parent.
    last = {squash: replaced[-1] for squash, replaced in squashes.items()}
    parents = [[last.get(parent, parent) for app, parent in ours[name].dependencies if app == "jobs"] for name in names]
    assert parents == [[], *([name] for name in names[:-1])]


def test_a_squash_replaces_all_migrations_up_to_its_last():
    loader = MigrationLoader(None)
    ours = {name: one for (app, name), one in loader.disk_migrations.items() if app == "jobs"}
    chain = sorted(name for name, one in ours.items() if not one.replaces)
    for squash in (one for one in ours.values() if one.replaces):
        replaced = [name for _, name in squash.replaces if name in ours]
        assert replaced == chain[: len(replaced)]
        # Django 5.2 cannot replace a migration that replaces others.
        assert not any(ours[name].replaces for name in replaced)
        assert squash.name == f"0001_squashed_{replaced[-1]}"
