"""Answers as a Parquet file, by Arrow (extra `arrow`), some rows at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from dlcli.errors import UsageError


class _Sink:
    """Keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: Any) -> int:
        """As files do."""
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._held)
        self._held.clear()
        return data


def parquet_pieces(header: Sequence[str], lines: Iterator[list[list[Any]]]) -> Iterator[bytes]:
    """The bytes of a file with these columns; UsageError without Arrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        hint = "pip install 'dlcli[arrow]'"
        raise UsageError(
            "Parquet is written by the package pyarrow, which is not installed: "
            f"`{hint}` installs it",
            hint=hint,
        ) from None
    sink, writer = _Sink(), None
    for some in lines:
        columns = list(zip(*some, strict=True))
        table = pyarrow.table([pyarrow.array(list(column)) for column in columns], list(header))
        if writer is None:
            writer = parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), table.schema)
        writer.write_table(table)
        yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()
