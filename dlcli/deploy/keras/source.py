"""What the format `keras` writes: model.py, model.safetensors, preprocessing.safetensors.

Nothing of Keras is needed to write it.
"""

from dlcli.data.dataset import ONLY
from dlcli.deploy.bundle import Bundle
from dlcli.deploy.keras.layers import LAYERS
from dlcli.deploy.keras.merges import MERGES
from dlcli.deploy.keras.network import Network, network
from dlcli.deploy.sources import document, rows
from dlcli.deploy.sources.exporter import Source
from dlcli.deploy.sources.writing import body, literal

_IMPORTS = (
    *document.IMPORTS,
    "import argparse",
    "import keras",
    "from keras import layers",
    "from keras import ops",
)

_TITLE = (
    "A trained network for Keras 3. It stands alone: nothing but the files beside it is needed.\n\n"
    "Keras computes by the backend that the variable KERAS_BACKEND names: tensorflow, jax or torch."
)

_EXAMPLE = {
    "model = load()": "with the weights beside this file",
    "predict(model, rows)": "answers to rows as they are stored",
}
_OF_CELLS = {"predict(model, encode(cells))": "to rows of cells by the names in COLUMNS"}
_OF_ONE = {"model(preprocess(rows))": "the outputs of the network alone"}
_SAVED = {'model.save("model.keras")': "or `python model.py --save model.keras`"}

_LOAD = '''\
def load(folder: str | Path = HERE) -> keras.Model:
    """The network with the weights that lie in a folder; ValueError where they are of another."""
    model = build()
    arrays = safetensors.numpy.load_file(Path(folder) / "model.safetensors")
    variables = {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }
    if variables.keys() != arrays.keys():
        raise ValueError(f"other weights: {sorted(variables.keys() ^ arrays.keys())}")
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, not {tuple(variable.shape)}")
        variable.assign(arrays[name])
    return model'''

_PREDICT = '''\
def predict(model: keras.Model, rows: Any, batch: int = 256) -> Array:
    """Answers to rows as they are stored{of_values}. What they are, `answers` says.

    batch: how many rows go through the network at a time.
    """
    x = preprocess(rows)
    return answers(np.asarray(model.predict({given}, batch_size=batch, verbose=0)))'''

_MAIN = '''\
def main() -> int:
    """Check the answers to golden.safetensors, or save the network as Keras does."""
    options = argparse.ArgumentParser(description="Check the network, or save it as Keras does.")
    options.add_argument("--save", metavar="PATH", help="a file that ends in .keras")
    path = options.parse_args().save
    model = load()
    if path is not None:
        model.save(path)
        return 0
    return check(lambda rows: predict(model, rows))


if __name__ == "__main__":
    sys.exit(main())'''


HELD = frozenset({*LAYERS, *MERGES})
"""The layers, activations and merges that can be written."""


def source(bundle: Bundle) -> Source:
    """The network of a bundle as source."""
    written, net = rows.written(bundle), network(bundle)
    files = {document.WEIGHTS: net.arrays}
    if written.arrays:
        files[document.CONSTANTS] = written.arrays
    definitions = [_build(net), _LOAD, _predict(net), *written.text, *net.helpers]
    text = document.document(
        document.words(bundle, _TITLE, _example(bundle), files),
        _IMPORTS,
        written,
        [*definitions, document.CHECK],
        _MAIN,
    )
    return Source(text, net.arrays, written.arrays)


def _example(bundle: Bundle) -> dict[str, str]:
    """Lines that use it, and what they do."""
    of_cells = _OF_CELLS if rows.has_columns(bundle) else {}
    of_one = _OF_ONE if ONLY in bundle.preprocessing else {}
    return {**_EXAMPLE, **of_cells, **of_one, **_SAVED}


def _build(net: Network) -> str:
    words = '"""The network, as it was trained, with weights that are drawn anew."""'
    return f"def build() -> keras.Model:\n{body([words, *net.statements])}"


def _predict(net: Network) -> str:
    if net.inputs == ("",):
        return _PREDICT.format(of_values="", given="x")
    given = ", ".join(f"x[{literal(name)}]" for name in net.inputs)
    given = given if len(net.inputs) == 1 else f"[{given}]"
    return _PREDICT.format(of_values=", of each value by its name", given=given)
