"""The face of the agents room: ask, follow, stop, look back. Everything is limited to what ``user_id`` owns."""

from webapp.agents.services.asking import cancel_run, create_run, retry_run
from webapp.agents.services.reading import get_citation, get_run, get_thread, list_threads
from webapp.agents.services.threads import delete_thread, rename_thread

__all__ = [
    "cancel_run",
    "create_run",
    "delete_thread",
    "get_citation",
    "get_run",
    "get_thread",
    "list_threads",
    "rename_thread",
    "retry_run",
]
