"""What a trained network is written as. A new format is a word here and a row in
`dlcli/deploy/exporters.py`."""

from typing import Annotated

from dlcli.config.base import Section
from dlcli.config.values import Choice, Listing

DEPLOYMENT_FORMATS = ("bundle", "onnx", "keras", "torch")


class Deployment(Section):
    """What the trained network is written as.

    formats: `bundle` (answers with NumPy alone), `onnx`, or the source of a `keras` or `torch`
        model.
    example: {formats: [bundle, keras]}
    """

    formats: Annotated[
        tuple[Annotated[str, Choice(DEPLOYMENT_FORMATS, noun="deployment format")], ...],
        Listing(most=10, unique=True),
    ] = ("bundle",)
