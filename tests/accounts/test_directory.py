"""Passwords of a real directory (LDAP): who is let in, as whom, who is not, and what a directory that fails does."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from jobs.accounts.directory_settings import directory_problem, start_tls
from jobs.models import CostCentre, OutsideLogin
from tests.accounts.ldap_server import BASE, GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd, installed
from tests.deploy.proxy import make_certificate
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
PASSWORD = "a long password 61"
HERE = "a long password 62"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    installed()
    server = Slapd(tmp_path_factory.mktemp("slapd"))
    yield server
    server.stop()


@pytest.fixture
def directory(slapd, settings):
    settings.E1_LDAP_URL, settings.E1_LDAP_BASE = slapd.url, PEOPLE
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # the usual one takes a quarter second
    settings.E1_LDAP_BIND_DN, settings.E1_LDAP_BIND_PASSWORD = SERVICE, SERVICE_PASSWORD
    settings.E1_LDAP_TITLE = "the institute"
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "jobs.accounts.directory.DirectoryBackend",
    ]
    yield slapd
    slapd.clear()


def log_in(name: str, password: str = PASSWORD, browser: Client | None = None):
    return (browser or Client()).post("/login/", {"username": name, "password": password}, follow=True)


def is_in(answer) -> bool:
    return answer.context["user"].is_authenticated


def test_a_person_gets_an_ordinary_account_on_the_first_login_and_the_same_later(directory):
    dn = directory.person("barbara", PASSWORD, givenName="Barbara", employeeType=["admin", "superuser"])
    assert log_in("Barbara ").context["user"].username == "barbara"
    user = User.objects.get()
    assert (user.email, user.first_name, user.last_name) == ("barbara@example.org", "Barbara", "Barbara")
    assert (user.is_superuser, user.is_staff, user.has_usable_password()) == (False, False, False)
    directory.change(dn, mail="b@example.org", sn="Noble")
    directory.rename(dn, "bnoble")
    assert not is_in(log_in("barbara"))
    assert log_in("bnoble").context["user"] == user
    user.refresh_from_db()
    assert (user.username, user.email, user.last_name) == ("barbara", "b@example.org", "Noble")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("barbara", "wrong"),
        ("barbara", ""),
        ("*", PASSWORD),
        ("bar*", PASSWORD),
        ("barbara)(uid=*", PASSWORD),
        ("unknown", PASSWORD),
        (f"uid=barbara,{PEOPLE}", PASSWORD),
    ],
)
def test_only_the_own_name_with_the_own_password_is_let_in(directory, name, password):
    directory.person("barbara", PASSWORD)
    answer = log_in(name, password)
    assert not is_in(answer)
    assert "Please enter a correct username" in text_of(answer) or not password
    assert not User.objects.exists()


def test_a_name_that_two_people_have_is_refused(directory, settings):
    settings.E1_LDAP_USERNAME = "sn"
    directory.person("barbara", PASSWORD, sn="Noble")
    directory.person("denis", PASSWORD, sn="Noble")
    assert not is_in(log_in("Noble"))


def test_people_outside_the_filter_are_refused(directory, settings):
    settings.E1_LDAP_FILTER = "(&(employeeType=staff)(description=100%))"
    directory.person("barbara", PASSWORD, employeeType="staff", description="100%")
    directory.person("denis", PASSWORD, employeeType="guest", description="100%")
    assert is_in(log_in("barbara"))
    assert not is_in(log_in("denis"))


@pytest.mark.parametrize("link", [False, True])
def test_a_new_person_with_an_old_name_is_someone_else(directory, settings, link):
    settings.E1_LDAP_LINK = link
    dn = directory.person("barbara", PASSWORD)
    assert is_in(log_in("barbara"))
    directory.delete(dn)
    directory.person("barbara", "another password 63")
    answer = log_in("barbara", "another password 63")
    assert not is_in(answer)
    assert "The account barbara here is of someone else elsewhere" in text_of(answer)
    assert User.objects.count() == OutsideLogin.objects.count() == 1


def test_wrong_passwords_are_counted_and_a_right_one_no_longer_helps(directory):
    directory.person("barbara", PASSWORD)
    browser = Client()
    for _ in range(5):
        answer = log_in("barbara", "wrong", browser)
    assert answer.status_code == 429
    assert log_in("barbara", PASSWORD, browser).status_code == 429
    assert not User.objects.exists()


def test_accounts_of_this_service_keep_their_passwords(directory):
    User.objects.create_user("rosalind", password=HERE)
    assert is_in(log_in("rosalind", HERE))


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("superuser", [False, True])
def test_an_existing_account_is_taken_over_only_if_that_is_configured_and_never_an_administrators(
    directory, settings, link, superuser
):
    settings.E1_LDAP_LINK = link
    User.objects.create_user("barbara", password=HERE, is_superuser=superuser)
    directory.person("barbara", PASSWORD)
    answer = log_in("barbara")
    assert is_in(answer) == OutsideLogin.objects.exists() == (link and not superuser)
    if not link:
        assert "There is an account barbara here already" in text_of(answer)


def test_a_deactivated_user_is_out_at_once_and_stays_out(directory):
    directory.person("barbara", PASSWORD)
    browser = Client()
    assert is_in(log_in("barbara", browser=browser))
    User.objects.update(is_active=False)
    assert browser.get("/").status_code == 302
    assert "This account is deactivated" in text_of(log_in("barbara"))


def test_a_person_of_the_directory_makes_no_second_password_here(directory):
    directory.person("barbara", PASSWORD)
    browser = Client()
    page = log_in("barbara", browser=browser)
    assert "Change password" not in text_of(page)
    sent = {"old_password": PASSWORD, "new_password1": HERE, "new_password2": HERE}
    assert "no password in this service" in text_of(browser.post("/account/password/", sent, follow=True))
    assert not User.objects.get().has_usable_password()


@pytest.mark.parametrize("kind", ["groupOfNames", "posixGroup"])
def test_a_required_group_lets_in_its_members_only(directory, settings, kind):
    settings.E1_LDAP_GROUPS, settings.E1_LDAP_GROUP_KIND = GROUPS, kind
    settings.E1_LDAP_REQUIRED_GROUP = f"CN=Proteins, ou=groups,{BASE}"
    member = directory.person("barbara", PASSWORD)
    directory.person("denis", PASSWORD)
    if kind == "posixGroup":
        directory.posix_group("proteins", "barbara")
    else:
        directory.group("proteins", member)
    assert is_in(log_in("barbara"))
    answer = log_in("denis")
    assert not is_in(answer)
    assert "you are not in the group" in text_of(answer)
    assert "you are not in the group" not in text_of(log_in("denis", "wrong"))


@pytest.mark.parametrize("by", ["groups", "departmentNumber"])
def test_cost_centres_follow_the_directory_and_other_groups_do_not(directory, settings, by):
    structural, plain = Group.objects.create(name="structural"), Group.objects.create(name="plain")
    CostCentre.objects.create(group=structural, code="K-1")
    settings.E1_LDAP_COST_CENTRES = by
    settings.E1_LDAP_GROUPS = GROUPS if by == "groups" else ""
    dn = directory.person("barbara", PASSWORD, departmentNumber="K-1")
    directory.group("plain", dn)
    charged = directory.group("structural", dn)
    user = log_in("barbara").context["user"]
    assert list(user.groups.all()) == [structural]
    user.groups.add(plain)
    directory.delete(charged)
    directory.change(dn, departmentNumber="K-2")
    log_in("barbara")
    assert list(user.groups.all()) == [plain]


def test_without_a_setting_for_it_cost_centres_stay(directory):
    CostCentre.objects.create(group=Group.objects.create(name="structural"), code="K-1")
    directory.person("barbara", PASSWORD)
    user = log_in("barbara").context["user"]
    user.groups.add(*Group.objects.all())
    log_in("barbara")
    assert user.groups.count() == 1


@pytest.fixture
def active_directory(directory, settings):
    """Set what docs/sign-in.md says for Active Directory, with the names and the account of the test's directory."""
    section = (ROOT / "docs" / "sign-in.md").read_text().partition("### Active Directory\n")[2]
    block = re.search(r"^```ini\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block
    here = {
        "E1_LDAP_URL": directory.tls_url,
        "E1_LDAP_CA": str(directory.ca),
        "E1_LDAP_BIND_DN": SERVICE,
        "E1_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
    }
    for name, value in dict(line.split("=", 1) for line in block[1].splitlines()).items():
        setattr(settings, name, here.get(name, value))
    return directory


@pytest.mark.parametrize("guid", [bytes(range(240, 256)), b"sixteen letters."])
def test_the_settings_for_active_directory_work_with_its_attributes(active_directory, guid):
    group = Group.objects.create(name="any")
    CostCentre.objects.create(group=group, code="Structures")
    dn = active_directory.windows_user("bnoble", PASSWORD, guid, department="Structures", mail="b@example.org")
    gone = active_directory.windows_user("gone", PASSWORD, b"another sixteen.", disabled=True)
    active_directory.windows_user("other", PASSWORD, b"a third sixteen.")
    inner = active_directory.group("inner", dn, gone)
    active_directory.group("e1 users", inner)
    user = log_in("BNoble").context["user"]
    assert (user.username, user.email, list(user.groups.all())) == ("bnoble", "b@example.org", [group])
    assert OutsideLogin.objects.get().subject == guid.hex()
    assert not is_in(log_in("gone")), "a disabled account got in"
    assert "you are not in the group" in text_of(log_in("other"))


def test_an_entry_without_the_lasting_attribute_is_refused_and_told_in_the_log(directory, settings, caplog):
    settings.E1_LDAP_ID = "employeeNumber"
    directory.person("barbara", PASSWORD)
    assert "The directory does not say who you are" in text_of(log_in("barbara"))
    assert "has no employeeNumber" in caplog.text
    assert not User.objects.exists()


def test_a_name_that_no_account_can_have_is_told(directory, settings):
    settings.E1_LDAP_USERNAME = "cn"
    directory.person("barbara", PASSWORD, cn="two words")
    assert "which no account can have" in text_of(log_in("two words"))


# --- a directory that fails ------------------------------------------------------------------------------------------
def told_and_passwords_here_still_work() -> None:
    User.objects.create_user("rosalind", password=HERE)
    answer = log_in("barbara")
    assert not is_in(answer)
    assert "the institute does not answer as it should" in text_of(answer)
    assert "Please enter a correct" not in text_of(answer)
    assert is_in(log_in("rosalind", HERE))


def test_a_directory_that_is_down_is_told(directory, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.E1_LDAP_URL = f"ldap://127.0.0.1:{taken.getsockname()[1]}"
        told_and_passwords_here_still_work()


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_directory_that_hangs_is_told(directory, settings, scheme):
    settings.E1_LDAP_SECONDS = 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.E1_LDAP_URL = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        told_and_passwords_here_still_work()


def test_a_refused_service_account_is_told_and_the_log_has_no_password(directory, settings, caplog):
    settings.E1_LDAP_BIND_PASSWORD = "not the service's"
    directory.person("barbara", PASSWORD)
    told_and_passwords_here_still_work()
    assert "INVALID_CREDENTIALS" in caplog.text
    assert PASSWORD not in caplog.text
    assert "not the service's" not in caplog.text


def test_a_base_that_is_not_there_is_told(directory, settings, caplog):
    settings.E1_LDAP_BASE = f"ou=nowhere,{BASE}"
    told_and_passwords_here_still_work()
    assert "NO_SUCH_OBJECT" in caplog.text


# --- TLS -------------------------------------------------------------------------------------------------------------
def test_a_certificate_of_the_given_authority_is_accepted(directory, settings):
    settings.E1_LDAP_URL, settings.E1_LDAP_CA = directory.tls_url, str(directory.ca)
    directory.person("barbara", PASSWORD)
    assert is_in(log_in("barbara"))


def test_a_certificate_of_another_authority_is_refused(directory, settings, tmp_path):
    settings.E1_LDAP_URL = directory.tls_url
    settings.E1_LDAP_CA = str(make_certificate(tmp_path / "other") / "cert.pem")
    directory.person("barbara", PASSWORD)
    told_and_passwords_here_still_work()


def test_a_certificate_of_another_name_is_refused(directory, settings):
    settings.E1_LDAP_URL = directory.tls_url.replace("127.0.0.1", "localhost")
    settings.E1_LDAP_CA = str(directory.ca)
    directory.person("barbara", PASSWORD)
    told_and_passwords_here_still_work()


def test_start_tls_is_used_and_a_wrong_certificate_refused(directory, settings, monkeypatch, tmp_path):
    """Only the rule that this machine needs no TLS is switched off."""
    monkeypatch.setattr("jobs.accounts.directory.start_tls", lambda url: True)
    settings.E1_LDAP_CA = str(directory.ca)
    directory.person("barbara", PASSWORD)
    assert is_in(log_in("barbara"))
    settings.E1_LDAP_CA = str(make_certificate(tmp_path / "other") / "cert.pem")
    told_and_passwords_here_still_work()


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("ldap://directory.example.org", True),
        ("ldap://127.0.0.1.example.org:389", True),
        ("ldap://127.0.0.1", False),
        ("ldap://[::1]:389", False),
        ("ldap://localhost:1389", False),
        ("ldaps://directory.example.org", False),
        ("ldapi://%2Frun%2Fldapi", False),
    ],
)
def test_passwords_go_to_other_machines_by_tls_only(settings, url, tls):
    installed()
    from jobs.accounts.directory import connection_options, library_settings

    settings.E1_LDAP_URL, settings.E1_LDAP_BASE = url, PEOPLE
    assert start_tls(url) == tls == library_settings().START_TLS
    checked = url.startswith("ldaps:") or tls
    assert (len(connection_options()) > 3) == checked


# --- settings --------------------------------------------------------------------------------------------------------
RIGHT = {"url": "ldaps://directory.example.org", "base": PEOPLE, "groups": "", "kind": "groupOfNames",
         "required_group": "", "cost_centres": ""}  # fmt: skip


def test_settings_that_fit_are_no_problem():
    assert not directory_problem(**RIGHT)
    assert not directory_problem(**{**RIGHT, "cost_centres": "departmentNumber"})
    assert not directory_problem(**{**RIGHT, "groups": GROUPS, "cost_centres": "groups", "required_group": GROUPS})


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"url": "directory.example.org"}, "E1_LDAP_URL"),
        ({"url": "https://directory.example.org"}, "E1_LDAP_URL"),
        ({"url": "ldaps://"}, "E1_LDAP_URL"),
        ({"base": ""}, "E1_LDAP_BASE"),
        ({"kind": "groups"}, "E1_LDAP_GROUP_KIND"),
        ({"required_group": f"cn=x,{GROUPS}"}, "E1_LDAP_GROUPS"),
        ({"cost_centres": "groups"}, "E1_LDAP_GROUPS"),
    ],
)
def test_settings_that_do_not_fit_are_named(wrong, named):
    assert named in directory_problem(**{**RIGHT, **wrong})


def test_the_login_page_says_whose_passwords_it_takes(directory):
    assert "your name and password of the institute" in text_of(Client().get("/login/"))


def test_without_a_directory_nothing_is_said_of_one(client):
    assert "your name and password of" not in text_of(client.get("/login/"))
