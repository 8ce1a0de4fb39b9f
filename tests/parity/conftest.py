"""Nothing here is looked at unless it is asked for: `pytest -m parity`."""

import os
from pathlib import Path

import pytest

os.environ["KERAS_BACKEND"] = "torch"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whoever has not asked need not have Keras and PyTorch."""
    return True if config.getoption("markexpr") != "parity" else None
