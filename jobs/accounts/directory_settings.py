"""What the settings of a directory (LDAP) must be, checked without the libraries of the extra `ldap`."""

from __future__ import annotations

from urllib.parse import urlsplit

GROUP_KINDS = ("groupOfNames", "groupOfUniqueNames", "posixGroup", "activeDirectory")
BY_GROUPS = "groups"
"""The value of E1_LDAP_COST_CENTRES that means the names of groups."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def start_tls(url: str) -> bool:
    """Return whether a connection must become TLS before anything is sent: always for ldap://, except to this machine.

    ldaps:// is TLS from its start, and ldapi:// a socket of this machine.
    """
    parts = urlsplit(url)
    return parts.scheme == "ldap" and parts.hostname not in LOOPBACK


def directory_problem(url: str, *, base: str, groups: str, kind: str, required_group: str, cost_centres: str) -> str:
    """Return what is wrong with the settings E1_LDAP_..., empty if nothing is."""
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps", "ldapi") or (parts.scheme != "ldapi" and not parts.hostname):
        return "E1_LDAP_URL must be like ldaps://directory.example.org, or ldap://directory.example.org for StartTLS"
    if not base:
        return "E1_LDAP_URL needs E1_LDAP_BASE, the entry below which people are, such as ou=people,dc=example,dc=org"
    if kind not in GROUP_KINDS:
        return f"E1_LDAP_GROUP_KIND is {kind!r}; it must be one of {', '.join(GROUP_KINDS)}"
    needing = ["E1_LDAP_REQUIRED_GROUP"] if required_group else []
    needing += ["E1_LDAP_COST_CENTRES"] if cost_centres == BY_GROUPS else []
    if needing and not groups:
        return f"{needing[0]} needs E1_LDAP_GROUPS, the entry below which groups are, like ou=groups,dc=example,dc=org"
    return ""
