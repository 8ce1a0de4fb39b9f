"""The format `torch`; how it is written is loaded when it is asked for."""

from collections.abc import Collection

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources.exporter import Source, SourceExporter
from dlcli.deploy.sources.proving import Asked


class TorchExporter(SourceExporter):
    """A module of PyTorch."""

    asked = Asked(
        "torch",
        "model.load().predict(rows).numpy()",
        '"torch " + torch.__version__',
    )

    @property
    def held(self) -> Collection[type]:
        from dlcli.deploy.torch.source import HELD

        return HELD

    def source(self, bundle: Bundle) -> Source:
        from dlcli.deploy.torch.source import source

        return source(bundle)
