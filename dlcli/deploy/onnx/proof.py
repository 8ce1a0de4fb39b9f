"""The files' answers beside the engine's, on the golden batch and on many rows like it."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.artifacts.reading import read_bytes
from dlcli.artifacts.tensors import read_tensors
from dlcli.data.dataset import ONLY
from dlcli.data.strange import codes_of_unknown
from dlcli.deploy.bundle import Bundle, golden_rows
from dlcli.deploy.compared import answerable, compared
from dlcli.deploy.exporter import Proof
from dlcli.deploy.onnx.answers import label_names
from dlcli.deploy.onnx.inputs import feeds
from dlcli.deploy.onnx.serialized import MOST_BYTES
from dlcli.deploy.rows_like import rows_like, takes_cell
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
    largest, rows, beyond = 0.0, 0, 0
    sessions = [session(path) for path in (model, network)]
    for stored, wanted in ((given, recorded["y"]), (more, bundle.predict(more))):
        rows += len(wanted)
        found = {
            model.name: model_answers(bundle, sessions[0], stored, strange),
            network.name: network_answers(bundle, sessions[1], stored),
        }
        for name, (answers, label) in found.items():
            seen = compared(bundle, stored, answers, wanted, f"{name} in ONNX Runtime")
            largest, beyond = max(largest, seen.largest), beyond + seen.beyond
            if label is not None:
                require_labels(bundle, stored, label, answers, wanted, name)
    return Proof(f"onnxruntime {onnxruntime.__version__}", rows, largest, beyond)


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
    found = _run(bundle, model, feeds(bundle, stored, strange))
    kind, _ = bundle.loss.kind(bundle.model.out_shape)
    if kind == "binary":
        return found[1][:, 1].reshape(-1, *bundle.model.out_shape), found[0]
    return found[-1], found[0] if kind == "multiclass" else None


_NUMBERS_AT_ONCE = 1 << 26
"""Of the largest value of the network, so that the proof of large images fits into memory."""


def _run(bundle: Bundle, model: Any, given: Mapping[str, Array]) -> list[Array]:
    """The outputs of a file for these inputs, as many rows at once as memory should have room
    for."""
    largest = max(prod(node.out_shape) for node in bundle.model.plain)
    size, count = max(1, _NUMBERS_AT_ONCE // largest), len(next(iter(given.values())))
    parts = [
        model.run(None, {name: rows[start : start + size] for name, rows in given.items()})
        for start in range(0, count, size)
    ]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def network_answers(
    bundle: Bundle, network: Any, stored: Mapping[str, Array]
) -> tuple[Array, None]:
    """The answers that follow from what network.onnx gives."""
    names = [one.name for one in network.get_inputs()]
    xs = [bundle.preprocessing[name].apply(stored[name]) for name in bundle.model.inputs]
    (y,) = _run(bundle, network, dict(zip(names, xs, strict=True)))
    with np.errstate(all="ignore"):
        answers = bundle.loss.predict(y)
        if bundle.target_scale is not None:
            answers = bundle.target_scale.inverse(answers)
    return answers, None


def require_labels(
    bundle: Bundle,
    stored: Mapping[str, Array],
    label: Array,
    found: Array,
    wanted: Array,
    name: str,
) -> None:
    """ExportError for a label that does not follow from the file's own answers, as dlcli's tables
    have it: the first class of the highest probability, or the second of two above 0.5.

    Where the answers are near, so are the labels the engine's, but where two classes are as near.
    """
    names = label_names(bundle)
    flat = found.reshape(len(found), -1)
    chosen = flat.argmax(axis=1) if flat.shape[1] > 1 else (flat[:, 0] > 0.5).astype(np.int64)
    own = chosen if names is None else np.array(names, object)[chosen]
    wrong = (label != own) & answerable(bundle, stored, wanted)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ExportError(
            f"{name} calls row {row} (counted from 0) {label[row]!r} instead of {own[row]!r}; do "
            "not deploy it"
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
                if text not in known and takes_cell(fitted, table[:1], place, code(text)):
                    table[row, place] = code(text)
                    strange[port, float(table[row, place])] = text
    return changed, strange
