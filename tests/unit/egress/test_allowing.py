"""What may be reached: nothing but what is on the list, and no way from the outside to the inside."""

import pytest

from appliance.egress.allowing import AllowList

LIST = AllowList.read(["hooks.example.com:443", "mail.example.com:465", "10.0.0.5:465"])


def test_empty_list_allows_nothing() -> None:
    nothing = AllowList.read([])
    assert not nothing.names("hooks.example.com", 443)
    assert not nothing.names("", 0)


@pytest.mark.parametrize("host", ["hooks.example.com", "HOOKS.Example.COM"])
def test_named_host_is_allowed_in_any_letters(host: str) -> None:
    assert LIST.names(host, 443)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("hooks.example.com", 80), ("hooks.example.com.", 443), ("example.com", 443), ("x.hooks.example.com", 443),
        ("hooks.example.comx", 443), ("hooks.example.com", 465), ("10.0.0.5", 443), ("10.0.0.05", 465),
        ("167772165", 465), ("0x0a000005", 465), ("", 443), ("*", 443), ("127.0.0.1", 443),
    ],
)  # fmt: skip
def test_anything_else_is_not(host: str, port: int) -> None:
    assert not LIST.names(host, port)


OUTSIDE = ["93.184.215.14", "2606:2800:21f:cb07::1"]


def test_name_may_lead_anywhere_outside() -> None:
    assert LIST.select(OUTSIDE, 443) == OUTSIDE


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.251", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1",
        "fe80::1%2", "fc00::1", "fd00::1", "ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:a00:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_name_may_not_lead_inside(address: str) -> None:
    assert LIST.select([address], 443) == []
    assert LIST.select([address, *OUTSIDE], 443) == OUTSIDE


def test_name_may_lead_to_an_inside_address_that_is_named_with_its_port() -> None:
    assert LIST.select(["10.0.0.5"], 465) == ["10.0.0.5"]
    assert LIST.select(["10.0.0.5", "10.0.0.6"], 443) == []
    assert LIST.select(["::ffff:10.0.0.5"], 465) == ["::ffff:10.0.0.5"]
