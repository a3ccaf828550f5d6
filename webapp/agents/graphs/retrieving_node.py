"""First node: find the passages that the asker may read, and number them."""

from webapp.agents.connections import released_connection
from webapp.agents.conversation import retrieval_query
from webapp.agents.graphs.state import AnswerState, PassageRef
from webapp.agents.runs.context import RunContext
from webapp.knowledge import api as knowledge

PASSAGES = 6


def retrieve(context: RunContext, _: AnswerState) -> AnswerState:
    context.enter("retrieve", "Searching the documents")
    task = context.task
    with released_connection():
        retrieval = knowledge.retrieve(
            user_id=task.user_id,
            query=retrieval_query(task.question, task.turns),
            collection_ids=task.collection_ids,
            k=PASSAGES,
            run_id=task.run_id,
        )
    refs: list[PassageRef] = []
    sources = []
    for n, passage in enumerate(retrieval.passages, start=1):
        refs.append({"n": n, "chunk_id": passage.chunk_id})
        sources.append(
            {
                "n": n,
                "chunk_id": passage.chunk_id,
                "document_id": str(passage.document_id),
                "title": passage.title,
                "heading": " > ".join(passage.heading_path),
                "page": passage.page_start,
            }
        )
    context.emit("sources", {"passages": sources})
    return {"passages": refs}
