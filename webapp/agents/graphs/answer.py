"""The graph ``answer``: retrieve, generate, cite.

Its state is plain JSON and refers to passages by id (``state``); their text is read again, with the asker's
permissions, when it is needed.
"""

from langgraph.graph import END, START, StateGraph

from webapp.agents.graphs.citing_node import cite
from webapp.agents.graphs.generating_node import generate
from webapp.agents.graphs.retrieving_node import retrieve
from webapp.agents.graphs.state import AnswerState
from webapp.agents.runs.context import RunContext

AnswerGraph = StateGraph[AnswerState, None, AnswerState, AnswerState]


def build_answer_graph(context: RunContext) -> AnswerGraph:
    """The graph for one attempt; compile it with the checkpoint saver of the same lease."""
    graph: AnswerGraph = StateGraph(AnswerState)
    graph.add_node("retrieve", lambda state: retrieve(context, state))
    graph.add_node("generate", lambda state: generate(context, state))
    graph.add_node("cite", lambda state: cite(context, state))
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", "generate")
    graph.add_edge("generate", "cite")
    graph.add_edge("cite", END)
    return graph
