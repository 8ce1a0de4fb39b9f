"""The job of configs/mnist_cnn.yaml with one epoch, as the script that a Keras user would write.

    python -m tests.benchmarks.whole_keras FOLDER     MNIST's four files, or whole.npz

54,000 rows to train on, 6,000 to validate on, evaluation on the 10,000 of the test part. It
measures the accuracy only and writes nothing, where dlcli writes the whole run directory.
"""

import importlib
import os
import sys
from pathlib import Path


def main() -> None:
    """Train, validate, evaluate."""
    for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
        del os.environ[name]  # dlcli's pins, which the package above us has set
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import numpy as np

    from tests.benchmarks import data
    from tests.benchmarks.cases import SEED_CNN
    from tests.benchmarks.keras_peer import build

    folder = Path(sys.argv[1])
    keras = importlib.import_module("keras")
    if (folder / "whole.npz").is_file():
        stored = np.load(folder / "whole.npz")
        x, t, test_x, test_t = (stored[n] for n in ("x_train", "y_train", "x_test", "y_test"))
    else:
        x, t, test_x, test_t = data.read_mnist(folder)
    x, test_x = x.astype(np.float32) / 255, test_x.astype(np.float32) / 255
    model = build(keras, SEED_CNN)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    kept = (x[54_000:], t[54_000:])
    model.fit(x[:54_000], t[:54_000], epochs=1, batch_size=32, validation_data=kept, verbose=0)
    print(model.evaluate(test_x, test_t, verbose=0))


if __name__ == "__main__":
    main()
