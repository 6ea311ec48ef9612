"""Backup and restore of the whole service (docs/backup.md).

- archive: the file, with its manifest and its pieces
- tables: the tables of a database, their order, and what a table's rows come to
- saving: from a database to a file
- restoring: from a file to a database, in the way that every version since can read
"""
