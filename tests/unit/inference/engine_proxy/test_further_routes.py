"""What passes to a further model: what its purpose allows, below its own prefix, in one spelling."""

import pytest

from inference.engine_proxy.routing import ROUTES, build_routes, find_route, read_further
from inference.serving.argv import FurtherUpstream

CODER = FurtherUpstream("coder", "generation", "http://127.0.0.1:8411")
EMBEDS = FurtherUpstream("embeds", "embedding", "http://127.0.0.1:8412")
RANKS = FurtherUpstream("ranks", "reranking", "http://127.0.0.1:8413")
PASSING = build_routes([CODER, EMBEDS, RANKS])


def test_these_and_no_others_pass() -> None:
    added = {request: (route.target, route.path) for request, route in PASSING.items() if request not in ROUTES}
    assert added == {
        ("POST", "/engines/coder/v1/chat/completions"): ("engine-coder", "/v1/chat/completions"),
        ("POST", "/engines/coder/v1/completions"): ("engine-coder", "/v1/completions"),
        ("GET", "/engines/coder/v1/models"): ("engine-coder", "/v1/models"),
        ("POST", "/engines/embeds/v1/embeddings"): ("engine-embeds", "/v1/embeddings"),
        ("GET", "/engines/embeds/v1/models"): ("engine-embeds", "/v1/models"),
        ("POST", "/engines/ranks/v1/rerank"): ("engine-ranks", "/v1/rerank"),
        ("POST", "/engines/ranks/v1/score"): ("engine-ranks", "/v1/score"),
        ("GET", "/engines/ranks/v1/models"): ("engine-ranks", "/v1/models"),
    }


@pytest.mark.parametrize(
    "path",
    [
        "/engines/embeds/v1/chat/completions", "/engines/ranks/v1/embeddings", "/engines/coder/v1/embeddings",
        "/engines/other/v1/models", "/engines/coder/metrics", "/engines/coder/health", "/engines/coder/v1/rerank",
        "/engines/coder", "/engines/", "/engines/coder//v1/models", "/engines/coder/../embeds/v1/models",
        "/engines/coder/v1/models?x=1", "/engines/Coder/v1/models", "/engines/cod%65r/v1/models",
        "/engines/coder/v1/models/", "/engines/ranks/rerank", "/engines/coder/v1/load_lora_adapter",
        "/engines/embeds/pooling",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_everything_else_is_refused(method: str, path: str) -> None:
    assert find_route(method, path, PASSING) is None


def test_without_further_models_nothing_is_added() -> None:
    assert build_routes() == ROUTES


@pytest.mark.parametrize("word", ["coder", "Coder=generation=http://h", "coder=painting=http://h", "coder=embedding=h"])
def test_word_that_names_no_further_model_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is not NAME=PURPOSE=URL"):
        read_further(word)


def test_word_of_the_command_line_is_read_as_it_was_written() -> None:
    assert read_further(CODER.word) == CODER
