"""The files' answers beside the engine's, on the golden batch and on many rows like it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.artifacts.reading import read_bytes
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.dataset import ONLY
from dlcli.data.strange import codes_of_unknown
from dlcli.deploy.bundle import Bundle, answer, golden_rows
from dlcli.deploy.exporter import ABSOLUTE, RELATIVE, Proof, require_near
from dlcli.deploy.onnx.answers import label_names
from dlcli.deploy.onnx.inputs import feeds
from dlcli.deploy.onnx.serialized import MOST_BYTES
from dlcli.deploy.rows_like import rows_like
from dlcli.engine.layer import Array
from dlcli.errors import ExportError
from dlcli.randomness import Stream

Strange = Mapping[tuple[str, float], str]


def proved(bundle: Bundle, model: Path, network: Path, golden: Path) -> Proof:
    """ExportError unless both files are valid, and answer as the engine does."""
    import onnxruntime

    recorded = read_tensors(golden).arrays
    given = golden_rows(recorded, bundle)
    more, strange = with_strange_texts(bundle, rows_like(given, bundle.preprocessing))
    largest, rows = 0.0, 0
    sessions = [session(path) for path in (model, network)]
    for stored, wanted in ((given, recorded["y"]), (more, bundle.predict(more))):
        rows += len(wanted)
        found = {
            model.name: model_answers(bundle, sessions[0], stored, strange),
            network.name: network_answers(bundle, sessions[1], stored),
        }
        for name, (answers, label) in found.items():
            apart = compared(bundle, stored, answers, wanted, f"{name} in ONNX Runtime")
            largest = max(largest, apart)
            if label is not None:
                require_labels(bundle, stored, label, wanted, name)
    return Proof(f"onnxruntime {onnxruntime.__version__}", rows, largest)


def session(path: Path) -> Any:
    """A file of ONNX, checked and ready to answer, by one thread."""
    import onnx
    import onnxruntime

    data = read_bytes(path, MOST_BYTES)
    try:
        onnx.checker.check_model(data, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both packages raise classes of their own, of no common kind
        why = " ".join(str(error).split())[:300]
        raise ExportError(f"{path} is no valid ONNX model: {why}") from error


def model_answers(
    bundle: Bundle, model: Any, stored: Mapping[str, Array], strange: Strange
) -> tuple[Array, Array | None]:
    """The answers of model.onnx as the engine gives them, and the labels where there are any."""
    found = model.run(None, feeds(bundle, stored, strange))
    kind, _ = bundle.loss.kind(bundle.model.out_shape)
    if kind == "binary":
        return found[1][:, 1].reshape(-1, *bundle.model.out_shape), found[0]
    return found[-1], found[0] if kind == "multiclass" else None


def network_answers(
    bundle: Bundle, network: Any, stored: Mapping[str, Array]
) -> tuple[Array, None]:
    """The answers that follow from what network.onnx gives."""
    names = [one.name for one in network.get_inputs()]
    xs = [bundle.preprocessing[name].apply(stored[name]) for name in bundle.model.inputs]
    (y,) = network.run(None, dict(zip(names, xs, strict=True)))
    with np.errstate(all="ignore"):
        answers = bundle.loss.predict(y)
        if bundle.target_scale is not None:
            answers = bundle.target_scale.inverse(answers)
    return answers, None


def compared(
    bundle: Bundle, stored: Mapping[str, Array], found: Array, wanted: Array, what: str
) -> float:
    """The largest difference, by `require_near`.

    A row of which the engine's answer is not finite is refused by dlcli, and one of which a
    prepared number is not finite, too; the file's must then not be finite either.
    """
    if found.shape != wanted.shape:
        return require_near(found, wanted, what)
    fine = answerable(bundle, stored, wanted)
    if (_finite(found) & ~fine).any():
        raise ExportError(
            f"{what} has an answer to a row that the engine has none for; do not deploy it"
        )
    if bundle.target_scale is None:
        return require_near(found[fine], wanted[fine], what)
    some = {name: rows[fine] for name, rows in stored.items()}
    return near_as_learned(bundle, some, found[fine], wanted[fine], what)


def near_as_learned(
    bundle: Bundle, stored: Mapping[str, Array], found: Array, wanted: Array, what: str
) -> float:
    """`require_near` of what was learned, where the target was scaled.

    What counts is how far the network's own outputs y are apart, in the units that it learned: the
    scale of a target may make any number of their last digit. It ascends, so an answer is good
    between those to y - t and y + t, with the t that `require_near` allows for y.
    """
    assert bundle.target_scale is not None
    xs = [bundle.preprocessing[name].apply(stored[name]) for name in bundle.model.inputs]
    y = answer(bundle.model, bundle.loss, bundle.theta, xs, None).astype(np.float64)
    reach = ABSOLUTE + RELATIVE * np.abs(y)
    with np.errstate(all="ignore"):
        low, high = (bundle.target_scale.inverse(end) for end in (y - reach, y + reach))
    require_near(wanted + (found - np.clip(found, low, high)), wanted, what)
    return float(np.abs(found - wanted).max(initial=0.0))


def answerable(bundle: Bundle, stored: Mapping[str, Array], wanted: Array) -> Array:
    """Which rows are answered by dlcli: all that is prepared, and the answer, is finite."""
    fine = _finite(wanted)
    for name, fitted in bundle.preprocessing.items():
        fine = fine & _finite(fitted.apply(stored[name]))
    return fine


def _finite(numbers: Array) -> Array:
    """Which rows have finite numbers alone."""
    return np.asarray(np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))


def require_labels(
    bundle: Bundle, stored: Mapping[str, Array], label: Array, wanted: Array, name: str
) -> None:
    """ExportError for a label that is not the engine's, unless two classes are as near."""
    flat = wanted.reshape(len(wanted), -1)
    names = label_names(bundle)
    if flat.shape[1] == 1:
        flat = np.concatenate([1 - flat, flat], axis=1)
        own = (flat[:, 1] > 0.5).astype(np.int64)
    else:
        own = flat.argmax(axis=1)
    number = {text: index for index, text in enumerate(names or ())}
    for row in np.flatnonzero(answerable(bundle, stored, wanted)).tolist():
        chosen = label[row] if names is None else number.get(label[row], -1)
        known = 0 <= chosen < flat.shape[1]
        apart = abs(float(flat[row, own[row]]) - float(flat[row, chosen])) if known else np.inf
        if apart > 2.0 * (ABSOLUTE + RELATIVE):
            raise ExportError(
                f"{name} calls row {row} (counted from 0) {label[row]!r}, and the engine does not; "
                "do not deploy it"
            )


def with_strange_texts(
    bundle: Bundle, rows: Mapping[str, Array]
) -> tuple[dict[str, Array], Strange]:
    """The rows with texts that training did not have in one of twenty cells of hashed columns; and
    these texts, by the input and the code that they are stored as."""
    changed, strange = dict(rows), {}
    for name, fitted in bundle.preprocessing.items():
        for column, code in codes_of_unknown(fitted).items():
            place = [one.name for one in fitted.columns or ()].index(column)
            known = (fitted.columns or ())[place].categories or ()
            port = column if name == ONLY else f"{name}.{column}"
            table = changed[name] = changed[name].copy()
            drawn = Stream(0, "strange texts", name, column).uniform(len(table))
            for row in np.flatnonzero(drawn < 0.05).tolist():
                text = f"text {row} ü"
                if text not in known:
                    table[row, place] = code(text)
                    strange[port, float(table[row, place])] = text
    return changed, strange
