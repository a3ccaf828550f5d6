"""Beyond loopback the proxy does not start without the files that protect it."""

import ssl
from pathlib import Path

import pytest

from inference.engine_proxy.tls import UnprotectedError, build_context, find_common_name, may_ask_models, read_tls
from inference.serving.argv import ProxyTls
from tests.engines.certificates import Authority

FILES = ProxyTls(Path("ca.pem"), Path("certificate.pem"), Path("key.pem"))


def test_loopback_may_go_without() -> None:
    for host in ("127.0.0.1", "::1"):
        assert read_tls(host, ca_file=None, certificate_file=None, key_file=None) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost", "127.0.0.2", ""])
def test_any_other_address_may_not(host: str) -> None:
    with pytest.raises(UnprotectedError, match="every client has to show a certificate"):
        read_tls(host, ca_file=None, certificate_file=None, key_file=None)


@pytest.mark.parametrize("missing", ["ca_file", "certificate_file", "key_file"])
def test_all_three_files_or_none(missing: str) -> None:
    files = {**vars(FILES), missing: None}
    with pytest.raises(UnprotectedError, match="all of"):
        read_tls("127.0.0.1", **files)


def test_files_are_used_on_loopback_too() -> None:
    assert read_tls("127.0.0.1", **vars(FILES)) == FILES


def test_context_demands_a_certificate_and_a_current_protocol(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = build_context(authority.issue("gpu", purpose="server"))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.num_tickets == 0


def test_files_that_are_absent_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        build_context(ProxyTls(tmp_path / "ca", tmp_path / "certificate", tmp_path / "key"))


def test_name_is_that_of_the_certificates_subject() -> None:
    subject = ((("organizationName", "Example"),), (("commonName", "llm-monitoring"),))
    assert find_common_name({"subject": subject}) == "llm-monitoring"
    assert find_common_name({"subject": ()}) == find_common_name({}) == find_common_name(None) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("application", True), ("llm-application", True), ("monitoring", False), ("application-monitoring", False),
     ("notapplication", False), ("engine-proxy", False), ("", False)],
)  # fmt: skip
def test_only_the_application_may_ask_models(name: str, expected: bool) -> None:
    assert may_ask_models(name) is expected
