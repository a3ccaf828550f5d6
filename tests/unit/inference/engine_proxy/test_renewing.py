"""A renewed certificate is taken up by a context in use, and one that cannot be used is not."""

import asyncio
import logging
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from inference.engine_proxy.renewing import keep_current
from inference.engine_proxy.tls import build_context
from inference.serving.argv import ProxyTls
from tests.engines.certificates import Authority

QUICKLY = 0.02


def ask_for_certificate(server: ssl.SSLContext, authority: Authority) -> bytes | None:
    """What a client that connects now is shown."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(authority.certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (ours, theirs, ours):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ours.getpeercert(binary_form=True)


def read_certificate(files: ProxyTls) -> bytes:
    return ssl.PEM_cert_to_DER_cert(files.certificate_file.read_text())


async def look(context: ssl.SSLContext, files: ProxyTls) -> "asyncio.Task[None]":
    """Start looking, and let it look before anything changes."""
    task = asyncio.create_task(keep_current(context, files, seconds=QUICKLY))
    await asyncio.sleep(3 * QUICKLY)
    return task


async def test_renewed_certificate_is_shown_to_the_next_client(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files, renewed = authority.issue("gpu", purpose="server"), authority.issue("renewed", purpose="server")
    expected = read_certificate(renewed)
    context = build_context(files)
    assert ask_for_certificate(context, authority) == read_certificate(files)
    task = await look(context, files)
    renewed.certificate_file.replace(files.certificate_file)
    renewed.key_file.replace(files.key_file)
    await asyncio.sleep(10 * QUICKLY)
    assert ask_for_certificate(context, authority) == expected
    assert not task.done()
    task.cancel()


async def test_certificate_without_its_key_is_not_taken_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    files, renewed = authority.issue("gpu", purpose="server"), authority.issue("renewed", purpose="server")
    context, former = build_context(files), read_certificate(files)
    task = await look(context, files)
    with caplog.at_level(logging.ERROR):
        renewed.certificate_file.replace(files.certificate_file)
        await asyncio.sleep(10 * QUICKLY)
    assert ask_for_certificate(context, authority) == former
    assert len([record for record in caplog.records if "cannot be used" in record.message]) == 1
    renewed.key_file.replace(files.key_file)
    await asyncio.sleep(10 * QUICKLY)
    assert ask_for_certificate(context, authority) == read_certificate(files)
    task.cancel()
