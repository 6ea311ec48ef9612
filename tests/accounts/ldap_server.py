"""A directory for tests: OpenLDAP's slapd, as a process of its own in a temporary folder."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path

try:
    import ldap
    import ldap.modlist
except ImportError:
    ldap = None

from e1site.stack.processes import signal_group, spawn, wait_gone
from tests.deploy.proxy import free_port, make_certificate
from tests.needed import needed_program, unavailable

BASE = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "the administrator's"
SERVICE, SERVICE_PASSWORD = f"cn=e1,{BASE}", "the service's"
SECONDS = 30.0
MODULES = Path("/usr/lib/ldap")
SCHEMA = Path("/etc/ldap/schema")
ACTIVE_DIRECTORY = """
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.141 NAME 'department' EQUALITY caseIgnoreMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL
    MAY ( sAMAccountName $ objectGUID $ userAccountControl $ objectCategory $ department ) )
"""
"""Attributes by which Active Directory knows people, with its object identifiers."""


def installed() -> None:
    """Skip the test, or fail it in CI, without the extra `ldap`, which `make setup` leaves out."""
    if ldap is None or find_spec("django_auth_ldap") is None:
        unavailable("python-ldap is not installed: .venv/bin/python -m pip install -e '.[ldap]' (docs/sign-in.md)")


class Slapd:
    """A running directory with a service account that may search, and no one else. `ca` is its authority's file."""

    def __init__(self, folder: Path) -> None:
        assert ldap is not None, "installed() comes first"
        slapd = needed_program("slapd", package="slapd", path="/usr/sbin")
        if not SCHEMA.exists():
            unavailable(f"{SCHEMA} is not there; on Debian and Ubuntu install the package slapd")
        tls = make_certificate(folder / "tls")
        self.ca = tls / "cert.pem"
        (folder / "data").mkdir()
        configuration = folder / "slapd.conf"
        configuration.write_text(
            "".join(f"include {SCHEMA}/{name}.schema\n" for name in ("core", "cosine", "inetorgperson", "nis"))
            + f"{ACTIVE_DIRECTORY}modulepath {MODULES}\nmoduleload back_mdb\npidfile {folder}/slapd.pid\n"
            f"TLSCertificateFile {tls}/cert.pem\nTLSCertificateKeyFile {tls}/key.pem\n"
            f'database mdb\nsuffix "{BASE}"\ndirectory {folder}/data\nmaxsize 16777216\ndbnosync\n'
            f'rootdn "{ADMIN}"\nrootpw "{ADMIN_PASSWORD}"\n'
            "access to attrs=userPassword by anonymous auth by * none\n"
            f'access to * by dn.exact="{SERVICE}" read by * auth\n'
        )
        ports = free_port(), free_port()
        self.url, self.tls_url = f"ldap://127.0.0.1:{ports[0]}", f"ldaps://127.0.0.1:{ports[1]}"
        command = [slapd, "-f", str(configuration), "-h", f"{self.url}/ {self.tls_url}/", "-d", "0"]
        self._log = folder / "slapd.log"
        self._process = spawn(command, env=os.environ, log=self._log, cwd=folder)
        assert wait_gone(lambda: not self._answers(), SECONDS), self._log.read_text()
        self._add(BASE, objectClass=["dcObject", "organization"], dc="example", o="Example")
        for unit in (PEOPLE, GROUPS):
            self._add(unit, objectClass="organizationalUnit", ou=unit[3:].split(",")[0])
        self._add(SERVICE, objectClass=["organizationalRole", "simpleSecurityObject"], cn="e1",
                  userPassword=SERVICE_PASSWORD)  # fmt: skip

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            self._connection()
        except ldap.SERVER_DOWN:
            return False
        return True

    def _connection(self):
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, ADMIN_PASSWORD)
        return connection

    def _add(self, dn: str, **attributes: str | bytes | list[str]) -> None:
        values = {name: value if isinstance(value, list) else [value] for name, value in attributes.items()}
        entry = {
            name: [one if isinstance(one, bytes) else one.encode() for one in value] for name, value in values.items()
        }
        self._connection().add_s(dn, ldap.modlist.addModlist(entry))

    def person(self, uid: str, password: str, **more: str | list[str]) -> str:
        """Add a person and return the name of the entry."""
        dn = f"uid={uid},{PEOPLE}"
        names = {"cn": uid.title(), "sn": uid.title(), "mail": f"{uid}@example.org"} | more
        self._add(dn, objectClass="inetOrgPerson", uid=uid, userPassword=password, **names)
        return dn

    def windows_user(self, name: str, password: str, guid: bytes, *, disabled: bool = False, **more: str) -> str:
        """Add a person as Active Directory keeps them."""
        dn = f"cn={name.title()},{PEOPLE}"
        account = {"sAMAccountName": name, "objectGUID": guid, "userAccountControl": str(0x200 + 2 * disabled)}
        self._add(dn, objectClass="user", objectCategory="person", cn=name.title(), sn=name.title(),
                  userPassword=password, **account, **more)  # fmt: skip
        return dn

    def group(self, name: str, *members: str) -> str:
        dn = f"cn={name},{GROUPS}"
        self._add(dn, objectClass="groupOfNames", cn=name, member=[*members] or [SERVICE])
        return dn

    def posix_group(self, name: str, *members: str) -> str:
        dn = f"cn={name},{GROUPS}"
        self._add(dn, objectClass="posixGroup", cn=name, gidNumber="4711", memberUid=[*members])
        return dn

    def change(self, dn: str, **attributes: str) -> None:
        changes = [(ldap.MOD_REPLACE, name, [value.encode()]) for name, value in attributes.items()]
        self._connection().modify_s(dn, changes)

    def rename(self, dn: str, uid: str) -> None:
        self._connection().rename_s(dn, f"uid={uid}")

    def delete(self, dn: str) -> None:
        self._connection().delete_s(dn)

    def clear(self) -> None:
        """Delete people and groups."""
        connection = self._connection()
        for unit in (PEOPLE, GROUPS):
            for dn, _ in connection.search_s(unit, ldap.SCOPE_ONELEVEL, attrlist=["1.1"]):
                connection.delete_s(dn)

    def stop(self) -> None:
        signal_group(self._process.pid, signal.SIGTERM)
        self._process.wait(SECONDS)
