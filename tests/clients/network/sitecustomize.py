"""The network as a published client sees it in a test: this machine only, with a stand-in for the hosted site.

Python imports this file by itself as it starts, where PYTHONPATH names its folder; the client is not changed.
HOSTED_PORT is the port of the stand-in on this machine. Standard library only: it runs in the client's environment.
"""

import os
import socket
from typing import Any

HOSTED, HTTPS = "biolm.ai", 443
HOSTED_ADDRESS = "127.0.0.253"
"""What the hosted name resolves to. Nobody listens there: `connect` knows better."""
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
