"""The schema as a checker of YAML uses it: every shipped config is right, mistakes are not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dlcli
from dlcli.config import parse_config
from tests.cli.calls import dlcli as command
from tests.config.mutations import VALID
from tests.config.test_messages import CASES
from tests.exactness.runs import ROOT

SCHEMA = Path(dlcli.__file__).parent / "config" / "schema.json"
SHIPPED = sorted((Path(ROOT) / "configs").glob("*.yaml"))
LINE = "# yaml-language-server: $schema=../dlcli/config/schema.json"


def check(*files: Path) -> set[str]:
    """The files that check-jsonschema refuses."""
    done = subprocess.run(
        [
            sys.executable, "-m", "check_jsonschema", "-o", "json", "--schemafile", str(SCHEMA),
            *map(str, files),
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert not found.get("parse_errors"), found
    refused = {error["filename"] for error in found.get("errors", ())}
    assert done.returncode == bool(refused)
    return refused


def test_every_shipped_config_names_the_schema_and_keeps_to_it() -> None:
    assert SHIPPED and not check(*SHIPPED)
    for path in SHIPPED:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[2] == LINE
        assert (path.parent / LINE.partition("=")[2]).resolve() == SCHEMA.resolve()


def test_configs_that_are_right_keep_to_the_schema(tmp_path: Path) -> None:
    files = []
    for number, text in enumerate(VALID.values()):
        parse_config(text, "x.yaml")
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text, encoding="utf-8")
    assert len(files) > 3 and not check(*files)


def test_a_gallery_of_mistakes_is_refused(tmp_path: Path) -> None:
    files = {}
    for number, (text, old, new, _, message) in enumerate(CASES):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        files[str(path)] = message
    refused = check(*map(Path, files))
    assert len(refused) >= 50
    for path in files.keys() - refused:  # by what stands elsewhere; words and keys are all known
        assert not files[path].startswith("unknown ") and " is missing" not in files[path]


def test_what_init_writes_names_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(60)))
    assert command("init", "rows.csv").code == 0
    lines = Path("rows.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[2] == f"# yaml-language-server: $schema={SCHEMA.resolve().as_uri()}"
    assert not check(Path("rows.yaml"))


def test_a_schema_below_the_config_is_named_from_there(tmp_path: Path) -> None:
    from dlcli.cli.init import _with_schema

    inside = _with_schema("# a\n# b\nc: 1\n", Path(ROOT) / "new.yaml")
    assert inside == "# a\n# b\n# yaml-language-server: $schema=dlcli/config/schema.json\nc: 1\n"
