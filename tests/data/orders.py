"""Orders: a table of numbers and categories, and whether an order comes back.

    python -m tests.data.orders FOLDER

writes FOLDER/orders.csv, the data of configs/orders.yaml: always the same bytes.

One order in eight comes back. Whether it does depends on what the product is like and on what
people of the country are like (each has two hidden traits, and what counts is how they go
together: neither tells much alone), a little on the price and on the days until it arrived. Three
of the sixty products are so rare that most parts have none of them.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NAME = "orders.csv"
ROWS = 8000
SHARE = 0.125
"""Of the orders that come back."""


def orders(rows: int = ROWS, seed: int = 11) -> list[list[str]]:
    """The table with its names in the first line."""
    rng = np.random.Generator(np.random.PCG64(seed))
    products = np.array([f"P{number:03}" for number in range(60)])
    countries = np.array("at be ch cz de dk es fi fr it nl no pl pt se uk".split())  # noqa: SIM905
    channels = np.array(["app", "phone", "shop", "web"])
    common = np.r_[np.full(57, 1.0), np.full(3, 0.01)]
    product = rng.choice(60, rows, p=common / common.sum())
    country = rng.integers(0, len(countries), rows)
    channel = rng.choice(4, rows, p=[0.3, 0.05, 0.15, 0.5])
    price = np.exp(rng.normal(3.5, 0.7, rows))
    days = rng.integers(1, 15, rows)
    items = rng.integers(1, 6, rows)
    like, are = rng.normal(size=(60, 2)), rng.normal(size=(len(countries), 2))
    together = (like[product] * are[country]).sum(axis=1)
    score = 2.0 * together + 0.4 * np.log(price) + 0.12 * days + 0.5 * rng.normal(size=rows)
    back = score >= np.quantile(score, 1 - SHARE)
    lines = [["product", "country", "channel", "price", "days", "items", "returned"]]
    for row in range(rows):
        lines.append(
            [
                products[product[row]],
                countries[country[row]],
                channels[channel[row]],
                f"{price[row]:.2f}",
                str(days[row]),
                str(items[row]),
                "yes" if back[row] else "no",
            ]
        )
    return lines


def write_orders(folder: Path) -> Path:
    """Write the table; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    text = "".join(",".join(line) + "\n" for line in orders())
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


if __name__ == "__main__":
    print(write_orders(Path(sys.argv[1])))
