"""Passages are exact spans of the text, small enough for the embedder, and lose no word."""

import random
import re
from itertools import pairwise

import pytest

from webapp.knowledge.chunking import MOST_WORDS, WINDOW_PIECES, ChunkSpan, count_pieces, cut, shorten_path
from webapp.knowledge.parsing.building import TextBuilder
from webapp.knowledge.parsing.types import ParsedDocument

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank today. "


def chunk(parsed: ParsedDocument) -> list[ChunkSpan]:
    return cut(parsed.text, parsed.blocks)


def make_random_document(seed: int) -> ParsedDocument:
    """Headings, pages, lists, endless words, odd scripts and punctuation, by a seed."""
    source = random.Random(seed)  # noqa: S311 - a reproducible document
    builder = TextBuilder()
    pages = source.choice([None, 1])
    for _ in range(source.randint(1, 40)):
        choice = source.random()
        if choice < 0.2:
            builder.add_heading(" ".join(_words(source, 1, 30)), source.randint(1, 4), page=pages)
        elif choice < 0.3:
            builder.add("- " + " ".join(_words(source, 1, 15)), kind="list", page=pages)
        else:
            text = " ".join(
                " ".join(_words(source, 1, 60)) + source.choice([". ", "! ", "? ", "\n", "。", ", "])
                for _ in range(source.randint(1, 20))
            )
            builder.add(text, page=pages)
        if pages and source.random() < 0.3:
            pages += 1
    builder.add("End.", page=pages)
    return builder.finish()


def _words(source: random.Random, least: int, most: int) -> list[str]:
    kinds = [
        "fox",
        "internationalisation",
        "日本語の文章",
        "3.14159265358979",
        "x" * 900,
        "naïve",
        "e.g.",
        "🙂",
        "\x00a",
        "…",
    ]
    weights = [40, 8, 2, 4, 1, 4, 4, 1, 1, 2]
    return source.choices(kinds, weights, k=source.randint(least, most))


@pytest.mark.parametrize("seed", range(60))
def test_chunks_are_exact_small_and_complete(seed: int) -> None:
    parsed = make_random_document(seed)
    chunks = chunk(parsed)
    covered = bytearray(len(parsed.text))
    for part in chunks:
        assert parsed.text[part.start : part.end] == part.text != ""
        assert part.text == part.text.strip()
        assert len(part.text.split()) <= MOST_WORDS
        # The parts of an endless word count for a little more where they meet again.
        assert count_pieces(part.embedding_text) + 2 <= WINDOW_PIECES + 16
        covered[part.start : part.end] = b"\x01" * (part.end - part.start)
    assert all(left.start < right.start and left.end <= right.end for left, right in pairwise(chunks))
    missed = "".join(letter for letter, seen in zip(parsed.text, covered, strict=True) if not seen)
    assert missed.strip() == ""


def test_neighbors_overlap_by_whole_sentences() -> None:
    builder = TextBuilder()
    builder.add(" ".join(f"Sentence number {n} says something plain about the fox." for n in range(80)))
    first, second, *_ = chunk(builder.finish())
    overlap = first.text[second.start - first.start :]
    assert second.text.startswith(overlap)
    assert re.fullmatch(r"(Sentence number \d+ says something plain about the fox\. ?)+", overlap)
    assert len(overlap.split()) <= 40


def test_pages_are_not_crossed_unless_tiny() -> None:
    builder = TextBuilder()
    builder.add(SENTENCE * 4, page=1)
    builder.add("A short page.", page=2)
    builder.add(SENTENCE * 4, page=3)
    assert [(part.page_start, part.page_end) for part in chunk(builder.finish())] == [(1, 1), (2, 3)]


def test_top_level_headings_part_chunks_and_lower_ones_do_when_there_is_enough() -> None:
    builder = TextBuilder()
    for heading, level in (("One", 1), ("One a", 2), ("One b", 2), ("Two", 1)):
        builder.add_heading(heading, level)
        builder.add(SENTENCE * 3)
    chunks = chunk(builder.finish())
    assert [part.headings for part in chunks] == [("One",), ("One", "One b"), ("Two",)]
    assert chunks[1].embedding_text.startswith("One > One b\nOne b\n\nThe quick")


def test_long_paths_keep_their_end() -> None:
    path = shorten_path(["word " * 80, "Near", "Nearest"])
    assert path == "Near > Nearest"


def test_text_without_spaces_is_cut() -> None:
    builder = TextBuilder()
    builder.add("あ" * 3000)
    chunks = chunk(builder.finish())
    assert "".join(part.text for part in chunks) == "あ" * 3000


@pytest.mark.parametrize("unit", [".", "a. ", "!? ", "B. ", "(", "\"' "])
def test_hostile_punctuation_is_cut_in_linear_time(unit: str) -> None:
    """Were it quadratic, this would run into the tests' time limit."""
    builder = TextBuilder()
    builder.add_heading("A heading", 1)
    builder.add(unit * 300_000)
    parsed = builder.finish()
    assert chunk(parsed)[-1].end == len(parsed.text)
