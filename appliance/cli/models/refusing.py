"""How the verbs about models end when they refuse: the registry's errors in the command line's terms."""

from collections.abc import Iterator
from contextlib import contextmanager

from appliance.local.errors import BusyError, LocalError
from inference.registry.errors import ModelError
from inference.registry.store import StoreBusyError


@contextmanager
def told_apart() -> Iterator[None]:
    """Somebody else at work is BusyError, anything else about a model LocalError; nothing else is caught."""
    try:
        yield
    except StoreBusyError as error:
        raise BusyError(str(error)) from None
    except ModelError as error:
        raise LocalError(str(error)) from None
