"""What a trained network is written as. A new format is a word here and a row in
`dlcli/deploy/exporters.py`."""

from typing import Annotated

from dlcli.config.base import Section
from dlcli.config.values import Choice, Listing

DEPLOYMENT_FORMATS = ("bundle", "onnx", "keras", "torch")


class Deployment(Section):
    formats: Annotated[
        tuple[Annotated[str, Choice(DEPLOYMENT_FORMATS, noun="deployment format")], ...],
        Listing(most=10, unique=True),
    ] = ("bundle",)
