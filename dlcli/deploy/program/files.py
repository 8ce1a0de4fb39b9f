"""The files of the program of a bundle: in its folder, and as one file with all that is in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dlcli import __version__
from dlcli.artifacts.digests import readable_json
from dlcli.artifacts.files import Buffer
from dlcli.artifacts.run_directory import DEPLOY
from dlcli.deploy.network import Network
from dlcli.deploy.places import DOCUMENT, about
from dlcli.deploy.program.carried import carried, read_own, words_of
from dlcli.deploy.program.stored import stored_zip
from dlcli.numerics import numerics_class

CODE = "dlcli.zip"
PREDICT = "predict.py"
README = "README.txt"
ONE_FILE = ".pyz"
"""What the name of the bundle in one file ends with, beside its folder."""

OF_THE_PROGRAM = frozenset({CODE, PREDICT, README, DOCUMENT})
"""The files in the folder that depend on which dlcli writes them, not on the network alone."""

_HERE = Path(__file__).parent
Files = dict[str, Sequence[Buffer]]


def program_files(network: Network) -> Files:
    """What lies in the folder beside the network."""
    code = stored_zip({name: [source] for name, source in _code(network).items()})
    assert code is not None, "dlcli has less than 4 GB of code"
    return {
        PREDICT: [read_own(_HERE / PREDICT)],
        CODE: code,
        README: [read_own(_HERE / README)],
        DOCUMENT: [_document(network)],
    }


def in_one_file(network: Network, contents: Mapping[str, Sequence[Buffer]]) -> list[Buffer] | None:
    """The program and the network, whose files these are, as one file that Python runs; None
    where it would be larger than such a file can be (4 GB)."""
    return stored_zip(
        {
            **{name: [source] for name, source in _code(network).items()},
            **contents,
            "__main__.py": [read_own(_HERE / PREDICT)],
            README: [read_own(_HERE / README)],
            DOCUMENT: [_document(network)],
        }
    )


def _code(network: Network) -> Mapping[str, bytes]:
    return carried(words_of(network))


def _document(network: Network) -> bytes:
    return readable_json(about(network.numerics, __version__, numerics_class()))


def other_program(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    """The files of a run's bundle that hold the program, where it is not the same in both; also the
    one file that holds it beside the network. one, other: what is recorded of a run's files, by
    their names."""
    folder = f"{DEPLOY}/bundle"
    program = {f"{folder}/{name}" for name in OF_THE_PROGRAM}
    if all(one.get(name) == other.get(name) for name in program):
        return set()
    return (program | {f"{folder}{ONE_FILE}"}) & (one.keys() | other.keys())
