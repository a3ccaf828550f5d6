"""What the proxy says when it does not pass a request on, in OpenAI's error shape."""

import json
from dataclasses import dataclass

RETRY_SECONDS = 2


@dataclass(frozen=True)
class Refusal:
    """A whole answer. ``retry_seconds`` tells the client when to come back; 0 is not at all."""

    status: int
    message: str
    code: str
    retry_seconds: int = 0

    @property
    def body(self) -> bytes:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()

    @property
    def headers(self) -> dict[str, str]:
        later = {"Retry-After": str(self.retry_seconds)} if self.retry_seconds else {}
        return {"Content-Type": "application/json", **later}


UNKNOWN_PATH = Refusal(404, "There is nothing at this path with this method.", "not_found")
READINGS_ONLY = Refusal(403, "This certificate is for readings only.", "readings_only")
BROWSER = Refusal(403, "Web pages are not served here.", "browser_refused")
UPGRADE = Refusal(400, "Only plain HTTP is spoken here: no upgrade to another protocol.", "upgrade_refused")
ENCODED = Refusal(415, "Send the body as it is, without Content-Encoding.", "encoding_refused")
SLOW_BODY = Refusal(408, "The body did not arrive in time.", "timeout")
BUSY = Refusal(503, "Too many requests are open; try again shortly.", "busy", RETRY_SECONDS)
BROKEN_BODY = Refusal(400, "The body ended before its end.", "broken_body")


def too_large(limit_bytes: int) -> Refusal:
    return Refusal(413, f"The body is larger than {limit_bytes} bytes.", "too_large")


def absent(target: str) -> Refusal:
    """Nothing listens there, or nothing is configured: no model, or it is still starting."""
    return Refusal(
        503, f"The {target} does not answer: it is starting, stopped or absent.", "unavailable", RETRY_SECONDS
    )


def broken(target: str) -> Refusal:
    return Refusal(502, f"The {target} closed the connection before it answered.", "broken_answer", RETRY_SECONDS)
