"""One measurement: `python -m tests.benchmarks.job '{"who": ..., "case": ..., "folder": ...}'`.

Runs under the interpreter of whoever is measured and prints one line of JSON.
"""

import importlib
import json
import os
import sys
from typing import Any

MODULES = {
    "dlcli": "ours",
    "torch": "torch_peer",
    "keras": "keras_peer",
    "sklearn": "sklearn_peer",
    "products": "products",
}
"""By the first word of the name."""


def main() -> None:
    """Measure and print."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    if MODULES[spec["who"].split()[0]] not in ("ours", "products"):
        # Importing the package above us has pinned the BLAS as dlcli wants it: not for peers.
        for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
            del os.environ[name]
    module = importlib.import_module(f"tests.benchmarks.{MODULES[spec['who'].split()[0]]}")
    print(json.dumps(module.run(spec)))


if __name__ == "__main__":
    main()
