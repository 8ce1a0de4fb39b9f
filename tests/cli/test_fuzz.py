"""Ten thousand damaged configs through the command line: exit 0, 2 or 3, and never a traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings

from tests.cli.calls import dlcli
from tests.config.mutations import VALID, documents

PARTS, EACH = 10, 1_000


def judge(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    call = dlcli("validate", path, "--data-dir", tmp_path)
    assert call.code in (0, 2, 3), call.err
    assert "Traceback" not in call.err and "bug in dlcli" not in call.err
    assert (call.code == 0) == (call.err == "")


@pytest.mark.parametrize("part", range(PARTS))
def test_no_document_is_answered_by_a_traceback(part: int, tmp_path: Path) -> None:
    @seed(part)
    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents())
    @example(next(iter(VALID.values())).encode())
    def run(content: bytes) -> None:
        judge(tmp_path, content)

    run()


@pytest.mark.parametrize("name", VALID)
def test_the_documents_before_the_damage_are_answered_by_0_or_by_missing_data(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(VALID[name])
    assert dlcli("validate", path, "--data-dir", tmp_path).code in (0, 3)
