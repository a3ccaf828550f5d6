"""What is sent to the model."""

from uuid import UUID

from webapp.agents.conversation import (
    CHARACTERS_PER_TOKEN,
    Numbered,
    Turn,
    answer_tokens,
    build_messages,
    retrieval_query,
    where,
)
from webapp.knowledge.types import Passage
from webapp.llm.types import Message

TEMPLATE = "Answer.\n{{passages}}"


def passage(n: int, text: str) -> Numbered:
    return Numbered(
        n,
        Passage(
            chunk_id=n,
            document_id=UUID(int=n),
            collection_id=UUID(int=0),
            title="Handbook",
            heading_path=("Pumps", "Seven"),
            page_start=3,
            page_end=3,
            char_start=0,
            char_end=len(text),
            text=text,
        ),
    )


def build(passages: list[Numbered], turns: list[Turn], *, context: int = 4096, shrink: float = 1.0) -> list[Message]:
    return build_messages(
        template=TEMPLATE,
        question="And who?",
        turns=turns,
        passages=passages,
        context_tokens=context,
        max_tokens=256,
        shrink=shrink,
    )


def test_messages_are_system_history_question() -> None:
    messages = build([passage(1, "Text.")], [Turn("When?", "On Tuesday [1, 2].")])

    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert "\n[1] Handbook, Pumps > Seven, page 3: Text.\n" in messages[0].content
    assert messages[2].content == "On Tuesday."
    assert messages[3].content == "And who?"


def test_history_is_the_last_three_turns_bounded() -> None:
    turns = [Turn(f"Question {i}", "x" * 5000) for i in range(5)]

    messages = build([], turns, context=32768)

    assert [message.content for message in messages if message.role == "user"][:-1] == [
        "Question 2",
        "Question 3",
        "Question 4",
    ]
    assert all(len(message.content) <= 1500 for message in messages[1:])


def test_prompt_fits_the_context_by_leaving_the_last_passages_out() -> None:
    passages = [passage(n, "word " * 240) for n in range(1, 30)]

    for context in (1024, 2048, 4096):
        messages = build(passages, [], context=context)
        characters = sum(len(message.content) for message in messages)
        assert characters <= (context - 256) * CHARACTERS_PER_TOKEN
        assert "[1] " in messages[0].content
        assert "[29] " not in messages[0].content


def test_shrinking_leaves_less_of_the_passages() -> None:
    passages = [passage(n, "word " * 240) for n in range(1, 10)]

    whole, part = build(passages, [])[0].content, build(passages, [], shrink=0.4)[0].content

    assert len(part) < len(whole) / 2


def test_answer_is_a_quarter_of_the_context_at_most() -> None:
    assert answer_tokens(wanted=1024, context_tokens=None) == 1024
    assert answer_tokens(wanted=1024, context_tokens=2048) == 512
    assert answer_tokens(wanted=100, context_tokens=32768) == 100


def test_short_follow_up_is_searched_with_the_question_before() -> None:
    turns = [Turn("When is pump seven greased?", "On Tuesday.")]

    assert retrieval_query("And by whom?", turns) == "When is pump seven greased? And by whom?"
    assert retrieval_query("Where is the green ledger kept?", turns) == "Where is the green ledger kept?"
    assert retrieval_query("And by whom?", []) == "And by whom?"


def test_where_names_what_there_is() -> None:
    assert where(passage(1, "x").passage) == "Handbook, Pumps > Seven, page 3"
