"""A regression problem that is drawn, not read."""

from dataclasses import replace

import numpy as np

from dlcli.data.dataset import Column, Declared, Raw, Role, Sampled, Table
from dlcli.data.places import Places
from dlcli.data.sources.base import Source
from dlcli.errors import UsageError
from dlcli.frozen import frozen
from dlcli.randomness import Stream

_FEW = 10_000
"""Rows that are drawn to be looked at."""


@frozen
class Friedman1(Source):
    """Friedman's first problem:

        y = 10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5 + noise e

    with every x uniform in [0, 1) and e standard normal; the columns after the fifth say
    nothing about y. All in float32, so the bits are the same on every machine.

    Sources: J. Friedman, "Multivariate adaptive regression splines", Annals of Statistics 19,
    1991; L. Breiman, "Bagging predictors", Machine Learning 24, 1996.
    """

    samples: int = 2000
    noise: float = 1.0
    features: int = 10

    def load(self, places: Places, seed: int) -> Raw:
        self._check()
        drawn = Stream(seed, "friedman1", "features").uniform(self.samples * self.features)
        x = drawn.reshape(self.samples, self.features)
        x1, x2, x3, x4, x5 = (np.ascontiguousarray(x[:, j]) for j in range(5))
        f = np.float32
        centred = x3 - f(0.5)
        y = f(10.0) * np.sin(f(np.pi) * x1 * x2) + f(20.0) * (centred * centred)
        y = y + f(10.0) * x4 + f(5.0) * x5
        y = y + f(self.noise) * Stream(seed, "friedman1", "noise").normal(self.samples)
        return Raw({"all": Table(x, y.astype(np.float64))}, columns=self._columns())

    def sample(self, places: Places, seed: int) -> Sampled | str:
        few = replace(self, samples=min(self.samples, _FEW))
        unread = () if few == self else (f"The rows behind the first {_FEW:,}.",)
        return Sampled(few.load(places, seed), unread)

    def declare(self, places: Places) -> Declared:
        self._check()
        rows: dict[Role, int | None] = {"all": self.samples}
        return Declared((self.features,), rows, target="numbers", columns=self._columns())

    def _columns(self) -> tuple[Column, ...]:
        return tuple(Column(f"x{j + 1}") for j in range(self.features))

    def _check(self) -> None:
        if self.samples < 1 or self.features < 5 or not 0.0 <= self.noise < 1e30:
            raise UsageError(
                "friedman1 needs at least 1 sample, at least 5 features and a finite noise >= 0; "
                f"given are samples {self.samples}, features {self.features}, noise {self.noise}."
            )
