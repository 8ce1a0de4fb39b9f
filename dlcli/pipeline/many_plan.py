"""What several runs in one directory are: many.json, which is written before the first of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import PLAN, is_many
from dlcli.config import LoadedConfig, load_bytes
from dlcli.errors import ArtifactError, UsageError
from dlcli.frozen import frozen

MOST = 1000
Kind = Literal["folds", "seeds"]


@frozen
class Plan:
    """kind: folds or seeds. runs: what is set in each run, by its name. overrides: what `--set`
    gave for all of them. file: the name of the YAML."""

    kind: Kind
    runs: Mapping[str, tuple[str, ...]]
    overrides: tuple[str, ...]
    file: str

    @staticmethod
    def of_folds(count: int, overrides: tuple[str, ...], file: str) -> "Plan":
        """One run for each fold; the test part of the split is the fold."""
        runs = {
            f"fold-{fold}": (
                "data.split.test=null",
                f"data.split.folds={count}",
                f"data.split.fold={fold}",
            )
            for fold in range(1, count + 1)
        }
        return Plan("folds", runs, overrides, file)

    @staticmethod
    def of_seeds(first: int, count: int, overrides: tuple[str, ...], file: str) -> "Plan":
        """One run for each seed, from the config's on."""
        runs = {f"seed-{seed}": (f"seed={seed}",) for seed in range(first, first + count)}
        return Plan("seeds", runs, overrides, file)

    def load(self, source: bytes, name: str) -> LoadedConfig:
        """The config of a run."""
        return load_bytes(source, self.file, (*self.overrides, *self.runs[name]))

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "runs": {name: list(set_) for name, set_ in self.runs.items()},
            "overrides": list(self.overrides),
            "file": self.file,
        }

    @staticmethod
    def read(root: Path) -> "Plan":
        """ArtifactError for what is no plan."""
        path = root / PLAN
        document = read_mapping(path)
        try:
            kind, runs = document["kind"], document["runs"]
            overrides, file = document["overrides"], document["file"]
            texts = [*overrides, file, *(one for set_ in runs.values() for one in set_)]
            good = kind in ("folds", "seeds") and all(isinstance(text, str) for text in texts)
            if not good or not runs or len(runs) > MOST or not all(map(_is_name, runs)):
                raise ValueError
            plan = Plan(kind, {n: tuple(s) for n, s in runs.items()}, tuple(overrides), file)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ArtifactError(f"{path} is damaged or was edited", file=path) from None
        if plan.to_json() != dict(document):
            raise ArtifactError(f"{path} is damaged or was edited", file=path)
        return plan


def _is_name(name: str) -> bool:
    kind, _, number = name.partition("-")
    return kind in ("fold", "seed") and number.isdecimal() and len(number) < 12


def refuse_many(root: Path, todo: str) -> None:
    """UsageError where a directory holds several runs, and one is needed."""
    if is_many(root):
        first = next(iter(Plan.read(root).runs))
        raise UsageError(f"{root} holds several runs; {todo} one of them, such as {root / first}")


def each_run(root: Path) -> Iterator[tuple[str, Path]]:
    """The runs, by their names."""
    for name in Plan.read(root).runs:
        yield name, root / name
