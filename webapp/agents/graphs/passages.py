"""Reading the passages that the state refers to."""

from webapp.agents.connections import released_connection
from webapp.agents.conversation import Numbered
from webapp.agents.graphs.state import AnswerState
from webapp.agents.runs.context import RunContext
from webapp.knowledge import api as knowledge


def read_passages(context: RunContext, state: AnswerState) -> list[Numbered]:
    """Those that still exist and that the asker may still read, each with the number it was given."""
    refs = state["passages"]
    with released_connection():
        found = knowledge.get_passages(user_id=context.task.user_id, chunk_ids=[ref["chunk_id"] for ref in refs])
    by_id = {passage.chunk_id: passage for passage in found}
    return [Numbered(ref["n"], by_id[ref["chunk_id"]]) for ref in refs if ref["chunk_id"] in by_id]
