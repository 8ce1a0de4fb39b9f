"""`python -m dlcli` and the `dlcli` command."""


def main() -> None:
    """Run the command line."""
    from dlcli.cli.main import run

    run()


if __name__ == "__main__":
    main()
