"""`python -m dlcli` and the `dlcli` command."""

import sys

from dlcli import numerics


def main() -> None:
    """Run the command line as a process of its own, which may start itself again."""
    try:
        from dlcli.cli.main import run
    except KeyboardInterrupt:  # in the first moments there is nothing to say about it
        sys.exit(130)
    except OSError as error:  # too few file descriptors to load our own modules
        print(f"error: dlcli cannot be loaded: {error.strerror}", file=sys.stderr)
        sys.exit(6)
    numerics.restartable = True
    run()


if __name__ == "__main__":
    main()
