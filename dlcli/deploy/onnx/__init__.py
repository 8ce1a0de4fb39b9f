"""The format `onnx`: one file that takes rows as a table has them, and one of the network alone.

    deploy/onnx/model.onnx      rows in, answers out: preprocessing, network, answers
    deploy/onnx/network.onnx    prepared rows in, raw outputs out, by operators of the default
                                domain alone: for runtimes that know no others

Read `exporter.py` for what they promise, then

    graph.py            nodes and constants, put together without the package onnx
    serialized.py       ... and what that package makes of them
    values.py           a value of the network, with its channels last or first
    network.py          the layers one after the other, by the tables of
    layers.py           (activations.py, merges.py, normalizations.py, windows.py)
    searching.py        numbers found among sorted ones, and lines between known points
    smooth.py           functions of float64 that ONNX has not
    preprocessing.py    the steps of preprocessing (encodings.py, dates.py)
    inputs.py           what goes in: names, types, and texts as the codes that they are stored as
    answers.py          what comes out (targets.py undoes the scale of a target)
    described.py        what a file says about itself
    proof.py            the files' answers beside the engine's
"""
