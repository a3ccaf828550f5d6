"""What the proxy writes down: addresses and reasons, never what a request holds."""

import logging

from aiohttp.http_exceptions import HttpProcessingError

SERVER = logging.getLogger("aiohttp.server")


def set_up() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    SERVER.addFilter(_shorten)


def _shorten(record: logging.LogRecord) -> bool:
    """The library shows the line that it could not read, with whatever stands there, and a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = f"refused what is not HTTP from %s: {type(error).__name__}"
        record.exc_info = record.exc_text = None
    return True
