"""Every word of `deployment.formats` has an exporter, and none is found to lack after training."""

import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.config import parse_config
from dlcli.config.deployment import DEPLOYMENT_FORMATS
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.exporters import EXPORTERS, BundleExporter
from dlcli.errors import ConfigError
from dlcli.pipeline import deploy
from tests.cli.calls import dlcli, refused, train
from tests.cli.small import write


def test_the_config_knows_the_words_that_there_are_exporters_for() -> None:
    assert tuple(EXPORTERS) == DEPLOYMENT_FORMATS
    assert next(iter(EXPORTERS)) == "bundle"


def test_a_format_without_an_exporter_is_an_error_of_the_config(tmp_path: Path) -> None:
    config = write(tmp_path, "trees")
    text = config.read_text() + "\ndeployment: {formats: [bundle, zap]}\n"
    with pytest.raises(
        ConfigError, match="unknown deployment format `zap`; available: `bundle`, `onnx`, `keras`"
    ):
        parse_config(text, "c.yaml")
    config.write_text(text)
    assert "unknown deployment format `zap`" in refused(train(config, tmp_path / "runs"), 2)
    assert not (tmp_path / "runs").exists()


class Narrow(BundleExporter):
    """A format that holds no network with a relu, and writes down what it was asked."""

    def refuses(self, bundle: Bundle) -> str | None:
        kinds = [type(node.layer).__name__ for node in bundle.model.plain]
        assert set(bundle.model.inputs) == set(bundle.preprocessing)
        return "it has no relu" if "Relu" in kinds else None


@pytest.mark.parametrize("command", ["train", "validate"])
def test_what_a_format_cannot_hold_is_said_before_anything_is_trained(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "EXPORTERS", {"bundle": Narrow()})
    config = write(tmp_path, "trees")
    text = config.read_text() + "\ndeployment: {formats: [bundle]}\n"
    config.write_text(text)
    more = ["--output-dir", tmp_path / "runs"] if command == "train" else []
    call = dlcli(command, config, *more)
    if "relu" in text:
        said = refused(call, 2)
        assert "`bundle` cannot hold this network: it has no relu" in said
        assert f":{len(text.splitlines())}:" in said and "[3/5]" not in said
    else:
        raise AssertionError("the small config has a relu")


def test_a_training_loads_no_writer_that_it_does_not_need() -> None:
    told = "import sys, dlcli.pipeline.deploy; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    modules = loaded.stdout.split()
    assert "dlcli.deploy.onnx.exporter" in modules
    for module in ("onnx.files", "onnx.proof", "keras.source", "torch.source", "sources.document"):
        assert f"dlcli.deploy.{module}" not in modules
