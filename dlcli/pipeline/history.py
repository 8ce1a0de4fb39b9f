"""What the epochs of a training have shown so far, and what follows from it.

Everything but the epochs themselves and the digests of single tensors follows from the history,
so that is all that has to be saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlcli.artifacts.history import Epoch, digest_of_tensors
from dlcli.artifacts.manifest import BY_TENSOR
from dlcli.config.training import EarlyStopping


@dataclass
class History:
    """The epochs so far.

    tensors: the digest of each tensor after the first, the best and the last epochs.
    best: the monitored value of the best epoch, None before the first.
    waited: epochs since then; `stopped` once early stopping has had enough.
    """

    epochs: list[Epoch] = field(default_factory=list)
    tensors: dict[int, dict[str, str]] = field(default_factory=dict)
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    stopped: bool = False

    def by_tensor(self) -> list[int]:
        """The epochs of which the digest of each tensor is kept, in order."""
        last = len(self.epochs)
        recent = range(max(1, last - BY_TENSOR + 1), last + 1)
        return sorted({1, self.best_epoch, *recent}) if self.epochs else []


class Monitor:
    """Which value says that one epoch is better than another, and when to stop.

    As Keras's EarlyStopping: better means by more than `min_delta`; training stops when
    `patience` epochs in a row (at least one) were not better.
    """

    def __init__(self, stopping: EarlyStopping | None, validates: bool) -> None:
        self._stops = stopping is not None
        if stopping is not None:
            self.name = stopping.monitor
            self._sign = -1.0 if stopping.mode == "max" else 1.0
            self._min_delta, self._patience = stopping.min_delta, stopping.patience
        else:
            self.name = "val_loss" if validates else "loss"
            self._sign, self._min_delta, self._patience = 1.0, 0.0, 0

    @property
    def trains(self) -> bool:
        """Whether the value is one of the training part, which the best epoch may just have
        learned by heart."""
        return not self.name.startswith("val_")

    def enter(self, history: History, epoch: Epoch) -> bool:
        """Enter an epoch into the history; whether it is the best so far."""
        value = float(epoch.metrics[self.name])
        better = history.best is None or (
            self._sign * value + self._min_delta < self._sign * history.best
        )
        history.epochs.append(epoch)
        if better:
            history.best, history.best_epoch, history.waited = value, epoch.epoch, 0
        else:
            history.waited += 1
            history.stopped = self._stops and history.waited >= max(self._patience, 1)
        return better


def followed(stopping: EarlyStopping | None, epochs: Sequence[Epoch]) -> tuple[Monitor, History]:
    """What these epochs have shown, of which there is at least one; KeyError where one lacks the
    value that is monitored."""
    validates = any(name.startswith("val_") for name in epochs[-1].metrics)
    monitor, history = Monitor(stopping, validates), History()
    for epoch in epochs:
        monitor.enter(history, epoch)
    return monitor, history


def enter(
    monitor: Monitor,
    history: History,
    epoch: int,
    step: int,
    metrics: Mapping[str, Any],
    tensors: dict[str, str],
) -> bool:
    """Enter an epoch with the digests of its tensors; whether it is the best so far."""
    better = monitor.enter(history, Epoch(epoch, step, dict(metrics), digest_of_tensors(tensors)))
    history.tensors[epoch] = tensors
    for old in history.tensors.keys() - set(history.by_tensor()):
        del history.tensors[old]
    return better
