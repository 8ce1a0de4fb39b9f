"""`python -m dlcli` and the `dlcli` command."""

from dlcli import numerics


def main() -> None:
    """Run the command line as a process of its own, which may start itself again."""
    from dlcli.cli.main import run

    numerics.restartable = True
    run()


if __name__ == "__main__":
    main()
