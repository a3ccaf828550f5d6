"""A renewed certificate is taken up while the proxy runs: connections made from then on are shown it.

In a cluster the files are replaced under the process. A new authority is believed beside the old one until a restart.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from inference.serving.argv import ProxyTls

logger = logging.getLogger("inference.engine_proxy")
LOOK_SECONDS = 60.0
Trace = tuple[int, int, int]


def take_trace(files: ProxyTls) -> tuple[Trace, ...]:
    """What changes when a file does, or what a link leads to. Raises OSError when one is not there."""
    return tuple(_trace(file) for file in (files.ca_file, files.certificate_file, files.key_file))


def _trace(file: Path) -> Trace:
    status = file.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def renew(context: ssl.SSLContext, files: ProxyTls) -> None:
    """Load the files into a context that is in use. Raises OSError (ssl.SSLError is one) and leaves the pair as it was
    when certificate and key do not belong together."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate_file, files.key_file)
    context.load_verify_locations(files.ca_file)
    context.load_cert_chain(files.certificate_file, files.key_file)


async def keep_current(context: ssl.SSLContext, files: ProxyTls, *, seconds: float = LOOK_SECONDS) -> None:
    """Look every ``seconds``, for ever. Files that cannot be used are said once, and tried again when they change."""
    seen = take_trace(files)
    while True:
        await asyncio.sleep(seconds)
        try:
            found = take_trace(files)
        except OSError:
            continue  # being replaced
        if found == seen:
            continue
        seen = found
        try:
            renew(context, files)
            logger.info("took up the renewed certificate")
        except OSError as error:
            logger.error("the renewed certificate cannot be used, the former one stays: %s", error)
