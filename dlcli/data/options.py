"""Options of the config that do not fit the data, with the place where they stand.

Data knows nothing of files of YAML; whoever has read one makes an error with its line of these.
"""

from dlcli.errors import UsageError


class OptionError(UsageError):
    """An option that does not fit the data; `at` is its place in the config, below `data`."""

    def __init__(self, at: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.at = at
