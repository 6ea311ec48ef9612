"""The network of a published client in a test: this machine only, with a fake hosted site.

Python imports this file at its start if PYTHONPATH names the folder; the client is not changed.
HOSTED_PORT is the port of the fake site on this machine. Standard library only: it runs in the client's environment.
"""

import os
import socket
from typing import Any

HOSTED, HTTPS = "biolm.ai", 443
HOSTED_ADDRESS = "127.0.0.253"
"""The address of the hosted name. No server listens there: `connect` replaces it."""
OWN = ("127.0.0.1", "localhost", "::1", HOSTED_ADDRESS)

resolve = socket.getaddrinfo
plain_connect = socket.socket.connect


def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name == HOSTED and "HOSTED_PORT" in os.environ:
        name = HOSTED_ADDRESS
    if name not in OWN:
        raise socket.gaierror(socket.EAI_NONAME, f"a test asked for {name}")
    return resolve(name, *arguments, **options)


def connect(self: socket.socket, address: Any) -> None:
    if address[:2] == (HOSTED_ADDRESS, HTTPS):
        address = ("127.0.0.1", int(os.environ["HOSTED_PORT"]))
    plain_connect(self, address)


socket.getaddrinfo = getaddrinfo
socket.socket.connect = connect  # type: ignore[method-assign,assignment]
