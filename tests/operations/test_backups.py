"""Backup and restore: what comes back, what was interrupted, what is refused."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from e1site.stack.folder import DataFolder
from jobs.errors import Conflict, InvalidInput
from jobs.operations.backups import archive, restoring
from jobs.operations.backups.archive import Manifest, archive_read
from jobs.operations.backups.saving import backup_save
from jobs.operations.backups.tables import tables_of
from tests.factories import claim, complete, ids, make_job, record
from tests.needed import unavailable

pytestmark = pytest.mark.django_db(transaction=True)

SQUASH = "0001_squashed_0027_public_projects"
OTHER = f"e1_restored_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""A database of this process: the others share its server."""


def parameters(name: str) -> dict[str, str]:
    return restoring._parameters(connection.settings_dict, name)


def url(name: str) -> str:
    return psycopg.conninfo.make_conninfo(**parameters(name))


@pytest.fixture
def server(transactional_db) -> Iterator[psycopg.Connection]:
    """Yield a connection that may make databases, and remove what the test has made."""
    with psycopg.connect(**parameters("postgres"), autocommit=True) as found:
        yield found
        for name in (OTHER, f"{OTHER}_restoring", f"{OTHER}_before_restore"):
            found.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def filled(person, engine_id):
    """Fill the tables with a job that is half done."""
    job = make_job(person, [record(n) for n in range(80)], name="ünïcode\t\\N")
    for chunk in claim(ids(job)[:6]):
        complete(chunk, engine_id, failures=[item.index for item in chunk.items[:2]])
    return job


def save(path: Path, name: str | None = None) -> Manifest:
    return backup_save(url=url(name or connection.settings_dict["NAME"]), path=path, service="1", say=lambda text: None)


def test_short_tables_are_no_lines(tmp_path, transactional_db, monkeypatch):
    """The one useful line is the sum at the end; tables that take long are a sign of life."""
    said: list[str] = []
    for bound in (1, 10**9):
        monkeypatch.setattr("jobs.operations.backups.saving.LONG_TABLE", bound)
        file = tmp_path / f"{bound}.backup"
        backup_save(url=url(connection.settings_dict["NAME"]), path=file, service="1", say=said.append)
        assert any("rows" in line for line in said) == (bound == 1)
        said.clear()


def restore(path: Path, *, replace: bool = False) -> list[str]:
    said: list[str] = []
    settings = {**connection.settings_dict, "NAME": OTHER}
    restoring.backup_restore(settings=settings, path=path, replace=replace, say=said.append)
    return said


def tables(manifest: Manifest) -> dict[str, tuple[int, str]]:
    # Permissions and content types of new models are added by the last migration.
    return {one.name: (one.rows, one.sha256) for one in manifest.tables}


@pytest.mark.slow
def test_everything_comes_back(server, filled, tmp_path):
    first = save(tmp_path / "one")
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert tables(first)["jobs_item"][0] == 80
    said = restore(tmp_path / "one")
    assert "counts and checksums of all tables are those of the backup" in said
    again = save(tmp_path / "two", OTHER)
    assert tables(again) == tables(first)
    assert again.migrations == first.migrations
    with psycopg.connect(url(OTHER)) as restored:
        new = restored.execute("INSERT INTO auth_group (name) VALUES ('new') RETURNING id").fetchone()[0]
        last = restored.execute("SELECT max(id) FROM jobs_chunk").fetchone()[0]
        following = restored.execute("SELECT nextval(pg_get_serial_sequence('jobs_chunk', 'id'))").fetchone()[0]
    assert (new, following) == (1, last + 1), "sequences go on"


def test_a_backup_is_of_one_moment(server, filled, tmp_path, monkeypatch):
    """Chunks that finish while it is written are in it neither as rows nor as results."""
    rows_of, seen = archive.ArchiveWriter.table, []

    def while_others_write(self, name, columns, rows):
        if not seen:
            make_job(filled.owner, [record(n) for n in range(8)])
        seen.append(name)
        return rows_of(self, name, columns, rows)

    monkeypatch.setattr(archive.ArchiveWriter, "table", while_others_write)
    assert tables(save(tmp_path / "one"))["jobs_job"][0] == 1
    assert tables(save(tmp_path / "two"))["jobs_job"][0] == 2


@pytest.mark.slow
def test_an_interrupted_restore_goes_on(server, filled, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "PIECE_BYTES", 256)
    first = save(tmp_path / "one")
    assert max(one.pieces for one in first.tables) > 5
    note, noted = restoring._note, []

    def interrupted(connection, step):
        if len(noted) == 12:
            raise KeyboardInterrupt
        noted.append(step)
        note(connection, step)

    def counted(connection, step):
        noted.append(step)
        note(connection, step)

    monkeypatch.setattr(restoring, "_note", interrupted)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "one")
    monkeypatch.setattr(restoring, "_note", counted)
    assert not restoring._exists(server, OTHER), "nothing is in place before all is checked"
    said = restore(tmp_path / "one")
    assert "going on with an interrupted restore of this file" in said
    pieces = [one.piece(number) for one in first.tables for number in range(one.pieces)]
    assert sorted(noted) == sorted([*pieces, restoring.MADE, restoring.EMPTIED]), "each piece is loaded once"
    assert tables(save(tmp_path / "two", OTHER)) == tables(first)


@pytest.mark.slow
def test_a_restore_that_was_killed_while_it_made_tables_begins_again(server, filled, tmp_path, monkeypatch):
    """Django records a squash by its own name only after all migrations."""
    first = save(tmp_path / "one")

    def killed(_self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MigrationExecutor, "check_replacements", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(tmp_path / "one")
    restore(tmp_path / "one")
    assert tables(save(tmp_path / "two", OTHER)) == tables(first)


@pytest.mark.slow
def test_what_people_have_is_replaced_only_if_asked(server, filled, tmp_path):
    save(tmp_path / "one")
    restore(tmp_path / "one")
    with pytest.raises(Conflict, match=r"not empty \(jobs: 1\).*--replace"):
        restore(tmp_path / "one")
    with psycopg.connect(url(OTHER)) as restored:
        restored.execute("TRUNCATE jobs_job CASCADE")
    with pytest.raises(Conflict, match=r"not empty \(users: 1\)"):
        restore(tmp_path / "one")
    make_job(filled.owner, [record(0)])
    save(tmp_path / "two")
    restore(tmp_path / "two", replace=True)
    with psycopg.connect(url(OTHER)) as restored:
        assert restored.execute("SELECT count(*) FROM jobs_job").fetchone()[0] == 2
    assert not restoring._exists(server, f"{OTHER}_before_restore")
    assert not restoring._exists(server, f"{OTHER}_restoring")


@pytest.mark.slow
def test_jobs_that_come_during_a_restore_are_kept(server, filled, tmp_path, monkeypatch):
    """A service that should not run meanwhile, but does, loses nothing."""
    save(tmp_path / "one")
    check = restoring._check

    def while_others_write(*arguments):
        check(*arguments)
        server.execute(f"CREATE DATABASE {OTHER}")
        with psycopg.connect(url(OTHER)) as present:
            present.execute("CREATE TABLE auth_user (id int)")
            present.execute("INSERT INTO auth_user VALUES (7)")

    monkeypatch.setattr(restoring, "_check", while_others_write)
    with pytest.raises(Conflict, match="not empty"):
        restore(tmp_path / "one")
    with psycopg.connect(url(OTHER)) as present:
        assert present.execute("SELECT id FROM auth_user").fetchall() == [(7,)]
    assert not restoring._exists(server, f"{OTHER}_before_restore")


def test_tables_of_another_program_are_never_replaced(server, filled, tmp_path):
    server.execute(f"CREATE DATABASE {OTHER}")
    with psycopg.connect(url(OTHER)) as present:
        present.execute("CREATE TABLE theirs (id int)")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE theirs (id int)")
        try:
            manifest = save(tmp_path / "one")
        finally:
            cursor.execute("DROP TABLE theirs")
    assert "theirs" not in tables(manifest)
    for replace in (False, True):
        with pytest.raises(Conflict, match="another program"):
            restore(tmp_path / "one", replace=replace)
    with psycopg.connect(url(OTHER)) as present:
        assert present.execute("SELECT count(*) FROM theirs").fetchone() == (0,)


def flipped(path: Path) -> bytes:
    with archive_read(path) as reader:
        (piece,) = (one.piece(0) for one in reader.manifest.tables if one.name == "jobs_item")
        place = reader._archive.getinfo(piece).header_offset + 200
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0xFF
    return bytes(damaged)


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """Return a sound archive with other members."""
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as made:
        for name in source.namelist():
            if (data := change(name, source.read(name))) is not None:
                made.writestr(name, data)
    return target.getvalue()


DAMAGES: dict[str, Callable[[Path], bytes]] = {
    "a flipped bit": flipped,
    "half of it": lambda path: path.read_bytes()[: path.stat().st_size // 2],
    "all but a byte": lambda path: path.read_bytes()[:-1],
    "empty": lambda path: b"",
    "no archive": lambda path: b"no archive",
    "another archive": lambda path: rewritten(path, lambda name, data: None if name == archive.MANIFEST else data),
    "no manifest to read": lambda path: rewritten(path, lambda name, data: b"{}" if name == archive.MANIFEST else data),
    "a lost piece": lambda path: rewritten(path, lambda name, data: None if "jobs_item/" in name else data),
    "a lost row": lambda path: rewritten(
        path, lambda name, data: data.partition(b"\n")[2] if "jobs_item/" in name else data
    ),
    "another value": lambda path: rewritten(
        path, lambda name, data: data.replace(b"rosalind", b"rosalinds") if "auth_user/" in name else data
    ),
}


def test_a_damaged_file_is_refused_before_anything_is_written(server, filled, tmp_path):
    path = tmp_path / "one"
    save(path)
    whole = path.read_bytes()
    made = server.execute("SELECT count(*) FROM pg_database").fetchone()
    for name, damage in DAMAGES.items():
        path.write_bytes(whole)
        damaged = damage(path)
        assert damaged != whole
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=r"cannot be read as a backup|has format") as caught:
            restore(path)
        assert caught.value.code == "bad_backup", name
        assert server.execute("SELECT count(*) FROM pg_database").fetchone() == made, name


def test_an_interrupted_backup_leaves_no_file(server, filled, tmp_path, monkeypatch):
    monkeypatch.setattr(archive.ArchiveWriter, "close", lambda self, manifest: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_rows_that_come_back_otherwise_are_noticed(server, filled, tmp_path, monkeypatch):
    save(tmp_path / "one")
    load = restoring._load

    def lose_one(connection, *rest):
        load(connection, *rest)
        connection.execute("UPDATE jobs_item SET name = 'other' WHERE index = 3")

    monkeypatch.setattr(restoring, "_load", lose_one)
    with pytest.raises(InvalidInput, match="jobs_item came back"):
        restore(tmp_path / "one")
    assert not restoring._exists(server, OTHER)


def test_a_backup_of_a_newer_version_is_refused(server, filled, tmp_path):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '9999_future', now())")
        try:
            save(tmp_path / "one")
        finally:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_future'")
    with pytest.raises(InvalidInput, match=r"jobs\.9999_future"):
        restore(tmp_path / "one")


def manifest_of(*names: str) -> Manifest:
    return Manifest(archive.FORMAT, "1.0", 180000, "", [("jobs", name) for name in names], [])


def test_a_squash_counts_if_all_that_it_replaces_is_there():
    def last_of(*names: str) -> list[tuple[str, str]]:
        return restoring._last_of(MigrationLoader(None, replace_migrations=False), manifest_of(*names))

    loader = MigrationLoader(None)
    squash = loader.disk_migrations["jobs", SQUASH]
    replaced = [name for app, name in squash.replaces]
    before = [name for app, name in loader.disk_migrations["jobs", "0001_squashed"].adopts]
    for names in (before, [*before, "0001_squashed"], ["0001_squashed"]):
        assert last_of(*names) == [("jobs", "0001_squashed")]
    for names in (replaced, [*replaced, SQUASH], [SQUASH]):
        assert last_of(*names) == [("jobs", SQUASH)]
    for names in (replaced[:-1], [name for name in replaced[:-1] if name not in before]):
        assert last_of(*names) == [("jobs", replaced[-2])]
    with pytest.raises(InvalidInput, match=r"older than the migration .* version that made it \(1\.0\)"):
        last_of(*before[:3])


def test_rows_have_one_order_on_servers_of_all_locales(server):
    """A server's locale decides the order of texts, unless the query names one that every server has."""
    with psycopg.connect(url(connection.settings_dict["NAME"])) as reading:
        order = {one.name: [part.as_string(reading) for part in one.order] for one in tables_of(reading)}
    assert order["django_session"] == ['"session_key" COLLATE "C"']
    assert order["jobs_item"] == ['"job_id"', '"index"']


@pytest.mark.slow
def test_a_backup_of_an_older_version_is_brought_up_to_date(server, tmp_path):
    server.execute(f"CREATE DATABASE {OTHER} TEMPLATE template0")
    with restoring._as_default(connection.settings_dict, OTHER):
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        executor.loader = MigrationLoader(connections[DEFAULT_DB_ALIAS], replace_migrations=False)
        others = [node for node in executor.loader.graph.leaf_nodes() if node[0] != "jobs"]
        executor.migrate([*others, ("jobs", "0007_alignments_have_notes")])
    with psycopg.connect(url(OTHER)) as old:
        old.execute(
            "INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, "
            "email, date_joined) VALUES ('old', '', true, true, true, '', '', '', now())"
        )
        assert old.execute("SELECT to_regclass('jobs_hold')").fetchone()[0] is None
    manifest = save(tmp_path / "old", OTHER)
    assert ("jobs", "0008_holds_and_duties") not in manifest.migrations
    server.execute(f"DROP DATABASE {OTHER}")
    restore(tmp_path / "old")
    with psycopg.connect(url(OTHER)) as new:
        assert new.execute("SELECT username FROM auth_user").fetchall() == [("old",)]
        assert new.execute("SELECT to_regclass('jobs_hold')").fetchone()[0] == "jobs_hold"


# --- two major versions of Postgres ----------------------------------------------------------------------------------


def older_postgres() -> Path:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    older = [path for path in found if int(path.parent.name) < 18]
    if not older:
        unavailable("no second major version of PostgreSQL is installed; on Debian and Ubuntu install postgresql")
    return older[0]


@pytest.mark.slow
@pytest.mark.stack
def test_jobs_move_to_another_major_version(server, filled, tmp_path, monkeypatch, capfd):
    from e1site import local, moving

    programs = older_postgres()
    first = save(tmp_path / "one")
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    data = Path("/tmp") / f"e1-moved-{tmp_path.name}"[:40]
    folder = DataFolder.at(data)
    try:
        folder.create()
        command = [*local.django(), "e1_restore", str(tmp_path / "one")]
        assert moving._beside_postgres(folder, "restore", command, programs, new=True) == 0
        old = data / f"postgres-{programs.parent.name}"
        assert old.is_dir()
        assert local.up(host="127.0.0.1", port=0, allow=(), models=["e1-demo"], data=data, workers=1) == 1
        said = capfd.readouterr().err
        assert str(old) in said
        assert "e1 backup FILE" in said
        assert "e1 restore FILE" in said
        assert moving.backup(tmp_path / "two", data=data, postgres=None) == 2
        assert moving.backup(tmp_path / "two", data=data, postgres=programs) == 0
        (tmp_path / "cut").write_bytes((tmp_path / "two").read_bytes()[:-50])
        assert moving.restore(tmp_path / "cut", data=data, replace=False) == 3
        assert local.up(host="127.0.0.1", port=0, allow=(), models=["e1-demo"], data=data, workers=1) == 1
        assert "[restore_unfinished]" in capfd.readouterr().err, "it does not start empty beside the old jobs"
        assert moving.restore(tmp_path / "two", data=data, replace=False) == 0
        assert not (data / local.UNFINISHED).exists()
        assert (data / "postgres-18").is_dir()
        assert moving.backup(tmp_path / "three", data=data, postgres=None) == 0
        with archive_read(tmp_path / "three") as reader:
            assert tables(reader.manifest) == tables(first)
            assert reader.manifest.postgres // 10000 == 18
    finally:
        shutil.rmtree(data, ignore_errors=True)
