"""What a source is: where rows come from."""

from abc import ABC, abstractmethod

from dlcli.data.dataset import Declared, Raw, Sampled
from dlcli.data.options import OptionError
from dlcli.data.places import Places

FEW_BYTES = 1 << 23
"""Files up to this size are read as a whole to be looked at."""


class Source(ABC):
    """A frozen dataclass of choices that names where rows come from.

    Its fields and their defaults are those of the config; paths are looked for in `places`.
    `positive_class`, where a source has it, is applied to what it brings by `positive.py`.
    """

    def with_keys(self, keys: tuple[str, ...]) -> "Source":
        """The same, which also brings these columns, to split the rows by them: `Table.keys`."""
        if keys:
            raise OptionError(
                ("split", "column"),
                "only the rows of a table with named columns can be split by a column; those of "
                "this source can be split at random, or in their order",
            )
        return self

    @abstractmethod
    def load(self, places: Places, seed: int) -> Raw:
        """The rows, checked: each part by `checks.make_table`, several by `alike.check_alike`.

        DataError for data that is missing or malformed; UsageError for options that do not fit
        it. Files are opened by formats/stored.py alone; only generated sources draw with `seed`.
        """

    def sample(self, places: Places, seed: int) -> Sampled | str:
        """The first rows, or all where they are few, checked as `load` does; or what is not looked
        at, for a source that is only read as a whole. All files must be there."""
        return Sampled(self.load(places, seed))

    @abstractmethod
    def declare(self, places: Places) -> Declared:
        """What is known without reading rows: from constants, or from the headers of files."""
