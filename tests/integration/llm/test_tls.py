"""The way to the models: only a server that our authority signed is believed, and it is shown our own certificate."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.test import override_settings

from appliance.settings.model import EngineProxy
from inference.serving.argv import ProxyTls
from tests.engines.certificates import Authority
from webapp.llm.services import wire

NAME = "127.0.0.1"


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers with the name in the certificate that the client showed."""

    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        shown = self.connection.getpeercert() or {}
        body = str(shown.get("subjectAltName")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


class Quiet(http.server.ThreadingHTTPServer):
    """A refused handshake is what the tests are about, not news."""

    def handle_error(self, *_arguments: object) -> None:
        pass


@contextmanager
def serving(identity: ProxyTls) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(identity.ca_file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    server = Quiet((NAME, 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://{NAME}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def client_with(proxy: EngineProxy) -> Iterator[httpx.Client]:
    with override_settings(ENGINE_PROXY=proxy), wire.client() as client:
        yield client


def proxy_of(identity: ProxyTls) -> EngineProxy:
    return EngineProxy(ca_file=identity.ca_file, certificate_file=identity.certificate_file, key_file=identity.key_file)


def test_server_of_our_authority_sees_our_certificate(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    client = proxy_of(ours.issue("app", purpose="client", names=("app.example",)))
    with serving(ours.issue("gpu", purpose="server")) as url, client_with(client) as session:
        assert "app.example" in session.get(url).text


def test_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    client = proxy_of(Authority(tmp_path, "ours").issue("app", purpose="client", names=("app.example",)))
    stranger = Authority(tmp_path, "stranger").issue("gpu", purpose="server")
    refused = pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED")
    with serving(stranger) as url, client_with(client) as session, refused:
        session.get(url)


def test_server_under_another_name_is_not_believed(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    client = proxy_of(ours.issue("app", purpose="client", names=("app.example",)))
    misnamed = ours.issue("gpu", purpose="server", names=("other.example",))
    refused = pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED")
    with serving(misnamed) as url, client_with(client) as session, refused:
        session.get(url)


def test_client_without_a_certificate_is_refused(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    gpu = ours.issue("gpu", purpose="server")
    nobody = EngineProxy(ca_file=gpu.ca_file)
    with serving(gpu) as url, client_with(nobody) as session, pytest.raises(httpx.HTTPError):
        session.get(url)


def test_renewed_certificate_is_shown_from_the_next_call_on(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    identity = ours.issue("app", purpose="client", names=("before.example",))
    with serving(ours.issue("gpu", purpose="server")) as url, override_settings(ENGINE_PROXY=proxy_of(identity)):
        before = wire.client()
        assert "before.example" in before.get(url).text
        assert wire.client() is before
        replace(ours.issue("renewed", purpose="client", names=("after.example",)), identity)
        assert "after.example" in wire.client().get(url).text
        assert "before.example" in before.get(url).text


def test_certificate_that_is_half_renewed_leaves_the_former_in_use(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    identity = ours.issue("app", purpose="client", names=("before.example",))
    with serving(ours.issue("gpu", purpose="server")) as url, override_settings(ENGINE_PROXY=proxy_of(identity)):
        assert "before.example" in wire.client().get(url).text
        renewed = ours.issue("renewed", purpose="client", names=("after.example",))
        renewed.certificate_file.replace(identity.certificate_file)
        assert "before.example" in wire.client().get(url).text
        renewed.key_file.replace(identity.key_file)
        assert "after.example" in wire.client().get(url).text
        identity.key_file.unlink()
        assert "after.example" in wire.client().get(url).text


def replace(renewed: ProxyTls, identity: ProxyTls) -> None:
    renewed.certificate_file.replace(identity.certificate_file)
    renewed.key_file.replace(identity.key_file)
