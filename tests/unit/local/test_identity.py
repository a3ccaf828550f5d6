"""Components never run as root; what may be entered decides how they drop from it."""

from appliance.local.identity import build_prefix


def test_prefix_drops_user_group_and_groups() -> None:
    assert build_prefix(7, 8, reachable=True) == ("setpriv", "--reuid=7", "--regid=8", "--clear-groups", "--")


def test_checkout_that_cannot_be_entered_is_read_by_a_capability() -> None:
    assert build_prefix(7, 8, reachable=False) == (
        "setpriv", "--reuid=7", "--regid=8", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--",
    )  # fmt: skip
