"""Clipping and accumulation against PyTorch, where gradients are clipped and added by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.engine.gradients import Gradients
from dlcli.engine.graph import connect
from dlcli.engine.layer import Array
from dlcli.engine.layers import Dense
from dlcli.engine.model import Model
from dlcli.engine.optimizers import Momentum
from dlcli.engine.team import Alone
from dlcli.engine.updates import Updates

pytestmark = pytest.mark.parity

STEPS = 20
LIMITS = st.floats(0.05, 3.0)


def clip(way: str | None, limit: float, parameters: list[Any]) -> None:
    """As PyTorch's users do it."""
    if way == "clipvalue":
        torch.nn.utils.clip_grad_value_(parameters, limit)
    elif way == "global_clipnorm":
        torch.nn.utils.clip_grad_norm_(parameters, limit)
    elif way == "clipnorm":
        for parameter in parameters:
            torch.nn.utils.clip_grad_norm_([parameter], limit)


@pytest.mark.parametrize("way", ["clipnorm", "global_clipnorm", "clipvalue", None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(limit=LIMITS, every=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_twenty_batches(way: str | None, dtype: Any, limit: float, every: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    model = Model(connect([("one", Dense(40)), ("two", Dense(3))], (200,)))
    theta = draw.normal(size=model.layout.size).astype(dtype)
    start = theta.copy()
    options: dict[str, Any] = {way: limit} if way else {}
    optimizer = Momentum(0.1, gradient_accumulation_steps=every, **options)
    gradients = Gradients(model, 4, 4, dtype)
    updates = Updates(model, optimizer, gradients, theta)
    team = Alone(updates.phases)

    parameters = {
        name: torch.nn.Parameter(torch.tensor(array.copy()))
        for name, array in model.layout.named(theta).items()
    }
    other = torch.optim.SGD(parameters.values(), lr=0.1, momentum=0.9)
    for step in range(STEPS):
        for layer, arrays in gradients.shard(0).items():
            for slot, array in arrays.items():
                drawn: Array = draw.normal(size=array.shape).astype(dtype) * limit
                array[:] = drawn
                parameter = parameters[f"{layer}.{slot}"]
                part = torch.tensor(drawn) / every
                parameter.grad = part if parameter.grad is None else parameter.grad + part
        updates.run(team, step, 4, 1.0)
        if step % every == every - 1:
            clip(way, limit, list(parameters.values()))
            other.step()
            other.zero_grad()
    apart = moved = 0.0
    first = model.layout.named(start)
    for name, found in model.layout.named(theta).items():
        wanted = parameters[name].detach().numpy()
        apart += float(np.sum((found - wanted) ** 2))
        moved += float(np.sum((wanted - first[name]) ** 2))
    # PyTorch adds 1e-6 to the norm that it divides by.
    added = 1e-6 / limit if way in ("clipnorm", "global_clipnorm") else 0.0
    share = {np.float64: 1e-9, np.float32: 1e-5}[dtype] + added
    assert apart**0.5 <= share * moved**0.5
