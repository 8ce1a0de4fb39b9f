"""Which answers are near only because the engine is no surer of its own, and what is said then."""

import numpy as np
import pytest

from dlcli.artifacts.tensors import read_tensors
from dlcli.deploy.bundle import GOLDEN, Bundle, golden_rows
from dlcli.deploy.compared import compared
from dlcli.deploy.exporter import ENGINE, Proof
from dlcli.deploy.roundings import as_sure_as_the_engine
from dlcli.engine.layer import Array
from dlcli.errors import ExportError
from tests.cli.calls import train
from tests.cli.small import write


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, dict[str, Array], Array]:
    """A network that amplifies nothing, rows, and its answers to them."""
    folder = tmp_path_factory.mktemp("quiet")
    place = train(write(folder, "trees"), folder / "runs").run / "deploy/bundle"
    bundle, recorded = Bundle.load(place), read_tensors(place / GOLDEN).arrays
    return bundle, golden_rows(recorded, bundle), recorded["y"]


def test_a_network_that_amplifies_nothing_excuses_nothing(
    quiet: tuple[Bundle, dict[str, Array], Array],
) -> None:
    bundle, rows, wanted = quiet
    assert not as_sure_as_the_engine(bundle, rows, wanted, wanted).any()
    found = wanted.copy()
    found[3, 0] += 0.01
    assert not as_sure_as_the_engine(bundle, rows, found, wanted).any()
    with pytest.raises(ExportError, match=r"1 of 48 numbers .* in row 3 \(counted from 0\)"):
        compared(bundle, rows, found, wanted, "it")
    near = compared(bundle, rows, wanted * np.float32(1.00005), wanted, "it")
    assert near.beyond == 0 and 0 < near.largest < 1e-4


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_excused(
    odd: float, quiet: tuple[Bundle, dict[str, Array], Array]
) -> None:
    bundle, rows, wanted = quiet
    found = wanted.copy()
    found[0, 0] = odd
    assert not as_sure_as_the_engine(bundle, rows, found, wanted).any()
    with pytest.raises(ExportError):
        compared(bundle, rows, found, wanted, "it")


def test_where_roundings_carry_the_engine_over_the_limit_nothing_is_excused_either(
    quiet: tuple[Bundle, dict[str, Array], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that becomes infinite by a rounding would be as far as anything."""
    from dlcli.deploy import roundings

    bundle, rows, wanted = quiet
    monkeypatch.setattr(roundings, "predict", lambda *given: np.full_like(wanted[:1], np.inf))
    found = wanted.copy()
    found[0] += 5.0
    assert not as_sure_as_the_engine(bundle, rows, found, wanted).any()


def test_what_a_proof_says() -> None:
    assert Proof(ENGINE, 16).is_by_the_engine
    exact, one = Proof("numpy 2", 16), Proof("abacus 1", 1, 2e-7, 1)
    assert exact.describe() == "numpy 2 gives the engine's answers to 16 rows, bit for bit"
    assert exact.warn() is None
    assert one.describe() == (
        "abacus 1 gives the engine's answers to 1 row, largest difference 2.0e-07"
    )
    assert str(one.warn()).startswith("1 number is further away than 1e-05 + 0.0001 of their size")
    assert "nothing was run" in Proof(None).describe()
