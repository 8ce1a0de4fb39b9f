"""Words that several rooms say to people."""


def counted(count: int, noun: str, many: str | None = None) -> str:
    """A number with what it counts; many: the noun of more than one, where that is not an s longer.

    >>> counted(1, "epoch"), counted(1024, "row"), counted(0, "batch", "batches")
    ('1 epoch', '1,024 rows', '0 batches')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
