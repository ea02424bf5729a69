"""Balanced accuracy of `review_polarity` on labelled reviews.

    python -m tests.benchmarks.polarity --zh PATH     # PATH: a CSV, gzipped or not, with columns label and text

English: every sentence of tests/data/polarity_en.jsonl. Chinese: `SAMPLE` rows drawn with `SEED`. A score above zero
reads as good and everything else as bad: praise is said with words of praise, while a complaint is often a plain
account of what went wrong, so a review without any opinion word counts as a complaint. The rule was set before the
first measurement.
"""

import argparse
import csv
import gzip
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from endcap.text.sentiment import review_polarity

ENGLISH = Path(__file__).parents[1] / "data" / "polarity_en.jsonl"
SAMPLE = 2000
SEED = 7


@dataclass(frozen=True)
class Confusion:
    """Counts of labelled reviews by what they were read as."""

    good_as_good: int
    good_as_bad: int
    bad_as_bad: int
    bad_as_good: int
    ties: int  # scores of exactly zero; they are among the reviews read as bad

    @property
    def n(self) -> int:
        return self.good_as_good + self.good_as_bad + self.bad_as_bad + self.bad_as_good

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the shares of good and of bad reviews that were read right."""
        good = self.good_as_good / (self.good_as_good + self.good_as_bad)
        bad = self.bad_as_bad / (self.bad_as_bad + self.bad_as_good)
        return (good + bad) / 2


def measure(rows: Iterable[tuple[str, int]]) -> Confusion:
    """Score (text, label) rows, label 1 good and 0 bad."""
    counts = {(1, True): 0, (1, False): 0, (0, True): 0, (0, False): 0}
    ties = 0
    for text, label in rows:
        score = review_polarity(text)
        counts[label, score > 0.0] += 1
        ties += score == 0.0
    return Confusion(counts[1, True], counts[1, False], counts[0, False], counts[0, True], ties)


def english_rows() -> list[tuple[str, int]]:
    """The project's own English sentences."""
    lines = ENGLISH.read_text(encoding="utf-8").splitlines()
    return [(row["text"], row["label"]) for row in map(json.loads, lines)]


def sampled_rows(path: Path, n: int = SAMPLE, seed: int = SEED) -> list[tuple[str, int]]:
    """`n` random rows of a CSV with the columns label and text, the same ones for the same seed."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(lines)]
    return random.Random(seed).sample(rows, min(n, len(rows)))


def _report(name: str, seed: int | None, confusion: Confusion) -> None:
    drawn = "all rows" if seed is None else f"seed {seed}"
    print(f"{name}: balanced accuracy {confusion.balanced_accuracy:.4f}, n {confusion.n}, {drawn}")
    print(f"  good: {confusion.good_as_good} read as good, {confusion.good_as_bad} as bad")
    print(f"  bad:  {confusion.bad_as_bad} read as bad, {confusion.bad_as_good} as good")
    print(f"  ties (score 0, read as bad): {confusion.ties}")


def main() -> None:
    """Print the figure for the English sentences and, given a file, for sampled Chinese reviews."""
    parser = argparse.ArgumentParser(description="Balanced accuracy of review_polarity")
    parser.add_argument("--zh", type=Path, metavar="PATH", help="CSV of Chinese reviews with columns label and text")
    arguments = parser.parse_args()
    _report("English", None, measure(english_rows()))
    if arguments.zh is not None:
        _report("Chinese", SEED, measure(sampled_rows(arguments.zh)))


if __name__ == "__main__":
    main()
