"""How the parameters move, given their gradient.

An optimizer is a frozen dataclass of choices; what it remembers between steps are flat vectors
of the parameters' length, named in `state`. Every rule is elementwise, so a step works on any
contiguous piece: the trainer cuts the flat vector into pieces that stay in the processor's
cache and hands them to all workers, and the bits are those of one step on the whole.

Letters: theta the parameters, g the gradient, t the number of the step counting from 1.
Formulas, defaults and the place of epsilon are Keras's. Scalars are worked out in Python floats
with + - * / and square root only, and rounded to theta's dtype before they meet an array.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from dlcli.engine.layer import Array
from dlcli.engine.schedule import Schedule, integer_power
from dlcli.frozen import frozen

State = Mapping[str, Array]


@frozen(kw_only=True)
class Optimizer(ABC):
    """A rule that moves theta against g, after a part of theta was taken away from it:

        theta -= rate weight_decay theta

    learning_rate: the rate, a number or a schedule.
    weight_decay: every parameter decays, biases included, except those whose full name
        (`dense_1.bias`) contains one of `exclude_from_weight_decay`. The decay does not pass
        through what the rule remembers, as in Keras; in PyTorch only AdamW's does not.
    clipnorm, global_clipnorm, clipvalue: what becomes of large gradients, before anything else;
        one of the three at most. See clipping.py.
    gradient_accumulation_steps: the mean gradient of so many batches makes one update.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019).
    """

    state: ClassVar[tuple[str, ...]] = ()
    """Names of the flat vectors it remembers."""

    learning_rate: float | Schedule
    weight_decay: float = 0.0
    exclude_from_weight_decay: tuple[str, ...] = ()
    clipnorm: float | None = None
    global_clipnorm: float | None = None
    clipvalue: float | None = None
    gradient_accumulation_steps: int = 1

    def over(self, updates: int, updates_an_epoch: float) -> Self:
        """The same for a run of so many updates; see Schedule."""
        rate = self.learning_rate
        if not isinstance(rate, Schedule):
            return self
        return replace(self, learning_rate=rate.over(updates, updates_an_epoch))

    def rate(self, step: int) -> float:
        """The learning rate of the update that has so many before it."""
        rate = self.learning_rate
        return rate.rate(step) if isinstance(rate, Schedule) else rate

    def initial(self, name: str) -> float:
        """The number that the state vector of this name is filled with at first."""
        return 0.0

    def decays(self, name: tuple[str, str]) -> bool:
        """Whether weight decay applies to the parameter (layer, slot); see Layout."""
        full = ".".join(name)
        return not any(part in full for part in self.exclude_from_weight_decay)

    def step(
        self,
        theta: Array,
        grad: Array,
        state: State,
        work: Array,
        *,
        t: int,
        rate: float,
        decayed: bool = True,
    ) -> None:
        """Move one piece, in place on theta and on the state's vectors.

        theta, grad and each vector of the state are the same contiguous piece, of shape (n,);
        grad is only read. work is (3, n) scratch of theta's dtype, so nothing is allocated.
        rate: the learning rate of this step.
        decayed: whether weight decay applies to this piece.
        """
        if decayed and self.weight_decay:
            # theta *= 1 - rate would be a pass less, but in float32 1 - 4e-6 is off by up to
            # 1 % of the 4e-6.
            np.multiply(theta, theta.dtype.type(rate * self.weight_decay), out=work[0])
            theta -= work[0]
        self._move(theta, grad, state, work, t, rate)

    @abstractmethod
    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        """Move one piece by the rule; see `step`.

        It is called once for each piece of the parameters: numbers that change from step to step
        are worked out from t (see `integer_power`), and nothing but `state` is remembered.
        """


@frozen
class SGD(Optimizer):
    """Stochastic gradient descent.

        theta -= learning_rate g

    Source: Robbins and Monro, "A stochastic approximation method" (1951).
    """

    learning_rate: float | Schedule = 0.01

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        descent = work[0]
        np.multiply(grad, theta.dtype.type(rate), out=descent)
        theta -= descent


@frozen
class Momentum(Optimizer):
    """Gradient descent of a heavy ball, or with Nesterov's look ahead.

        velocity = momentum velocity - learning_rate g
        theta += velocity                                      heavy ball
        theta += momentum velocity - learning_rate g           nesterov

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964);
    Nesterov (1983) in the form of Sutskever et al., "On the importance of initialization and
    momentum in deep learning" (ICML 2013).
    """

    state = ("velocity",)

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.9
    nesterov: bool = False

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        scalar = theta.dtype.type
        velocity, descent, ahead = state["velocity"], work[0], work[1]
        np.multiply(grad, scalar(rate), out=descent)
        velocity *= scalar(self.momentum)
        velocity -= descent
        if self.nesterov:
            np.multiply(velocity, scalar(self.momentum), out=ahead)
            ahead -= descent
            theta += ahead
        else:
            theta += velocity


@frozen
class Adagrad(Optimizer):
    """A rate for every parameter, which falls as its squared gradients accumulate.

        accumulator += g^2                                     from initial_accumulator_value
        theta -= learning_rate g / sqrt(accumulator + epsilon)

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization" (JMLR 2011).
    """

    state = ("accumulator",)

    learning_rate: float | Schedule = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def initial(self, name: str) -> float:
        return self.initial_accumulator_value

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        scalar = theta.dtype.type
        accumulator, descent, root = state["accumulator"], work[0], work[1]
        np.multiply(grad, grad, out=descent)
        accumulator += descent
        np.add(accumulator, scalar(self.epsilon), out=root)
        np.sqrt(root, out=root)
        np.multiply(grad, scalar(rate), out=descent)
        descent /= root
        theta -= descent


@frozen
class RMSprop(Optimizer):
    """The gradient divided by a running average of its recent size.

        velocity = rho velocity + (1 - rho) g^2
        theta -= learning_rate g / sqrt(velocity + epsilon)

    Source: Hinton, Srivastava and Swersky, "Neural networks for machine learning", lecture 6e
    (2012).
    """

    state = ("velocity",)

    learning_rate: float | Schedule = 0.001
    rho: float = 0.9
    epsilon: float = 1e-7

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        scalar = theta.dtype.type
        velocity, descent, root = state["velocity"], work[0], work[1]
        np.multiply(grad, grad, out=descent)
        descent *= scalar(1.0 - self.rho)
        velocity *= scalar(self.rho)
        velocity += descent
        np.add(velocity, scalar(self.epsilon), out=root)
        np.sqrt(root, out=root)
        np.multiply(grad, scalar(rate), out=descent)
        descent /= root
        theta -= descent


@frozen
class Adam(Optimizer):
    """Running averages of the gradient and of its square, corrected for starting at zero.

        m = beta_1 m + g
        v = beta_2 v + g^2
        rate = learning_rate (1 - beta_1) / (1 - beta_1^t) sqrt((1 - beta_2^t) / (1 - beta_2))
        theta -= rate m / (sqrt(v) + epsilon / sqrt(1 - beta_2))

    The averages are kept without their factors 1 - beta, which the rate and epsilon make up for:
    with M = (1 - beta_1) m and V = (1 - beta_2) v this is Keras's

        theta -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) M / (sqrt(V) + epsilon)

    in ten passes over memory instead of twelve. It is the order of operations at the end of the
    paper's section 2, whose epsilon is not corrected (the "epsilon hat" of the paper).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015).
    """

    state = ("m", "v")

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _move(
        self, theta: Array, grad: Array, state: State, work: Array, t: int, rate: float
    ) -> None:
        scalar = theta.dtype.type
        m, v, change, root = state["m"], state["v"], work[0], work[1]
        spread = math.sqrt(1.0 - self.beta_2)
        corrected = (
            rate
            * (1.0 - self.beta_1)
            / (1.0 - integer_power(self.beta_1, t))
            * math.sqrt(1.0 - integer_power(self.beta_2, t))
            / spread
        )
        m *= scalar(self.beta_1)
        m += grad
        v *= scalar(self.beta_2)
        np.multiply(grad, grad, out=change)
        v += change
        np.sqrt(v, out=root)
        root += scalar(self.epsilon / spread)
        np.multiply(m, scalar(corrected), out=change)
        change /= root
        theta -= change


@frozen(kw_only=True)
class AdamW(Adam):
    """Adam whose parameters decay by default, biases included."""

    weight_decay: float = 0.004


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "momentum": Momentum,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
