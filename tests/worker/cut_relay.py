"""A relay in front of Postgres that can be cut, as a switch or a restarted server cuts connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class CutRelay:
    """Passes bytes on to the database of Django's settings. `refused` counts connections while it is cut."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._host = str(settings["HOST"] or settings["OPTIONS"]["host"])
        self._port = int(settings["PORT"] or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.is_cut = False
        self.refused = 0
        user = f"{settings['USER']}{':' if settings['PASSWORD'] else ''}{settings['PASSWORD']}"
        self.url = f"postgresql://{user}@127.0.0.1:{self._listener.getsockname()[1]}/{settings['NAME']}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and refuse new ones until `mend`."""
        with self._lock:
            self.is_cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self.is_cut:
                    self.refused += 1
                    client.close()
                    continue
                server = self._connect()
                self._open |= {client, server}
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_relay(settings: Mapping[str, Any]) -> Iterator[CutRelay]:
    relay = CutRelay(settings)
    try:
        yield relay
    finally:
        relay.close()
