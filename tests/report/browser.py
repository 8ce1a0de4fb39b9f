"""A page as Chromium shows it: what it asks for and complains of, and what a reader would, too.

Needs Debian's chromium and chromium-driver, and selenium. Nothing of that is imported before a
browser starts, so that who runs other tests need not have it.

`python -m tests.report.browser PAGE PICTURE` takes a picture of a page, or prints it: a PNG, or a
PDF by its name.
"""

import argparse
import base64
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.deploy.card_wording import number

_SCRIPT = Path(__file__).with_name("faults.js").read_text()

PHONE, DESK, PAPER = 375, 1280, 718
"""Widths in pixels of CSS; PAPER: what margins leave of A4."""

CONTRAST = 4.5
"""Source: WCAG 2.2, success criterion 1.4.3."""

SMALLEST = 9.0
"""Pixels that a label may be tall at least."""


@dataclass(frozen=True)
class Setting:
    """How a page is looked at. scheme: what the reader prefers, light or dark."""

    width: int
    scheme: str
    media: str = "screen"

    @property
    def dark(self) -> bool:
        """Whether the page shall be dark: on paper it never is."""
        return self.scheme == "dark" and self.media == "screen"

    def __str__(self) -> str:
        return f"{self.media}-{self.width}-{self.scheme}"


SETTINGS = [
    *(Setting(width, scheme) for width in (PHONE, DESK) for scheme in ("light", "dark")),
    Setting(PAPER, "dark", "print"),
]


@dataclass(frozen=True)
class Chart:
    """A chart as it stands in the page. curves: of each, what its points tell."""

    caption: str
    curves: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Shown:
    """What was seen. faults: sentences that say what is wrong, none if all is well."""

    faults: Sequence[str]
    charts: Sequence[Chart]


class Browser:
    """Chromium without a window."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def show(self, page: Path, setting: Setting) -> Shown:
        """Load a page and look at it."""
        self._open(page, setting)
        sides = f"{setting.width}, {CONTRAST}, {SMALLEST}"
        faults = [*self._asked(page.as_uri()), *self._said(), *self._call(f"faultsOf({sides})")]
        dark = self._call("isDark()")
        if dark != setting.dark:
            faults.append(f"scheme: the page is {'dark' if dark else 'light'}")
        return Shown(faults, [Chart(**chart) for chart in self._call("chartsOf()")])

    def picture(self, page: Path, setting: Setting, height: int | None = None) -> bytes:
        """The page as a PNG; height: pixels from the top, otherwise all of it."""
        self._open(page, setting)
        whole = self._devtools("Page.getLayoutMetrics")["cssContentSize"]["height"]
        clip = {"x": 0, "y": 0, "width": setting.width, "height": height or whole, "scale": 1}
        made = self._devtools("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(made["data"])

    def printed(self, page: Path) -> bytes:
        """The page as a PDF."""
        self._open(page, Setting(PAPER, "dark", ""))
        made = self._devtools("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(made["data"])

    def _open(self, page: Path, setting: Setting) -> None:
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=setting.width, height=800, deviceScaleFactor=1, mobile=setting.width <= PHONE,
        )  # fmt: skip
        self._devtools(
            "Emulation.setEmulatedMedia",
            media=setting.media,
            features=[{"name": "prefers-color-scheme", "value": setting.scheme}],
        )
        for kind in ("browser", "performance"):  # what earlier pages left
            self._driver.get_log(kind)
        self._driver.get(page.as_uri())

    def _asked(self, page: str) -> Iterator[str]:
        """Requests for anything else than the page."""
        for entry in self._driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if url != page and not url.startswith("data:"):  # that asks nobody
                    yield f"request: {url}"

    def _said(self) -> Iterator[str]:
        """Warnings and errors of the console."""
        for entry in self._driver.get_log("browser"):
            if entry["level"] in ("WARNING", "SEVERE"):
                yield f"console: {entry['message']}"

    def _call(self, call: str) -> Any:
        return self._driver.execute_script(f"{_SCRIPT}\nreturn {call};")

    def _devtools(self, command: str, **values: Any) -> Any:
        return self._driver.execute_cdp_cmd(command, values)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser, ended at the end. Without one this fails: who asks for it wants to know."""
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "a browser is needed: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # Root, as whom CI runs, has no sandbox; containers have little shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver)
    running = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(running)
    finally:
        running.quit()


_POINT = re.compile(r"(?:run (?P<run>\d+), )?(?:\w+, )?epoch (?P<epoch>\d+): (?P<value>\S+)")


def wrong_curves(
    charts: Sequence[Chart], histories: Sequence[Sequence[Mapping[str, Any]]]
) -> list[str]:
    """What the curves over epochs do not tell of these runs, whose lines of metrics are given.

    Charts over anything else than epochs are none of this function's business.
    """
    found, faults = set(), []
    for chart in charts:
        for curve in chart.curves:
            points = [_POINT.match(told) for told in curve]
            over = [point for point in points if point]
            if not over:
                continue
            run = int(over[0]["run"] or 1)
            epochs = [int(point["epoch"]) for point in over]
            if epochs != list(range(1, len(histories[run - 1]) + 1)) or len(over) != len(points):
                faults.append(f"points: {chart.caption}, run {run}: there are {epochs}")
            found.add((run, tuple(point["value"] for point in over)))
    for run, history in enumerate(histories, 1):
        for name in history[0].keys() - {"epoch", "step"}:
            if (run, tuple(number(line[name]) for line in history)) not in found:
                faults.append(f"points: no curve tells {name} of run {run}")
    return faults


def main() -> None:
    """A picture of a page, or a print."""
    parser = argparse.ArgumentParser(description="Take a picture of a page, or print it.")
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path, help="a PNG, or a PDF by its name")
    parser.add_argument("--width", type=int, default=DESK)
    parser.add_argument("--height", type=int, help="of a PNG: so much from the top on")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    given = parser.parse_args()
    with started() as browser:
        page, setting = given.page.resolve(), Setting(given.width, given.scheme)
        if given.picture.suffix == ".pdf":
            given.picture.write_bytes(browser.printed(page))
        else:
            given.picture.write_bytes(browser.picture(page, setting, given.height))


if __name__ == "__main__":
    main()
