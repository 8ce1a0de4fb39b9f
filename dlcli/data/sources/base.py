"""What a source is: where rows come from."""

from abc import ABC, abstractmethod

from dlcli.data.dataset import Declared, Raw
from dlcli.data.places import Places


class Source(ABC):
    """A frozen dataclass of choices that names where rows come from.

    Its fields and their defaults are those of the config; paths are looked for in `places`.
    `positive_class`, where a source has it, is applied to what it brings by `positive.py`.
    """

    @abstractmethod
    def load(self, places: Places, seed: int) -> Raw:
        """The rows, checked. DataError for data that is missing or malformed; UsageError for
        options that do not fit it. Only generated sources draw with `seed`."""

    @abstractmethod
    def declare(self, places: Places) -> Declared:
        """What is known without reading rows: from constants, or from the headers of files."""
