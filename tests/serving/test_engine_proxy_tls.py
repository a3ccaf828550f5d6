"""Beyond loopback only clients with a certificate of ours get as far as sending a request."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from inference.serving.argv import ProxyTls
from tests.engines.certificates import Authority
from tests.engines.launch import INFERENCE_PYTHON, ROOT, RunningProxy, free_port, running_engine_proxy
from tests.engines.upstream import Upstream, running_upstream

CHAT = "/v1/chat/completions"
CLOSED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectError)


@dataclass(frozen=True)
class Site:
    """``authority`` is ours, ``stranger`` is somebody else's of the same name."""

    authority: Authority
    stranger: Authority
    proxy: RunningProxy
    upstream: Upstream

    def client(self, shown: ProxyTls | None, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        return build_client(self.authority, shown, version=version)


def build_client(
    trusted: Authority, shown: ProxyTls | None, *, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusted.certificate)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(shown.certificate_file, shown.key_file)
    return context


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    (folder / "other").mkdir()
    authority, stranger = Authority(folder), Authority(folder / "other")
    files = authority.issue("gpu", purpose="server")
    client = build_client(authority, authority.issue("application", purpose="client"))
    with (
        running_upstream() as upstream,
        running_engine_proxy(folder, engine_url=upstream.url, tls=files, client=client) as proxy,
    ):
        upstream.requests.clear()
        yield Site(authority, stranger, proxy, upstream)


def ask(site: Site, shown: ProxyTls | None, *, version: ssl.TLSVersion | None = None) -> httpx.Response:
    client = site.client(shown, version=version)
    return httpx.post(site.proxy.url + CHAT, content=b"{}", verify=client, trust_env=False, timeout=10)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_with_our_certificate_is_served(site: Site, version: ssl.TLSVersion) -> None:
    shown = site.authority.issue("application", purpose="client")
    assert ask(site, shown, version=version).content == b"{}"
    site.upstream.requests.clear()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("who", ["nobody", "stranger", "server", "expired", "self-signed"])
def test_client_without_our_certificate_gets_no_answer(site: Site, who: str, version: ssl.TLSVersion) -> None:
    certificates: dict[str, Callable[[], ProxyTls | None]] = {
        "nobody": lambda: None,
        "stranger": lambda: site.stranger.issue("application", purpose="client"),
        "server": lambda: site.authority.issue("gpu-2", purpose="server"),
        "expired": lambda: site.authority.issue("late", purpose="client", days=-1),
        "self-signed": lambda: ProxyTls(site.stranger.certificate, site.stranger.certificate, site.stranger.key),
    }
    shown = certificates[who]()
    with pytest.raises(CLOSED):
        ask(site, shown, version=version)
    assert site.upstream.requests == []


@pytest.mark.parametrize("name", ["monitoring", "llm-monitoring", "another-service"])
def test_who_is_not_the_application_reads_and_asks_no_model(site: Site, name: str) -> None:
    shown = site.authority.issue(name, purpose="client")
    refused = ask(site, shown)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "readings_only")
    assert site.upstream.requests == []
    client = site.client(shown)
    for path in ("/metrics", "/hardware", "/healthz"):
        assert httpx.get(site.proxy.url + path, verify=client, trust_env=False, timeout=10).status_code == 200
    site.upstream.requests.clear()
    assert f"from 127.0.0.1 {name}: 403 readings_only" in site.proxy.log.read_text()


def test_plain_http_is_not_answered(site: Site) -> None:
    with pytest.raises(CLOSED):
        httpx.post(site.proxy.url.replace("https", "http") + CHAT, content=b"{}", trust_env=False, timeout=10)
    assert site.upstream.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_protocol_is_refused(site: Site) -> None:
    shown = site.authority.issue("application", purpose="client")
    context = site.client(shown, version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(CLOSED):
        httpx.post(site.proxy.url + CHAT, content=b"{}", verify=context, trust_env=False, timeout=10)
    assert site.upstream.requests == []


def test_client_that_knows_another_authority_refuses_the_proxy(site: Site) -> None:
    client = build_client(site.stranger, site.authority.issue("application", purpose="client"))
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{site.proxy.url}/healthz", verify=client, trust_env=False, timeout=10)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--host", "0.0.0.0"), "every client has to show a certificate"),
        (("--ca-file", "/nowhere/ca.pem"), "TLS needs all of"),
        (("--readings", "/nowhere/readings.json"), "cannot be read"),
    ],
)
def test_proxy_that_would_be_unprotected_does_not_start(tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    argv = [str(INFERENCE_PYTHON), "-P", "-m", "inference.engine_proxy", "--port", str(free_port()), *options]
    ended = subprocess.run(
        argv, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path
    )
    assert ended.returncode == 3
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr
