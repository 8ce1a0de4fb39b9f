"""What the sources share whose files are fetched by the name of the set."""

from typing import ClassVar

from dlcli.data.dataset import Column, Declared, Sampled, Shape
from dlcli.data.downloads.files import absence, place, require_intact
from dlcli.data.downloads.known import KNOWN, KnownSet
from dlcli.data.places import Places
from dlcli.data.sources.base import Source


class KnownSource(Source):
    """A set of `downloads.known.KNOWN`, in `<data dir>/<its name>/`.

    `load` fetches what is absent, and tells so; nothing else does.
    """

    word: ClassVar[str]

    def known(self) -> KnownSet:
        """The files of the set."""
        return KNOWN[self.word]

    def obtained(self, places: Places) -> KnownSet:
        """The same, when they are there; DataError where they cannot be had."""
        from dlcli.data.downloads.fetching import obtain  # what nobody asks for is not loaded

        obtain(self.known(), places.data)
        return self.known()

    def check(self, places: Places) -> None:
        """DataError where a file that is there is not the published one."""
        known = self.known()
        for file in known.files:
            require_intact(known, file, place(known, places.data, file))

    def declared(
        self,
        places: Places,
        shape: Shape,
        class_names: tuple[str, ...] | None,
        columns: tuple[Column, ...] | None = None,
    ) -> Declared:
        """What is known of the set, with its files or without them."""
        known = self.known()
        absent = absence(known, places.data)
        return Declared(
            shape,
            dict(known.rows),
            None if class_names is None else len(class_names),
            class_names,
            "numbers" if class_names is None else "classes",
            columns,
            absent=(absent,) if absent else (),
        )

    def sample(self, places: Places, seed: int) -> Sampled | str:
        known = self.known()
        count = len(known.files)
        if count == 1:
            return f"Whether the file of {known.title} is intact: it was not read."
        words = {4: "four"}.get(count, str(count))
        return f"Whether the {words} files of {known.title} are intact: they were not read."
