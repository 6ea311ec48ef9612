"""The way to the server: the proxy and the certificates that the environment names.

httpx reads the same variables, but raises exceptions of many kinds for unusable values. If told to ignore proxies, it
ignores certificates too.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpx

from e1client.errors import UsageError
from e1client.settings import Connection

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
OTHER_NAME = (62, 64)
"""OpenSSL's codes for a valid certificate of another host name, or another address."""


@dataclass(frozen=True, slots=True)
class Route:
    """The proxy on the way, if any, and the environment variable that names it; whether the way has TLS."""

    proxy: str | None = None
    variable: str = ""
    tls: bool = False

    @property
    def words(self) -> str:
        return f" through the proxy that {self.variable} names" if self.proxy else ""

    def context(self) -> ssl.SSLContext:
        """Return whom to trust: SSL_CERT_FILE and SSL_CERT_DIR, else certifi's authorities and the system's.

        Raises UsageError `bad_certificates` if TLS is needed and the variables name nothing usable.
        """
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
        for name in CERTIFICATE_VARIABLES:
            if not (place := os.environ.get(name)):
                continue
            try:
                if not Path(place).exists():
                    raise FileNotFoundError("it does not exist")
                if name == "SSL_CERT_FILE":
                    return ssl.create_default_context(cafile=place)
                return ssl.create_default_context(capath=place)
            except (OSError, ValueError) as error:
                if self.tls:
                    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
                    raise UsageError(
                        f"{name} names {place!r}, which holds no usable certificates ({reason}); unset it, or name "
                        "the certificate of the authority in PEM form",
                        code="bad_certificates",
                    ) from error
        return context


def find_route(connection: Connection) -> Route:
    """Return the way to this server. A server on this machine is reached directly: proxies are for other machines.

    Raises UsageError `bad_proxy`, which names the variable, for a proxy that cannot be used.
    """
    url = connection.url
    tls = url.scheme == "https"
    if connection.is_local or proxy_bypass(url.netloc.decode("ascii")) or proxy_bypass(url.host):
        return Route(tls=tls)
    named = getproxies()
    for kind in (url.scheme, "all"):
        if proxy := named.get(kind):
            break
    else:
        return Route(tls=tls)
    variable = next((name for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY") if os.environ.get(name)), "the system")
    address = proxy if "://" in proxy else f"http://{proxy}"
    # Messages don't repeat the value, which may hold a password.
    try:
        httpx.HTTPTransport(proxy=address, verify=False).close()
    except ImportError as error:
        raise UsageError(
            f"{variable} names a SOCKS proxy, which needs a package: pip install 'httpx[socks]'. If the server "
            f"is inside your network, add {url.host} to NO_PROXY instead",
            code="bad_proxy",
        ) from error
    except (ValueError, TypeError, httpx.InvalidURL) as error:
        raise UsageError(
            f"{variable} names no proxy of http, https or socks5; correct or unset it, or add {url.host} to NO_PROXY",
            code="bad_proxy",
        ) from error
    return Route(address, variable, tls=tls or address.startswith("https:"))


def certificate_trouble(error: BaseException, url: httpx.URL) -> str:
    """Return what is wrong with TLS and what to do, or an empty string if the connection failed for another reason."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    if not isinstance(cause, ssl.SSLCertVerificationError):
        if cause.reason == "WRONG_VERSION_NUMBER":
            return f"what answers at {url} speaks no TLS; set E1_URL to an address that begins with http://"
        return f"no TLS connection to {url} could be made ({cause.reason or cause})"
    if cause.verify_code in OTHER_NAME:
        return (
            f"the certificate of {url} belongs to another name ({cause.verify_message}). Set E1_URL to the name in it; "
            "for a tunnel, let that name mean this machine (/etc/hosts)"
        )
    named = next((f"{name}={os.environ[name]}" for name in CERTIFICATE_VARIABLES if os.environ.get(name)), "")
    now = f"{named} does not have its authority" if named else "its authority is not among the known ones"
    return (
        f"the certificate of {url} is not trusted ({cause.verify_message}): {now}. For an authority of your own, set "
        "SSL_CERT_FILE to its certificate in PEM form"
    )
