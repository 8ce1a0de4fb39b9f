"""The format `keras`; how it is written is loaded when it is asked for."""

from collections.abc import Collection

from dlcli.deploy.bundle import Bundle
from dlcli.deploy.sources.exporter import Source, SourceExporter
from dlcli.deploy.sources.proving import Asked


class KerasExporter(SourceExporter):
    """A module of Keras."""

    asked = Asked(
        "keras",
        "model.predict(model.load(), rows)",
        '"keras " + keras.__version__ + " on " + keras.backend.backend()',
    )

    @property
    def held(self) -> Collection[type]:
        from dlcli.deploy.keras.source import HELD

        return HELD

    def source(self, bundle: Bundle) -> Source:
        from dlcli.deploy.keras.source import source

        return source(bundle)
