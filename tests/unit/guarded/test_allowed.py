"""AUGENTIS_WEBHOOK_ALLOW: what a list may say, and what it then allows."""

from ipaddress import ip_address

import pytest

from guarded import Allowed, RefusedError, check, its_own
from guarded.hosts import read

LIST = (
    " alerts.corp:9093, hooks.internal,10.1.0.0/16 ,192.168.7.7:8443,[fd00::1]:443, fd12::/16,127.0.0.1,::1 "
)


@pytest.mark.parametrize(
    ("host", "port", "vouched"),
    [
        ("alerts.corp", 9093, True),
        ("alerts.corp", 9094, False),
        ("other.corp", 9093, False),
        ("hooks.internal", 1, True),
        ("HOOKS.internal", 443, True),
        ("x.hooks.internal", 443, False),
        ("10.1.255.255", 80, True),
        ("::ffff:10.1.0.1", 80, True),
        ("10.2.0.0", 80, False),
        ("192.168.7.7", 8443, True),
        ("192.168.7.7", 443, False),
        ("fd00::1", 443, True),
        ("fd00::1", 80, False),
        ("fd12::5", 80, True),
        ("127.0.0.1", 5, True),
        ("127.0.0.2", 5, False),
        ("::1", 5, True),
    ],
)
def test_a_list_allows_what_it_names(host, port, vouched):
    assert Allowed.parse(LIST).vouches_for(read(host), port) is vouched


@pytest.mark.parametrize("text", [None, "", " , "])
def test_an_empty_list_allows_nothing(text):
    assert Allowed.parse(text) == Allowed()


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "https://alerts.corp",
        "alerts.corp:0",
        "alerts.corp:65536",
        "alerts.corp:https",
        "[::1",
        "*.corp",
        "0177.0.0.1",
        "alerts.corp.",
        "fe80::1%eth0",
        "user@alerts.corp",
        ":80",
    ],
)
def test_an_entry_that_is_none_of_these_is_named(entry):
    with pytest.raises(ValueError, match=r"write|is no|has no"):
        Allowed.parse(f"10.0.0.0/8,{entry}")


def test_a_name_is_allowed_wherever_it_leads_and_an_address_whatever_leads_there():
    private = ip_address("10.0.0.1")
    Allowed.parse("alerts.corp").check_found("alerts.corp", private, 80)
    Allowed.parse("10.0.0.0/8").check_found("alerts.corp", private, 80)
    Allowed.parse("10.0.0.1:80").check_found("alerts.corp", private, 80)
    for other in ("other.corp", "alerts.corp:81", "10.0.0.1:81", "11.0.0.0/8"):
        with pytest.raises(RefusedError, match="AUGENTIS_WEBHOOK_ALLOW") as refused:
            Allowed.parse(other).check_found("alerts.corp", private, 80)
        assert "10.0.0.1" not in str(refused.value)


def test_local_names_are_looked_up_where_a_network_is_allowed():
    check("https://alerts.internal", Allowed.parse("10.0.0.0/8"))
    with pytest.raises(RefusedError, match="not a name of the public internet"):
        check("https://alerts.internal", Allowed.parse("other.internal"))


def test_an_operators_own_address_is_allowed_at_its_port_alone():
    allowed = its_own("http://localhost:8025/hook")
    check("http://localhost:8025/", allowed)
    for other in ("http://localhost:8026/", "http://127.0.0.1:8025/", "http://localhost/"):
        with pytest.raises(RefusedError):
            check(other, allowed)
    check("https://10.0.0.1/", its_own("https://10.0.0.1/hook"))
    with pytest.raises(RefusedError, match="no user or password"):
        its_own("https://me:secret@hooks.example/")
