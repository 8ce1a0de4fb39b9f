"""What a translation does to pixels, beside Keras."""

from typing import Any

import numpy as np
import pytest

from dlcli.data.augmentation import RandomTranslation
from tests.parity.twins import keras

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("fill", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_translation_is_that_of_keras(fill: Any, interpolation: Any) -> None:
    draw = np.random.default_rng(0)
    images = draw.normal(size=(8, 9, 7, 2)).astype(np.float32)
    down, right = draw.uniform(-4, 4, (2, 8)).astype(np.float32)
    ours = RandomTranslation(fill_mode=fill, interpolation=interpolation, fill_value=0.5)
    found = ours.moved(ours.moved(images, down, 1), right, 2)
    transforms = np.zeros((8, 8), np.float32)
    transforms[:, [0, 4]] = 1.0
    transforms[:, 2], transforms[:, 5] = -right, -down
    wanted = keras.ops.image.affine_transform(
        images, transforms, interpolation=interpolation, fill_mode=fill, fill_value=0.5
    )
    np.testing.assert_allclose(found, np.asarray(wanted), atol=2e-6)
