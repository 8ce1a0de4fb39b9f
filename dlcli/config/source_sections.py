"""What the configs of sources are made of: names of files, columns and classes."""

from typing import Annotated, Any

from dlcli.config.base import Section
from dlcli.config.values import Listing, Text, wrong_value
from dlcli.config.wording import instead

FileName = Annotated[str, Text("the name of a file")]


class _OrWhole(Text):
    """Text, or a whole number that stands for its digits."""

    def json_schema(self) -> dict[str, Any]:
        whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
        return {"anyOf": [super().json_schema(), whole]}


class _ColumnName(_OrWhole):
    """The name of a column; one of digits, as programs number columns, needs no quotes."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return super().__call__(str(value))
        if value is None or isinstance(value, bool | float):
            word = instead(value).removeprefix(",").strip()
            raise wrong_value(
                f"must be {self.what}, {word} (a name that YAML reads in another way is written in "
                'quotes, as the file has it: "true", "1e3", "null")'
            )
        return super().__call__(value)


COLUMN = _ColumnName("the name of a column", longest=1000)
Name = Annotated[str, COLUMN]
Names = Annotated[tuple[Name, ...], Listing(most=100_000, least=1, unique=True)]


class _ClassName(_OrWhole):
    """The name of a class; a label that is a whole number is named by its digits."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, bool):
            word = str(value)
            raise wrong_value(
                f"must be the name of a class, not the boolean `{word.lower()}` (write it in "
                f'quotes and as the data has it, such as "{word}")'
            )
        if isinstance(value, float):
            raise wrong_value(
                f"must be the name of a class, not {value} (a label is text or a whole number)"
            )
        return super().__call__(str(value) if isinstance(value, int) else value)


CLASS_NAME = _ClassName("the name of a class", longest=1000)
PositiveClass = Annotated[str, CLASS_NAME] | None


class SourceModel(Section):
    """What all sources have."""

    def brings_test(self) -> bool | None:
        """Whether the source has a test part of its own; None where only the file can say."""
        return False

    def brings_validation(self) -> bool | None:
        """As `brings_test`, for a validation part."""
        return False
