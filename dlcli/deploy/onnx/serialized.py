"""A graph as the bytes of an ONNX model, by the package onnx."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcli.deploy.onnx.graph import BATCH, MICROSOFT, ML, TEXT, Graph, Op, Port
from dlcli.engine.layer import Array
from dlcli.errors import ExportError

OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
"""Of the file's own layout. Helpers of the package would write its newest, which older runtimes
do not read; opset 18 asks for this one."""

MOST_BYTES = (1 << 31) - 1
"""What one file of protocol buffers may have."""

_OPSETS: Mapping[str, int] = {"": OPSET, ML: ML_OPSET, MICROSOFT: 1}


def serialized(graph: Graph, name: str, metadata: Mapping[str, str], version: str) -> bytes:
    """The model as bytes, the same for the same graph.

    name: of the graph. metadata: what the file says about itself. version: of dlcli.
    ExportError where the file would be too large to be one.
    """
    import onnx
    from onnx import helper

    size = sum(array.nbytes for array in graph.constants.values() if array.dtype != TEXT)
    if size > MOST_BYTES:
        raise _too_large(size)
    proto = helper.make_graph(
        [_node(op) for op in graph.ops],
        name,
        [_value(port) for port in graph.inputs],
        [_value(port) for port in graph.outputs],
        [_tensor(name, array) for name, array in graph.constants.items()],
    )
    domains = {"", *(op.domain for op in graph.ops)}
    model = helper.make_model(
        proto,
        producer_name="dlcli",
        producer_version=version,
        ir_version=IR_VERSION,
        opset_imports=[
            helper.make_opsetid(domain, version)
            for domain, version in _OPSETS.items()
            if domain in domains
        ],
    )
    helper.set_model_props(model, dict(sorted(metadata.items())))
    size = model.ByteSize()
    if size > MOST_BYTES:
        raise _too_large(size)
    assert isinstance(model, onnx.ModelProto)
    return bytes(model.SerializeToString(deterministic=True))


def _too_large(size: int) -> ExportError:
    return ExportError(
        f"an ONNX file holds at most {MOST_BYTES:,} bytes, and this network needs {size:,}; "
        "deploy it as a `bundle`"
    )


def _node(op: Op) -> Any:
    from onnx import helper

    attributes = {
        name: _element(value) if isinstance(value, np.dtype) else value
        for name, value in op.attributes.items()
    }
    return helper.make_node(op.kind, op.inputs, op.outputs, domain=op.domain, **attributes)


def _value(port: Port) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(port.name, _element(port.dtype), [BATCH, *port.shape])


def _tensor(name: str, array: Array) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    if array.dtype == TEXT:
        texts = [text.encode() for text in array.ravel().tolist()]
        return helper.make_tensor(name, TensorProto.STRING, array.shape, texts)
    return numpy_helper.from_array(array, name)


def _element(dtype: np.dtype[Any]) -> Any:
    """The number of a type in the words of ONNX."""
    from onnx import TensorProto, helper

    return TensorProto.STRING if dtype == TEXT else helper.np_dtype_to_tensor_dtype(dtype)
