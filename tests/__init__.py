"""The tests. NumPy must not be loaded before dlcli has chosen its numerics, here as anywhere."""

import dlcli  # noqa: F401
