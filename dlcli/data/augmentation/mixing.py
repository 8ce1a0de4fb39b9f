"""Rows mixed with others: `mix_up` and `cut_mix`.

The targets of the two rows are mixed with them, and so are the weights, where rows or classes have
any. Let s be the share of a row's own, w its weight, t its target, and s' = 1 - s, w', t' those
of its partner. The loss of a mixed row is to be s w l(y, t) + s' w' l(y, t'), so that each target
counts as much as it would alone. With

    W = s w + s' w'        T = (s w t + s' w' t') / W

this is W l(y, T) for the crossentropies, which are linear in t, and W (y - T)^2 but for a number
that no parameter moves for mean_squared_error. (For mean_absolute_error it is another loss, that
of the mixed target, as wherever rows are mixed.) So a mixed row has the weight W and the target T.
Where all weights are equal, T is s t + s' t'. Where both are 0 it is that, too, and does not
count. (Keras's layers leave sample weights as they are.)

Class ids become one-hot rows, which categorical_crossentropy takes; a loss for ids alone is
refused. Metrics of the training part, which are worked out while it is learned from, take the
class with the largest share for the true one (a label or the second of two classes where its share
is above 1/2), as `categorical_accuracy` of Keras does; Keras's `binary_accuracy` would count
every mixed target as wrong. All other parts are judged as they are.
"""

import numpy as np

from dlcli.data.augmentation.base import Draws, Mix, Mixing, between, require_images
from dlcli.data.augmentation.beta import CHANCES, NORMALS, beta
from dlcli.data.augmentation.boxes import boxes
from dlcli.data.dataset import Array, Shape
from dlcli.data.fitting import Misfit
from dlcli.frozen import frozen


@frozen
class MixUp(Mixing):
    """Mixes each row with another one, number by number: s x + (1 - s) x', with s of
    Beta(alpha, alpha).

    The partner is any row of the training part, each as likely, also the row itself; in Keras it
    is one of the same batch.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2017), as keras.layers.MixUp.
    """

    alpha: float = 0.2

    def check(self, row_shape: Shape) -> None:
        """Rows of any shape can be mixed."""

    def draw(self, row_shape: Shape, count: int, draws: Draws) -> Mix:
        chances = draws.uniform(2 + CHANCES)
        alphas = np.full(len(chances), self.alpha, np.float32)
        shares = beta(alphas, draws.normal(NORMALS), chances[:, 2:])
        return Mix(_partners(count, chances[:, :2]), shares)


@frozen
class CutMix(Mixing):
    """Puts a rectangle of another image into each one.

    Its sides are those of the image times sqrt(1 - b), with b of Beta(a, a). The share of the
    image's own is that of the pixels that are left, to the pixel; Keras takes the rectangle's area
    before it is rounded to pixels.

    factor: the least and the largest a, uniform between them, for each row its own (in Keras for
        each batch). One number f stands for 0 to f; the paper's Beta(1, 1) is `[1, 1]`.

    The partner is any row of the training part, each as likely, also the row itself.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features" (2019), as keras.layers.CutMix, which keeps all of the rectangle inside.
    """

    factor: tuple[float, float] = (0.0, 1.0)

    def check(self, row_shape: Shape) -> None:
        require_images("cut_mix", row_shape)
        if row_shape[0] * row_shape[1] < 2:
            raise Misfit(f"cut_mix needs images of several pixels, not rows of shape {row_shape}")

    def draw(self, row_shape: Shape, count: int, draws: Draws) -> Mix:
        height, width = row_shape[:2]
        chances = draws.uniform(5 + CHANCES)
        alphas = between(*self.factor, chances[:, 2]) + np.float32(1e-6)
        kept = beta(alphas, draws.normal(NORMALS), chances[:, 5:])
        side = np.sqrt(np.float32(1.0) - kept)
        theirs = boxes(height, width, side, side, chances[:, 3:5])
        cut = np.count_nonzero(theirs, axis=(1, 2, 3)).astype(np.float32)
        shares = np.float32(1.0) - cut / np.float32(height * width)
        return Mix(_partners(count, chances[:, :2]), shares, theirs)


def _partners(count: int, chances: Array) -> Array:
    """Places from 0 to count - 1, by chances (n, 2) of 24 bits each."""
    both = chances[:, 0].astype(np.float64) + chances[:, 1].astype(np.float64) / (1 << 24)
    return np.floor(both * count).astype(np.int64)
