"""Small files of every format, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dlcli.data import Places
from dlcli.data.dataset import Array

NUMBERS = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(data=tmp_path)


def idx_bytes(array: Array) -> bytes:
    """An array as an IDX file."""
    kind = NUMBERS[array.dtype.str[1:]]
    lengths = np.array(array.shape, ">u4").tobytes()
    return (
        bytes([0, 0, kind, array.ndim])
        + lengths
        + array.astype(f">{array.dtype.str[1:]}").tobytes()
    )


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., str]:
    def write(text: str | bytes, name: str = "t.csv") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write
