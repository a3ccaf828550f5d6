"""Third node: keep the citations that hold, and find what each of them quotes. Computes only: the outcome writes."""

from webapp.agents.citing import CheckedAnswer, check_markers, citing_words, quote_span
from webapp.agents.conversation import Numbered
from webapp.agents.graphs.passages import read_passages
from webapp.agents.graphs.state import AnswerState, CitationRow
from webapp.agents.quoting import NO_MODEL, QUOTED_PASSAGES, quoted_span
from webapp.agents.runs.context import RunContext

TITLE_CHARACTERS = 500


def cite(context: RunContext, state: AnswerState) -> AnswerState:
    context.enter("cite", "Checking the sources")
    passages = read_passages(context, state)
    if state["model"] == NO_MODEL:
        quoted = passages[:QUOTED_PASSAGES]
        checked = CheckedAnswer(state["draft"], tuple(numbered.n for numbered in quoted), ())
        spans = {numbered.n: quoted_span(numbered.passage.text, question=context.task.question) for numbered in quoted}
    else:
        checked = check_markers(state["draft"], known=[numbered.n for numbered in passages])
        words = citing_words(checked.text)
        spans = {
            numbered.n: quote_span(numbered.passage.text, wanted=words.get(numbered.n, frozenset()))
            for numbered in passages
        }
    rows = [_row(numbered, spans[numbered.n]) for numbered in passages if numbered.n in checked.cited]
    return {"answer": checked.text, "citations": rows, "invalid": list(checked.invalid)}


def _row(numbered: Numbered, span: tuple[int, int]) -> CitationRow:
    passage = numbered.passage
    return {
        "n": numbered.n,
        "chunk_id": passage.chunk_id,
        "document_id": str(passage.document_id),
        "title": passage.title[:TITLE_CHARACTERS],
        "char_start": passage.char_start + span[0],
        "char_end": passage.char_start + span[1],
    }
