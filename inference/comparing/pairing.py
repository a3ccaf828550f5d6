"""Two models asked the same questions: the paired table, and how far their pass rates may really lie apart. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

CONFIDENCE = 0.95
Z = 1.959963984540054  # the standard normal's quantile at 1 - (1 - CONFIDENCE) / 2
SMALL = 100
METHOD = "Newcombe 1998, method 10 (square-and-add of Wilson intervals, for paired data)"


@dataclass(frozen=True)
class Paired:
    """How many questions both passed, only one of them, neither."""

    both: int
    only_parent: int
    only_child: int
    neither: int

    @property
    def questions(self) -> int:
        return self.both + self.only_parent + self.only_child + self.neither

    @property
    def parent_rate(self) -> float:
        return (self.both + self.only_parent) / self.questions

    @property
    def child_rate(self) -> float:
        return (self.both + self.only_child) / self.questions

    @property
    def difference(self) -> float:
        """Child less parent: below zero is a loss."""
        return (self.only_child - self.only_parent) / self.questions


def pair(parent: Sequence[bool], child: Sequence[bool]) -> Paired:
    """Both in the order of the questions."""
    both = list(zip(parent, child, strict=True))
    return Paired(both.count((True, True)), both.count((True, False)), both.count((False, True)),
                  both.count((False, False)))  # fmt: skip


def compute_wilson(passed: int, questions: int, *, z: float = Z) -> tuple[float, float]:
    """The score interval of one proportion (E. B. Wilson, JASA 22, 1927, 209-212)."""
    rate, square = passed / questions, z * z / questions
    centre = rate + square / 2
    spread = z * math.sqrt(rate * (1 - rate) / questions + square / (4 * questions))
    return max(0.0, (centre - spread) / (1 + square)), min(1.0, (centre + spread) / (1 + square))


def compute_interval(paired: Paired, *, z: float = Z) -> tuple[float, float]:
    """The interval of child rate less parent rate; both ends lie within -1 and 1.

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17 (1998) 2635-2650, method 10: the Wilson interval of each rate, put together with
    the correlation phi of the two, whose numerator is corrected for continuity. It stays sensible where few or no
    questions tell the two apart, where the interval from the standard error alone shrinks to a point.
    """
    n, child, parent = paired.questions, paired.child_rate, paired.parent_rate
    low_child, high_child = compute_wilson(paired.both + paired.only_child, n, z=z)
    low_parent, high_parent = compute_wilson(paired.both + paired.only_parent, n, z=z)
    phi = compute_phi(paired)
    down = _add(child - low_child, high_parent - parent, phi)
    up = _add(high_child - child, parent - low_parent, phi)
    return max(-1.0, paired.difference - down), min(1.0, paired.difference + up)


def compute_phi(paired: Paired) -> float:
    """Newcombe's correlation: 0 where a margin is empty; n/2 is taken from a positive numerator, to no less than 0."""
    a, b, c, d = paired.both, paired.only_child, paired.only_parent, paired.neither
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    numerator = float(a * d - b * c)
    if numerator > 0:
        numerator = max(numerator - paired.questions / 2, 0.0)
    return numerator / math.sqrt(margins)


def compute_p_value(paired: Paired) -> float:
    """McNemar's exact test, two-sided: of the questions that tell the two apart, each is as likely to fall to either
    (Q. McNemar, Psychometrika 12, 1947, 153-157; exact as the binomial's two tails)."""
    apart, fewer = paired.only_parent + paired.only_child, min(paired.only_parent, paired.only_child)
    ways = sum(math.comb(apart, each) for each in range(fewer + 1))
    return min(1.0, float(Fraction(2 * ways, 2**apart)))


def describe(paired: Paired) -> str:
    """One sentence: what the interval allows to say, and no more."""
    low, high = compute_interval(paired)
    if high < 0:
        found = "The child passes fewer questions; chance alone is no likely cause."
    elif low > 0:
        found = "The child passes more questions; chance alone is no likely cause."
    else:
        most = 100 * max(0.0, -low)
        found = (
            f"No difference is shown: with {100 * CONFIDENCE:.0f} % confidence the loss is at most {most:.1f} points."
        )
    if paired.questions < SMALL:
        found += f" {paired.questions} questions are a small sample; only large losses would show."
    return found


def _add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first * first - 2 * phi * first * second + second * second))
