"""What two runs have apart: settings, data, environment, metrics, and the first epoch.

All of it but the evaluation stands in their manifests, so a manifest alone is enough; of a run that
is not finished the epochs are those that its checkpoints hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dlcli.artifacts.checkpoints import Checkpoints
from dlcli.artifacts.history import Epoch
from dlcli.artifacts.manifest import Manifest, read_manifest
from dlcli.artifacts.reading import read_mapping
from dlcli.artifacts.run_directory import EVALUATION, MANIFEST, RunDirectory
from dlcli.artifacts.verification import check_file
from dlcli.errors import ArtifactError
from dlcli.frozen import frozen
from dlcli.pipeline.many_plan import refuse_many
from dlcli.pipeline.seen import kept_epoch
from dlcli.pipeline.settings import ABSENT, Setting, differing, settings
from dlcli.wording import counted


@frozen
class Side:
    """One of the two. kept: the number of the epoch whose metrics count, None before the first.

    run: where its files lie; None of a manifest alone.
    """

    path: Path
    manifest: Manifest
    epochs: Sequence[Epoch]
    run: RunDirectory | None = None

    @staticmethod
    def at(path: Path) -> "Side":
        """The run there, or the one that a manifest is of. UsageError for several runs."""
        if not path.is_dir():
            manifest = read_manifest(path)
            return Side(path, manifest, manifest.epochs)
        refuse_many(path, "compare")
        run = RunDirectory.open(path)
        manifest = read_manifest(run.path(MANIFEST))
        finished = manifest.status == "complete"
        epochs = manifest.epochs if finished else Checkpoints(run).history_so_far()
        return Side(path, manifest, epochs, run)

    @property
    def kept(self) -> int | None:
        """The epoch whose metrics are compared."""
        if self.manifest.status != "complete":
            return len(self.epochs) or None
        return kept_epoch(self.manifest.config, self.epochs)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Those of the kept epoch."""
        return {} if self.kept is None else self.epochs[self.kept - 1].metrics

    def evaluation(self) -> dict[str, dict[str, float]] | None:
        """The numbers that it was judged by, by part; None where there are no such (yet).

        ArtifactError where they are not what the manifest says.
        """
        if self.run is None or self.manifest.status != "complete":
            return None
        check_file(self.run, self.manifest, EVALUATION)
        path = self.run.path(EVALUATION)
        try:
            return {
                part: {k: v for k, v in found["metrics"].items() if type(v) in (int, float)}
                for part, found in read_mapping(path).items()
            }
        except (KeyError, TypeError, AttributeError):
            words = f"{path} holds what dlcli did not write like this"
            raise ArtifactError(words, file=path) from None

    @property
    def environment(self) -> dict[str, str]:
        """What the bits may depend on beside config and data."""
        return {
            **self.manifest.versions,
            "numerics_class": self.manifest.numerics_class,
            "rng_scheme": self.manifest.rng_scheme,
        }

    def to_json(self) -> dict[str, Any]:
        """What it is, for programs."""
        return {
            "run": str(self.path),
            "status": self.manifest.status if self.manifest.status == "complete" else "unfinished",
            "epochs": len(self.epochs),
            "kept_epoch": self.kept,
        }


@frozen
class First:
    """The first epoch that is not the same.

    of: the number of tensors; None where only the digest over all of them is known.
    tensors: those that are not the same, or only on one side; none where the metrics alone differ.
    """

    epoch: int
    tensors: tuple[str, ...]
    of: int | None
    only_metrics: bool

    def told(self) -> str:
        """For people."""
        if self.only_metrics:
            return f"epoch {self.epoch}, with equal tensors but other metrics"
        if not self.tensors:
            return f"epoch {self.epoch}; its tensors are not recorded one by one"
        more = f" (and {len(self.tensors) - 1} more of {self.of})" if len(self.tensors) > 1 else ""
        return f"epoch {self.epoch}, tensor {self.tensors[0]}{more}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "epoch": self.epoch,
            "tensor": self.tensors[0] if self.tensors else None,
            "tensors": list(self.tensors),
            "of": self.of,
            "only_metrics": self.only_metrics,
        }


@frozen
class Difference:
    """What differs; each setting with both values.

    common: how many epochs both have; first: the first of them that differs.
    evaluation: by part, metrics of the weights that are kept; None unless both runs are finished.
    """

    a: Side
    b: Side
    config: tuple[Setting, ...]
    data: tuple[Setting, ...]
    environment: tuple[Setting, ...]
    metrics: tuple[Setting, ...]
    common: int
    first: First | None
    evaluation: Mapping[str, tuple[Setting, ...]] | None

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        judged = (self.evaluation or {}).values()
        lists = (self.config, self.data, self.environment, self.metrics, *judged)
        same_length = len(self.a.epochs) == len(self.b.epochs)
        return self.first is None and same_length and not any(lists)

    def told_metrics(self) -> tuple[Setting, ...]:
        """Metrics for people: those of the epochs, then `test loss` and so on.

        What is told as `val_...` is not told again as the validation part's.
        """
        told = {(one.name, one.values) for one in self.metrics}
        judged = (
            replace(one, name=f"{part} {one.name}")
            for part, some in (self.evaluation or {}).items()
            for one in some
            if part != "validation" or (f"val_{one.name}", one.values) not in told
        )
        return (*self.metrics, *judged)

    def told_of_epochs(self) -> str:
        """For people, in a line."""
        if self.first is not None:
            return f"first difference at {self.first.told()}"
        if not self.common:
            return "there are none to compare"
        count = counted(self.common, "epoch")
        if len(self.a.epochs) == len(self.b.epochs):
            return f"identical: {count}"
        return f"identical as far as both go: {count}"

    def to_json(self) -> dict[str, Any]:
        """For programs; a value that one of them does not have is left out."""
        return {
            "identical": self.identical,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "config": [_pair("setting", one) for one in self.config],
            "data": [_pair("role", one) for one in self.data],
            "environment": [_pair("name", one) for one in self.environment],
            "metrics": [_pair("metric", one) for one in self.metrics],
            "evaluation": None
            if self.evaluation is None
            else [
                {"part": part, **_pair("metric", one)}
                for part, some in self.evaluation.items()
                for one in some
            ],
            "common_epochs": self.common,
            "first_difference": None if self.first is None else self.first.to_json(),
        }


def _pair(word: str, setting: Setting) -> dict[str, Any]:
    both = zip(("a", "b"), setting.values, strict=True)
    return {word: setting.name, **{side: value for side, value in both if value is not ABSENT}}


def difference(a: Path, b: Path) -> Difference:
    """Compare two runs. Trains nothing and writes nothing."""
    one, other = Side.at(a), Side.at(b)
    return Difference(
        one,
        other,
        tuple(differing([settings(side.manifest.config) for side in (one, other)])),
        tuple(differing([side.manifest.data for side in (one, other)])),
        tuple(differing([side.environment for side in (one, other)])),
        tuple(differing([side.metrics for side in (one, other)])),
        min(len(one.epochs), len(other.epochs)),
        next(_differing_epochs(one, other), None),
        _judged(one, other),
    )


def _judged(a: Side, b: Side) -> dict[str, tuple[Setting, ...]] | None:
    """What differs in the evaluations; a damaged one is of no matter where the other is missing."""
    if any(side.run is None or side.manifest.status != "complete" for side in (a, b)):
        return None
    both = [side.evaluation() or {} for side in (a, b)]
    parts = dict.fromkeys(part for one in both for part in one)
    return {part: tuple(differing([one.get(part, {}) for one in both])) for part in parts}


def _differing_epochs(a: Side, b: Side) -> Iterator[First]:
    for one, other in zip_longest(a.epochs, b.epochs):
        if one is None or other is None:
            return
        if one.digest == other.digest:
            if one.metrics != other.metrics:
                yield First(one.epoch, (), None, True)
            continue
        left = a.manifest.tensors.get(one.epoch)
        right = b.manifest.tensors.get(one.epoch)
        if left is None or right is None:
            yield First(one.epoch, (), None, False)
            continue
        names = sorted(left.keys() | right.keys())
        others = tuple(name for name in names if left.get(name) != right.get(name))
        yield First(one.epoch, others, len(names), False)
