"""A look at whether a directory answers by TLS, before libldap asks it.

If a server accepts the connection and stays silent, libldap with GnuTLS (2.5.13) never ends its handshake. It takes a
whole core meanwhile, despite its timeouts. Python's handshake has a timeout and names what is wrong.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"
"""The extended request of RFC 4511, section 4.14."""
SUCCESS = b"\x0a\x01\x00"


def reach(url: str, *, start_tls: bool, authorities: str, seconds: float) -> None:
    """Return once a handshake has succeeded. Raises OSError, also if TLS fails."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    context = ssl.create_default_context(cafile=authorities)
    # Since Python 3.13 the default refuses authorities of institutes that libldap accepts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    port = parts.port or (636 if parts.scheme == "ldaps" else 389)
    with socket.create_connection((host, port), timeout=seconds) as plain:
        if start_tls:
            plain.sendall(START_TLS)
            if SUCCESS not in plain.recv(4096):
                raise OSError("the server refuses StartTLS")
        context.wrap_socket(plain, server_hostname=host).close()
