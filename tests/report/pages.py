"""Pages to look at: descriptions with values of a test, and what a parsed page holds."""

import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

from dlcli.report.described import Filters, LayerLine, Part, RunPage, Timing
from dlcli.report.page import text_of

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror='a'>&\"\x00\x1b[31m\u202e"
"""A name that would be markup, a quotation, a command to a terminal, and write backwards."""


def plain(epochs: int = 4, **values: Any) -> RunPage:
    """A run of two classes."""
    curve = [1.0 / epoch for epoch in range(1, epochs + 1)]
    page = RunPage(
        label="run-0001",
        name="run",
        done=True,
        epochs=epochs,
        curves={"loss": curve, "val_loss": [2 * value for value in curve], "accuracy": curve},
        rates=[0.01] * epochs,
        best=epochs,
        monitor="val_loss",
        value=2 * curve[-1],
        kept="Kept: the last.",
        kept_epoch=epochs,
        parts=(
            Part(
                "test", 10, {"loss": 0.5}, {"f1": (0.5, 1.0)}, {"m": ((3.0, 1.0), (0.0, 6.0))}, {}
            ),
        ),
        classes=("no", "yes"),
        layers=(LayerLine("dense_1", "dense", ("data",), (2,), 6, 10),),
        filters=Filters("conv2d_1", ((((0.0,), (1.0,)), ((0.5,), (0.25,))),), 1),
        timings=(Timing("train", 2.0, 100),),
        card=None,
        findings=(("a_code", "a sentence"),),
        config="seed: 1\n",
        settings={"seed": 1},
        seed=1,
        data={"train.features": "ab" * 32},
        environment={"numpy": "2.0"},
    )
    return replace(page, **values)


def parsed(text: str) -> ElementTree.Element:
    """The page as XML, which is stricter than HTML: every element is closed, every text escaped."""
    assert text.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(text)


def page(*runs: RunPage) -> ElementTree.Element:
    """The page of these runs."""
    return parsed(text_of(runs))


def sound(text: str) -> None:
    """No script, no request, nothing that leaves the page."""
    root = parsed(text)
    for element in root.iter():
        assert element.tag not in ("script", "link", "iframe", "object", "embed", "form")
        for name, value in element.attrib.items():
            if element.tag == "img" and name == "src":
                assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/]+=*", value)
                continue
            assert not name.startswith("on") and name not in ("href", "src", "style", "action")
            assert "url(" not in value
    style = "".join(str(one.text) for one in root.iter("style"))
    assert "url(" not in style and "@import" not in style


def titles(root: ElementTree.Element) -> list[str]:
    """What the points and pictures tell."""
    return [str(one.text) for one in root.iter("title")][1:]


def contrast(one: str, other: str) -> float:
    """Of two colors, from 1 to 21. Source: WCAG 2.2, contrast ratio and relative luminance."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return math.fsum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def schemes(text: str) -> list[dict[str, str]]:
    """The colors of the style sheet: light, then dark."""
    return [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{([^}]*)\}", text)
    ]
