"""The machine's own rate of matrix products, as one core of it gives it under dlcli's pins.

As many of these jobs run at once as there are cores, so the sum of their rates is what a
training could reach at most if it were nothing but large products computed directly.
"""

from typing import Any

SIZE = 512


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Operations a second of float32 products of 512x512 matrices, on one BLAS thread."""
    from dlcli import numerics

    numerics.pin(spec["numerics"])
    import numpy as np

    from tests.benchmarks.timing import measure

    a, b = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)
    out = np.empty_like(a)

    def step() -> int:
        for _ in range(10):
            np.matmul(a, b, out=out)
        return 10 * 2 * SIZE**3

    return {**measure(step, 1.5), "blas": numerics.blas()}
