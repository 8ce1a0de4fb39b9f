"""Try drawn configs: `python -m tests.drawn SEED`, or `--from 0 --count 2000 --processes 2`.

Exit 1 where any of them breaks a law; each is told with its seed and its YAML.
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.drawn.drawing import draw
from tests.drawn.laws import Outcome, tried_alone
from tests.drawn.words import NOT_DRAWN, every_word


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.drawn", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="try this one and show its YAML")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--processes", type=int, default=1, help="how many at the same time")
    parser.add_argument("--write", type=Path, help="only write the config and its files there")
    parser.add_argument("--words", action="store_true", help="say how often each word was drawn")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        chosen.first, chosen.count = chosen.seed, 1
        print(draw(chosen.seed).text)
        if chosen.write is not None:
            print(draw(chosen.seed).write(chosen.write))
            return 0
    seeds = range(chosen.first, chosen.first + chosen.count)
    total = Outcome()
    started = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=started) as pool:
        for outcome in pool.map(tried_alone, seeds):
            total.add(outcome)
            for text in outcome.differing.values():
                print(text, flush=True)
            for seed, text in outcome.refused.items():
                print(f"seed {seed} is refused: {text}", flush=True)
            if total.seeds % 100 == 0:
                print(total.describe(), file=sys.stderr, flush=True)
    if chosen.words:
        for word in sorted(every_word() - set(NOT_DRAWN)):
            print(f"{total.words[word]:>7,}  {word}")
    print(total.describe())
    return 1 if total.differing else 0


if __name__ == "__main__":
    sys.exit(main())
