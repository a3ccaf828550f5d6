"""Whether a way leads to an engine, and which model stands behind it."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from inference.benching.errors import TargetUnreachableError
from inference.benching.request import Target, Tls

SECONDS = 10.0


@dataclass(frozen=True)
class Served:
    """``tokenizer`` is the model's directory on this machine."""

    model: str
    tokenizer: Path


def build_context(tls: Tls) -> ssl.SSLContext:
    """Raises TargetUnreachableError for files that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        context.load_cert_chain(tls.certificate_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        raise TargetUnreachableError(
            f"The certificates {tls.ca_file}, {tls.certificate_file} and {tls.key_file} cannot be used ({error})."
        ) from None
    return context


def find_served(target: Target, tokenizer: Path | None) -> Served:
    """Raises TargetUnreachableError."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if target.tls is not None:
        handlers.append(urllib.request.HTTPSHandler(context=build_context(target.tls)))
    try:
        with urllib.request.build_opener(*handlers).open(f"{target.url}/v1/models", timeout=SECONDS) as response:
            card = json.loads(response.read())["data"][0]
            model, root = str(card["id"]), Path(card.get("root") or "")
    except urllib.error.HTTPError as error:
        with error:
            raise TargetUnreachableError(
                f"{target.name}: {target.url} answers {error.code} instead of naming a model. Correct the address."
            ) from None
    except (OSError, http.client.HTTPException) as error:
        raise TargetUnreachableError(
            f"{target.name}: nothing answers at {target.url} ({getattr(error, 'reason', error)}). Start it first."
        ) from None
    except (ValueError, LookupError, TypeError):
        raise TargetUnreachableError(f"{target.name}: {target.url} names no model. Correct it.") from None
    folder = tokenizer or root
    if not (folder / "tokenizer_config.json").is_file():
        raise TargetUnreachableError(
            f"The tokenizer of {model} is not in {folder} on this machine, and the load is made of its tokens. Name "
            "the model's directory: --tokenizer"
        )
    return Served(model, folder)


def require_same(found: dict[str, Served]) -> Served:
    """Raises TargetUnreachableError where the ways lead to different models."""
    served = list(dict.fromkeys(found.values()))
    if len(served) > 1:
        names = ", ".join(f"{name} to {each.model}" for name, each in found.items())
        raise TargetUnreachableError(f"The ways lead to different models ({names}), so they cannot be compared.")
    return served[0]
