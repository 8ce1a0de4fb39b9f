"""Try drawn configs: `python -m tests.drawn SEED`, or `--from 0 --count 2000 --processes 2`.

Exit 1 where any of them breaks a law; each is told with its seed and its YAML.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from pathlib import Path

from tests.drawn.drawing import draw
from tests.drawn.laws import Outcome, tried_alone
from tests.drawn.words import NOT_DRAWN, every_word


def arguments() -> argparse.Namespace:
    """What the person wants."""
    parser = argparse.ArgumentParser(prog="python -m tests.drawn", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="try this one and show its YAML")
    parser.add_argument("--write", type=Path, help="only write its YAML and its files there")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--every", type=int, default=1, help="from one seed to the next")
    parser.add_argument("--count", type=int, default=1, help="how many seeds, at least")
    parser.add_argument("--minutes", type=float, help="and more of them for so long")
    parser.add_argument("--processes", type=int, default=1, help="how many at the same time")
    parser.add_argument("--words", action="store_true", help="say how often each word was drawn")
    chosen = parser.parse_args()
    if chosen.minutes is not None and chosen.processes > 1:
        parser.error("--minutes is for one process")
    return chosen


def outcomes(chosen: argparse.Namespace) -> Iterator[Outcome]:
    """One after the other, in the order of the seeds."""
    seeds = count(chosen.first, chosen.every)
    if chosen.processes > 1:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(chosen.processes, mp_context=spawn) as pool:
            yield from pool.map(tried_alone, islice(seeds, chosen.count))
        return
    until = time.monotonic() + 60.0 * (chosen.minutes or 0.0)
    for number, seed in enumerate(seeds):
        if number >= chosen.count and time.monotonic() >= until:
            return
        yield tried_alone(seed)


def main() -> int:
    """The exit code."""
    chosen = arguments()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # nothing is left of what is decoded
        return _tried(chosen)


def _tried(chosen: argparse.Namespace) -> int:
    if chosen.seed is not None:
        chosen.first, chosen.count = chosen.seed, 1
        print(draw(chosen.seed).text)
        if chosen.write is not None:
            print(draw(chosen.seed).write(chosen.write))
            return 0
    total = Outcome()
    for outcome in outcomes(chosen):
        total.add(outcome)
        for text in outcome.differing.values():
            print(text, flush=True)
        for seed, text in outcome.refused.items():
            print(f"seed {seed} is refused: {text}", flush=True)
        if total.seeds % 100 == 0:
            print(total.describe(), file=sys.stderr, flush=True)
    if chosen.words:
        for word in sorted(every_word() - NOT_DRAWN.keys()):
            print(f"{total.words[word]:>7,}  {word}")
    print(total.describe())
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())
