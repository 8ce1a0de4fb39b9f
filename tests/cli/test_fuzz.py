"""Ten thousand damaged configs through `dlcli validate`, and some that train, end in exit 0, 2 or
3 with a sentence, never in a traceback."""

import contextlib
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from dlcli.cli.validate import validate
from dlcli.config import load_config
from dlcli.config.sources import Friedman1
from dlcli.errors import ConfigError, DlcliError
from tests.cli.calls import dlcli
from tests.config.mutations import VALID, documents, overrides
from tests.exactness.runs import a_part

PARTS = 32
DOCUMENTS = 10_000 // PARTS

FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configs lie, with the rows that two of them name."""
    folder = tmp_path_factory.mktemp("fuzz")
    draw = np.random.default_rng(0)
    rows = ["area;rooms;heating: kind;price"]
    for row in range(40):
        heating = "gas" if row % 2 else "oil"
        rows.append(f"{draw.uniform(20, 200):.1f};{row % 7};{heating};{row * 37 % 100}")
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    arrays = {}
    for part, count in (("", 40), ("2", 12)):
        arrays[f"x{part}"] = draw.integers(0, 256, (count, 4, 4), np.uint8)
        arrays[f"f{part}"] = draw.normal(size=(count, 3))
        arrays[f"y{part}"] = np.arange(count) % 3
    np.savez(folder / "scenes.npz", **arrays)
    return folder


Check = Callable[..., None]


@pytest.fixture
def of_part(request: pytest.FixtureRequest) -> Callable[[int], Callable[[Check], Check]]:
    """Gives every part documents of its own: Hypothesis would draw the same for all of them,
    because they share a function and the seed of `--hypothesis-seed`."""
    given_seed = request.config.getoption("--hypothesis-seed")

    def drawn(part: int) -> Callable[[Check], Check]:
        if given_seed is None and not settings().derandomize:
            return lambda check: check
        return seed(f"{given_seed}, part {part}")

    return drawn


options = st.just([]) | st.just([]) | overrides()


@pytest.mark.properties
@pytest.mark.parametrize("part", a_part(PARTS))
def test_any_damaged_config_validates_or_says_why_not(
    part: int, of_part: Callable[[int], Callable[[Check], Check]], folder: Path
) -> None:
    path = folder / f"part{part}.yaml"
    seen: Counter[int] = Counter()

    @of_part(part)
    @settings(FUZZ, max_examples=DOCUMENTS)
    @given(documents(), options)
    def check(content: bytes, options: list[str]) -> None:
        """The command itself: whatever it raises but a DlcliError would be a traceback."""
        path.write_bytes(content)
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                validate([path], options, data_dir=folder / "data")
            code = 0
        except DlcliError as error:
            code = error.exit_code
            assert str(error).strip()
        assert code in (0, 2, 3)
        assert out.getvalue().endswith(f"{path} is valid\n") == (code == 0)
        seen[code] += 1

    check()
    # Most are wrong, but not all: what is right goes through every check.
    assert sum(seen.values()) >= DOCUMENTS
    assert seen[0] > DOCUMENTS // 100 and seen[2] > DOCUMENTS // 4


TINY = ["training.epochs=1", "training.max_steps=3", "training.checkpoint={}", "runtime={}"]


def trains_in_a_moment(path: Path) -> bool:
    """Whether a damaged config, if it is right, is still a small one."""
    try:
        config = load_config(path, TINY).config
    except ConfigError:
        return True
    source = config.data.source
    numbers = source.samples * source.features if isinstance(source, Friedman1) else 1
    widths = [getattr(layer, "units", 1) for layer in config.model.layers]
    return (
        max(widths) <= 500
        and source.type in ("csv", "friedman1", "digits", "breast_cancer")
        and numbers < 100_000
    )


@pytest.mark.properties
@pytest.mark.parametrize("part", a_part(4))
def test_any_damaged_config_trains_or_says_why_not(
    part: int,
    of_part: Callable[[int], Callable[[Check], Check]],
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = folder / f"train{part}.yaml"
    words = [word for option in TINY for word in ("--set", option)]
    seen: Counter[int] = Counter()

    @of_part(part)
    @settings(FUZZ, max_examples=75)
    @given(documents())
    def check(content: bytes) -> None:
        path.write_bytes(content)
        if not trains_in_a_moment(path):
            return
        output = tmp_path_factory.mktemp("runs")
        call = dlcli("train", path, "--output-dir", output, "--workers", "1", *words)
        assert call.code in (0, 2, 3, 7), call.err
        assert "Traceback" not in call.err
        assert (call.out != "") == (call.code == 0)
        if call.code in (2, 3):
            assert list(output.iterdir()) == []
        seen[call.code] += 1

    check()
    assert seen[0] > 0 and seen[2] > 12


def test_the_documents_that_are_damaged_train_before(folder: Path, tmp_path: Path) -> None:
    words = [word for option in TINY for word in ("--set", option)]
    for name in sorted(VALID.keys() - {"mnist"}):
        path = folder / f"{name}.yaml"
        path.write_text(VALID[name])
        call = dlcli("train", path, "--output-dir", tmp_path, "--workers", "1", *words)
        assert call.code == 0, call.err
