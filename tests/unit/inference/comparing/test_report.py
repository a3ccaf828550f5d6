"""What a comparison says, and what it refuses to say."""

import hashlib

import pytest

from inference.comparing.contender import require_distinct
from inference.comparing.engine import build_chat
from inference.comparing.errors import CompareError, TextError
from inference.comparing.measuring import choose_window
from inference.comparing.questions import Question
from inference.comparing.request import Named, Request
from inference.registry.comparison import build_rows
from tests.unit.inference.comparing import authored


def test_report_has_both_models_their_files_and_what_was_measured_with() -> None:
    report = authored.build()
    assert report["schema_version"] == 1
    assert (report["parent"]["reference"], report["child"]["reference"]) == ("Qwen/Qwen3-8B@main", "Qwen3-8B-W4A16@123")
    assert report["child"]["manifest_sha256"] == "c" * 64
    assert report["perplexity"]["text_sha256"] == hashlib.sha256(b"A text.").hexdigest()
    assert report["questions"]["questions_sha256"] == hashlib.sha256(authored.QUESTIONS.encode()).hexdigest()
    assert (report["machine"]["device"], report["versions"]) == ("1 x NVIDIA L40S", {"vllm": "0.32.0"})


def test_report_pairs_the_answers_and_names_those_that_changed() -> None:
    asked = authored.build()["questions"]
    assert [asked[key] for key in ("both", "only_parent", "only_child", "neither")] == [2, 1, 0, 1]
    assert asked["difference"] == -0.25
    assert asked["interval"][0] < -0.25 < asked["interval"][1]
    assert asked["small_sample"]
    assert asked["changed"] == [{"id": "1", "parent": True, "child": False}]
    assert asked["cut_short"] == {"parent": 1, "child": 1}


def test_rows_put_parent_and_child_beside_each_other() -> None:
    rows = {row[0]: row[1:] for row in build_rows(authored.build())}
    assert rows["Weights on disk"] == ("14.90 GiB", "4.66 GiB", "0.31 x")
    assert rows["Perplexity"] == ("10.0000", "11.0000", "1.1000 x")
    assert rows["Questions passed"][:2] == ("75.0%", "50.0%")
    assert rows["Questions passed"][2].startswith("-25.0 points (")
    assert rows["Tokens a second"] == ("50.0 (49.0 to 51.0)", "100.0 (99.0 to 101.0)", "2.00 x")
    assert rows["First token"][0] == "200.0 ms (100.0 to 300.0)"


def test_perplexities_of_different_tokens_are_not_compared() -> None:
    found = authored.build(tokens=(1, 2, 4))["perplexity"]
    assert not found["comparable"]
    assert (found["parent"], found["child"], found["ratio"]) == (None, None, None)
    assert (
        "The tokenizers differ: 3 tokens of the parent's, 3 of the child's; they part at token 3." in found["problem"]
    )
    assert {row[0]: row[1:] for row in build_rows(authored.build(tokens=(1, 2)))}["Perplexity"][0] == "not compared"


def test_infinite_perplexity_is_not_compared() -> None:
    found = authored.build(child_perplexity=None)["perplexity"]
    assert (found["comparable"], found["ratio"]) == (False, None)
    assert "infinite" in found["problem"]


def test_model_is_not_compared_with_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("model")
    same = Named(reference="m", path=folder)
    with pytest.raises(CompareError, match="compared with itself"):
        require_distinct(same, Named(reference="other name", path=folder / ".." / folder.name))
    require_distinct(same, Named(reference="m", path=folder, quantization="bitsandbytes"))


def test_window_is_the_same_for_both_and_leaves_room_for_a_token() -> None:
    names = ("models_dir", "folder", "root", "text_file", "questions_file")
    request = Request.model_validate(
        {
            "parent": {"reference": "p", "path": "p"},
            "child": {"reference": "c", "path": "c"},
            **dict.fromkeys(names, "x"),
        }
    )
    assert choose_window(request, [4096, None]) == 2048
    assert choose_window(request, [4096, 512]) == 511
    with pytest.raises(TextError):
        choose_window(request, [2, 4096])


def test_question_is_asked_greedily_and_held_to_its_form_only_when_it_says_so() -> None:
    schema = {"type": "object"}
    free = Question("a", 1, (("user", "?"),), "json_schema", schema)
    assert build_chat("m", free) == {
        "model": "m", "messages": [{"role": "user", "content": "?"}], "temperature": 0, "seed": 0, "max_tokens": 256,
    }  # fmt: skip
    held = Question("a", 1, (("user", "?"),), "json_schema", schema, structured=True)
    assert build_chat("m", held)["response_format"]["json_schema"]["schema"] == schema
    chosen = Question("a", 1, (("user", "?"),), "choice", "A", choices=("A", "B"), structured=True)
    assert build_chat("m", chosen)["structured_outputs"] == {"choice": ["A", "B"]}
