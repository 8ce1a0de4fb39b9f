"""Mistakes in a config, through the command line: exit 2, every mistake at once, on its line."""

from pathlib import Path

import pytest

from dlcli.artifacts.tensors import encode_tensors
from tests.cli.calls import dlcli, refused, settings, train
from tests.cli.small import IMAGES, write


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "net.yaml"


def told(config: Path, text: str, *arguments: str | Path) -> str:
    """What `validate` and `train` both say about a config."""
    config.write_text(text, encoding="utf-8")
    output = config.parent / "runs"
    message = refused(dlcli("validate", config, *arguments), 2)
    # Training says it after the stages that went well.
    assert refused(train(config, output, *arguments), 2).endswith(message)
    assert not output.exists()
    return message


def test_every_mistake_is_told_at_once_with_its_line(config: Path) -> None:
    text = (
        IMAGES.replace("optimizer: adam", "optimizer: {type: adam, learnin_rate: 1e-3}")
        .replace("kernel_size: 3", "kernel_size: three")
        .replace("loss: sparse_categorical_crossentropy", "loss: sparse_crossentropy")
        .replace("epochs: 2", "epochs: 0")
    )
    message = told(config, text)
    places = [f"{config}:{line}:" for line in (8, 12, 13, 14)]
    assert all(place in message for place in places), message
    assert "unknown key `learnin_rate`, did you mean `learning_rate`?" in message
    assert "  optimizer: {type: adam, learnin_rate: 1e-3}\n" in message
    assert message.count("^") == 4


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("kernel_size: 3", "kernel_size: 9", 8, ("9 x 9", "8 x 8")),
        ("- flatten\n", "- {type: reshape, target_shape: [7, 5]}\n", 10, ("(3, 3, 9)", "[7, 5]")),
        ("- {type: max_pooling2d}", "- {type: max_pooling2d, pool_size: 7}", 9, ("7 x 7", "6 x 6")),
        ("- {type: conv2d", "- flatten\n    - {type: conv2d", 9, ("(64,)",)),
        ("    - flatten\n", "", 10, ("(3, 3, 10)",)),
        ("units: 10", "units: 9", 11, ("9", "10")),
        ("{type: rescale, scale: 0.0625}", "{type: reshape, target_shape: [5, 5]}", 5, ("5",)),
        ("{type: rescale, scale: 0.0625}", "{type: one_hot, columns: [a]}", 5, ("one_hot",)),
    ],
)  # fmt: skip
def test_a_layer_that_cannot_take_its_input_is_shown_on_its_line_with_both_shapes(
    config: Path, old: str, new: str, line: int, words: tuple[str, ...]
) -> None:
    assert old in IMAGES
    message = told(config, IMAGES.replace(old, new, 1))
    assert f"{config}:{line}:" in message, message
    assert all(word in message for word in words), message
    assert "^" in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (settings(optimizer__learning_rate="fast"), "--set optimizer.learning_rate=fast: "),
        (settings(optimizer__learnin_rate=1), "did you mean `learning_rate`?"),
        (settings(model__layers__0__filters=0), "--set model.layers.0.filters=0: "),
        (settings(model__layers__7__filters=3), "--set model.layers.7.filters=3: "),
        (settings(model__layers__0__kernel_size=9), "(--set model.layers.0.kernel_size=9)"),
        (settings(training="no"), "--set training=no: "),
        (["--set", "training.epochs"], "--set training.epochs: "),
        (["--set", "=3"], "--set =3: "),
        (["--set", "optimizer=&a adam"], "--set "),
        (settings(data__split__validation=0.9, data__split__test=0.3), "sum to less than 1"),
        (settings(evaluation__metrics="[r2]"), "the metric `r2` does not suit"),
        (settings(training__early_stopping="{monitor: val_f1}"), "cannot be monitored"),
        (settings(runtime__numerics="exact"), "portable"),
        (settings(deployment__formats="[onyx]"), "deployment format"),
    ],
)
def test_an_override_that_cannot_be_is_cited(
    config: Path, arguments: list[str], words: str
) -> None:
    assert words in told(config, IMAGES, *arguments)


def test_a_later_override_wins_and_may_replace_a_whole_component(config: Path) -> None:
    config.write_text(IMAGES)
    options = settings(seed=1) + settings(seed=2, optimizer="sgd", training__max_steps=2)
    run = train(config, config.parent / "runs", *options).run
    resolved = (run / "config.resolved.yaml").read_text()
    assert "seed: 2\n" in resolved and "type: sgd" in resolved and "max_steps: 2" in resolved
    assert (run / "config.yaml").read_text() == IMAGES


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"# nothing\n", b"[]", b"3", b"null", b"a: b: c", b"a: 1\na: 2\n", b"\xff\xfe",
        b"\x00", b"{", b"- - -", b"data: &x {}\nmodel: *x\n", b"--- {}\n--- {}\n", b"!!python/none",
        b"data: {source: digits}\n", b"\xef\xbb\xbfname: x\n", b"a" * 300_000, b"[" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_config_is_a_config_error(content: bytes, config: Path) -> None:
    config.write_bytes(content)
    message = refused(dlcli("validate", config), 2)
    assert "net.yaml" in message
    assert refused(train(config, config.parent / "runs"), 2) == message
    assert not (config.parent / "runs").exists()


def test_a_config_that_is_not_there_or_a_directory(tmp_path: Path) -> None:
    for command in ("train", "validate"):
        assert "there is no such file" in refused(dlcli(command, tmp_path / "no.yaml"), 2)
        assert "this is a directory" in refused(dlcli(command, tmp_path), 2)
        assert refused(dlcli(command, tmp_path / "a\nb.yaml"), 2)
        assert refused(dlcli(command, tmp_path / "\udcff.yaml"), 2)
        assert refused(dlcli(command, tmp_path / "no.yaml" / "x.yaml"), 2)


def test_a_test_fraction_for_a_source_with_a_test_part_is_refused(
    config: Path, mnist: list[str]
) -> None:
    path = Path(__file__).parents[2] / "configs" / "mnist_mlp.yaml"
    call = dlcli("validate", path, *mnist, "--set", "data.split.test=0.3")
    assert "test part of its own" in refused(call, 2)


def test_a_monitor_that_needs_validation_rows(config: Path) -> None:
    options = settings(data__split__validation=0, training__early_stopping="{patience: 1}")
    assert "is monitored, but `data.split.validation` is 0" in told(config, IMAGES, *options)


def test_initial_weights_must_fit_the_model(tmp_path: Path) -> None:
    import numpy as np

    config = write(tmp_path, "prices")
    output = tmp_path / "runs"
    weights = {
        "dense_1.kernel": np.full((1, 5), 0.25, np.float32),
        "dense_1.bias": np.zeros(5, np.float32),
        "dense_2.kernel": np.full((5, 1), 0.5, np.float32),
        "dense_2.bias": np.zeros(1, np.float32),
    }
    given = tmp_path / "start.safetensors"
    options = settings(model__initial_weights="start.safetensors", training__max_steps=1)

    def trained(
        code: int, arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]
    ) -> str:
        given.write_bytes(encode_tensors(arrays))
        return refused(train(config, output, *options), code)

    assert "was not found" in refused(train(config, output, *options), 3)
    assert "does not hold 'dense_1.bias'" in trained(
        2, {k: v for k, v in weights.items() if k != "dense_1.bias"}
    )
    assert "'dense_9.bias', which no layer" in trained(
        2, {**weights, "dense_9.bias": weights["dense_1.bias"]}
    )
    assert "shape (1,), the model needs (5,)" in trained(
        2, {**weights, "dense_1.bias": np.zeros(1, np.float32)}
    )
    assert "holds NaN or Inf" in trained(
        3, {**weights, "dense_1.bias": np.full(5, np.nan, np.float32)}
    )
    given.write_bytes(b"not tensors")
    assert "start.safetensors" in refused(train(config, output, *options), 4)
    assert not output.exists()
    given.write_bytes(encode_tensors(weights))
    run = train(config, output, *options, *settings(optimizer__learning_rate=1e-30)).run
    from dlcli.artifacts.tensors import read_tensors

    kept = read_tensors(run / "model" / "weights.safetensors").arrays
    assert all(np.abs(kept[name] - array).max() < 1e-20 for name, array in weights.items())
