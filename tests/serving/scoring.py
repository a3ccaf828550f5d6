"""Score answers in the inference environment, where the libraries are: cases as JSON in, verdicts as JSON out."""

import json
import sys
import time

from inference.comparing.errors import QuestionsError
from inference.comparing.questions import read_questions
from inference.comparing.scorers import passes, require_schemas


def main() -> None:
    verdicts = []
    for case in json.load(sys.stdin):
        (question,) = read_questions(json.dumps(case["question"]))
        started = time.monotonic()
        try:
            require_schemas([question])
            verdict: object = passes(question, case["answer"])
        except QuestionsError as error:
            verdict = error.problems[0]
        verdicts.append({"verdict": verdict, "seconds": time.monotonic() - started})
    json.dump(verdicts, sys.stdout)


if __name__ == "__main__":
    main()
