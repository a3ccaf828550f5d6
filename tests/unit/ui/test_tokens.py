"""Text and marks have enough contrast in the light and in the dark scheme (WCAG 2.2 AA)."""

import re
from pathlib import Path

import pytest

import webapp.ui

TOKENS = (Path(webapp.ui.__file__).parent / "static" / "ui" / "tokens.css").read_text(encoding="utf-8")
TEXT, MARK = 4.5, 3.0
PAIRS = [
    ("text", "page", TEXT),
    ("text", "surface", TEXT),
    ("text-quiet", "page", TEXT),
    ("text-quiet", "surface", TEXT),
    ("text-quiet", "sunken", TEXT),
    ("mark-text", "mark", TEXT),
    ("accent-text", "accent", TEXT),
    ("accent", "page", TEXT),
    ("line-strong", "surface", MARK),
    *((f"series-{number}", "surface", MARK) for number in range(1, 5)),
    *((name, f"{name}-soft", TEXT) for name in ("good", "warning", "bad", "information")),
    *(("text", f"{name}-soft", TEXT) for name in ("good", "warning", "bad", "information")),
]


def color(name: str, scheme: int) -> str:
    if name == "accent":
        name = ("brand-light", "brand-dark")[scheme]
        match = re.search(rf"--{name}: (#\w{{6}});", TOKENS)
        assert match
        return match.group(1)
    match = re.search(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\);", TOKENS)
    assert match, name
    return match.group(scheme + 1)


def luminance(value: str) -> float:
    channels = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast_is_sufficient(front: str, back: str, least: float, scheme: int) -> None:
    light, dark = sorted((luminance(color(front, scheme)), luminance(color(back, scheme))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least
