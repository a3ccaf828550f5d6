"""Second node: write the answer, with the model that is installed, or by quoting when there is none."""

from collections.abc import Iterator
from contextlib import closing

from webapp.agents.connections import released_connection
from webapp.agents.conversation import Numbered, answer_tokens, build_messages
from webapp.agents.graphs.passages import read_passages
from webapp.agents.graphs.state import AnswerState
from webapp.agents.quoting import NO_MODEL, quoted_answer
from webapp.agents.runs.context import RunContext
from webapp.llm import api as llm
from webapp.llm.errors import EngineRefused, LlmError
from webapp.llm.types import Delta, Generation, ModelInfo
from webapp.prompts import api as prompts
from webapp.prompts.types import PromptVersion
from webapp.usage.types import Attribution

ANSWER_TOKENS = 1024
TEMPERATURE = 0.2
SHRINK = (1.0, 0.6, 0.3)
EMPTY_ANSWER = "The language model gave no answer. Please ask again, or in other words."


def generate(context: RunContext, state: AnswerState) -> AnswerState:
    context.enter("generate", "Writing the answer")
    context.void_draft()
    passages = read_passages(context, state)
    with released_connection():
        model = llm.find_model(role="generate")
        prompt = prompts.get_version(name="answer" if model else "no_model_notice")
    update: AnswerState = {"prompt_version": prompt.short, "prompt_version_id": prompt.id}
    if model is None:
        context.begin_draft(model=NO_MODEL)
        context.write(quoted_answer(notice=prompt.text, question=context.task.question, passages=passages))
        context.flush()
        return {**update, "draft": context.draft, "model": NO_MODEL, "model_is_fallback": False, "usage": None}
    final = _stream(context, passages, model, prompt)
    return {
        **update,
        "draft": final.text if final.text.strip() else EMPTY_ANSWER,
        "model": final.model,
        "model_is_fallback": final.is_fallback,
        "usage": {
            "input_tokens": final.input_tokens,
            "output_tokens": final.output_tokens,
            "duration_ms": final.duration_ms,
        },
    }


def _stream(context: RunContext, passages: list[Numbered], model: ModelInfo, prompt: PromptVersion) -> Generation:
    """Ask the model; when it says that the prompt is too long, again with less of the documents in it."""
    for shrink in SHRINK[:-1]:
        try:
            return _stream_once(context, _ask(context, passages, model, prompt, shrink))
        except EngineRefused as error:
            if error.status_code != 400 or "context" not in str(error).lower():
                raise
    return _stream_once(context, _ask(context, passages, model, prompt, SHRINK[-1]))


def _ask(
    context: RunContext, passages: list[Numbered], model: ModelInfo, prompt: PromptVersion, shrink: float
) -> Iterator[Delta]:
    task = context.task
    wanted = prompt.parameters.get("max_tokens", ANSWER_TOKENS)
    max_tokens = answer_tokens(wanted=wanted, context_tokens=model.max_context_tokens)
    messages = build_messages(
        template=prompt.text,
        question=task.question,
        turns=task.turns,
        passages=passages,
        context_tokens=model.max_context_tokens,
        max_tokens=max_tokens,
        shrink=shrink,
    )
    return llm.generate(
        messages=messages,
        attribution=Attribution(
            user_id=task.user_id,
            run_id=task.run_id,
            attempt=context.grant.attempt,
            prompt_version_id=prompt.id,
            purpose="answer",
        ),
        max_tokens=max_tokens,
        temperature=prompt.parameters.get("temperature", TEMPERATURE),
        affinity=str(task.thread_id),
        should_stop=context.should_stop,
    )


def _stream_once(context: RunContext, deltas: Iterator[Delta]) -> Generation:
    with released_connection(), closing(deltas):  # type: ignore[type-var]  # a generator, which has close()
        try:
            for delta in deltas:
                if delta.final is not None:
                    context.flush()
                    context.raise_if_stopped()
                    return delta.final
                if not context.has_begun:
                    context.begin_draft(model=delta.model, is_fallback=delta.is_fallback)
                context.write(delta.text)
        except LlmError:
            context.flush()  # the reader has what the engine said before it broke off
            raise
    raise RuntimeError("a stream of the llm room ended without its final delta")
