"""How the verbs about models end when they refuse: the registry's errors in the command line's terms."""

from collections.abc import Iterator
from contextlib import contextmanager

from appliance.local.errors import BusyError, LocalError
from appliance.settings import SettingsError
from inference.registry.errors import ModelError, OwnCatalogueError
from inference.registry.store import StoreBusyError


@contextmanager
def told_apart() -> Iterator[None]:
    """Somebody else at work is BusyError, a model that appliance.yaml describes wrongly SettingsError, anything else
    about a model LocalError; nothing else is caught."""
    try:
        yield
    except StoreBusyError as error:
        raise BusyError(str(error)) from None
    except OwnCatalogueError as error:
        raise SettingsError(str(error)) from None
    except ModelError as error:
        raise LocalError(str(error)) from None
