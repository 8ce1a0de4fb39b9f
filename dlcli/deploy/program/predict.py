"""Answer new rows by the network that lies beside this file.

    python predict.py rows.csv > answers.csv

It needs Python 3.11 or newer and NumPy, nothing else; README.txt says more. All that it does is to
look for its code in the archive beside it (in itself, where it is bundle.pyz), before anywhere
else; that pins how NumPy computes before it is loaded, so that the answers have the same bits.
"""

import sys
from pathlib import Path


def main() -> None:
    """Do what the command line asks; ends the process."""
    here = Path(__file__).resolve().parent
    code = here if here.is_file() else here / "dlcli.zip"
    sys.path.insert(0, str(code))
    from dlcli.cli.standalone import run

    run(here)


if __name__ == "__main__":
    main()
