"""What the web server's own log leaves out: query strings, because parameters may contain a sequence."""

from __future__ import annotations

import logging

ENDS = {"Invalid request from": ": ", "Error handling request": "?"}
"""Beginnings of gunicorn's messages that quote a request, and what begins the part that may contain a query.

A client may send a query with spaces. Its pieces then appear in place of the version, or of a header.
"""


def without_query(record: logging.LogRecord) -> bool:
    """Cut the message if it quotes a request. A filter of a logger; keeps every record."""
    message = record.getMessage()
    for beginning, end in ENDS.items():
        if message.startswith(beginning):
            record.msg, record.args = message.partition(end)[0], ()
    return True
