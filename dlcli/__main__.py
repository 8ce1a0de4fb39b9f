"""`python -m dlcli` and the `dlcli` command."""

import gc
import json
import sys
from typing import NoReturn

from dlcli import numerics


def _fail(code: int, kind: str, message: str) -> NoReturn:
    """End before anything is loaded that could say it better."""
    if "--json" in sys.argv:
        print(json.dumps({"error": {"code": code, "kind": kind, "message": message}}))
    sys.exit(code)


def main() -> None:
    """Run the command line as a process of its own, which may start itself again."""
    # Loading makes some hundred thousand objects that all stay. To look for garbage among them
    # after every 700 takes a tenth of the time of a start.
    gc.set_threshold(200_000)
    try:
        from dlcli.cli.main import run
    except KeyboardInterrupt:  # in the first moments there is little to say about it
        _fail(130, "interrupted", "interrupted")
    except OSError as error:  # too few file descriptors to load our own modules
        words = f"dlcli cannot be loaded: {error.strerror}"
        print(f"error: {words}", file=sys.stderr)
        _fail(6, "storage", words)
    numerics.restartable = True
    try:
        run()
    finally:
        # What is left is given back to the system as a whole: to look for garbage in it once more
        # on the way out takes a fifth of the time of a short command.
        gc.freeze()


if __name__ == "__main__":
    main()
