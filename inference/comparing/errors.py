"""Why two models are not compared, each with the thing, the reason and what to do."""


class CompareError(Exception):
    """The comparison cannot be made; nothing was kept, and nothing is left running."""


class QuestionsError(CompareError):
    """The file of questions is wrong: correct the lines that are named."""

    SHOWN = 20

    def __init__(self, problems: list[str]) -> None:
        more = f"\n  and {len(problems) - self.SHOWN} more" if len(problems) > self.SHOWN else ""
        super().__init__(
            "The questions cannot be asked:\n" + "\n".join(f"  {it}" for it in problems[: self.SHOWN]) + more
        )
        self.problems = problems


class TextError(CompareError):
    """The text cannot be used to measure perplexity."""


class MemoryTooLittleError(CompareError):
    """There is no room for another engine beside what runs: stop the appliance, or compare smaller models."""


class EngineDidNotStartError(CompareError):
    """The temporary engine ended, or its time was up, before it was ready; the message ends with its log."""


class EngineGoneError(CompareError):
    """The temporary engine stopped answering in the middle of the comparison."""


class EngineRefusedError(CompareError):
    """The engine answered a request with an error, in its own words."""
