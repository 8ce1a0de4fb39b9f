import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.artifacts import digests
from dlcli.artifacts.reading import digest_of_file
from dlcli.errors import ArtifactError


def test_a_tensor_digest_is_known() -> None:
    """A change of the digest's recipe would make every manifest incomparable."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert digests.digest_tensor("dense_1.kernel", array) == (
        "0276b2d103bb4c14cc8f8c13137760c554660f9a66664ecd078065ba38540e6d"
    )


def test_a_tensor_digest_covers_name_dtype_shape_and_every_bit() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    nudged = array.copy()
    nudged[0, 1] = np.nextafter(nudged[0, 1], np.float32(2))
    variants = [
        digests.digest_tensor("a", array),
        digests.digest_tensor("b", array),
        digests.digest_tensor("a", array.reshape(3, 2)),
        digests.digest_tensor("a", array.view(np.int32)),
        digests.digest_tensor("a", nudged),
        digests.digest_tensor("a", np.zeros((), np.float32)),
        digests.digest_tensor("a", np.zeros((1,), np.float32)),
        digests.digest_tensor("a", np.zeros((0, 3), np.float32)),
    ]
    assert len(set(variants)) == len(variants)
    assert digests.digest_tensor("a", np.asfortranarray(array)) == variants[0]
    assert digests.digest_tensor("a", np.repeat(array, 2, 1)[:, ::2]) == variants[0]
    assert digests.digest_tensor("a", array.astype(">f4")) == variants[0]


@settings(max_examples=50)
@given(st.floats(allow_nan=False))
def test_hexadecimal_floats_come_back_exactly(value: float) -> None:
    back = digests.from_hex(digests.to_hex(value))
    assert back == value and math.copysign(1, back) == math.copysign(1, value)


@pytest.mark.parametrize("text", ["", "0x", "1.5", "0x1p99999", 3.0, True, "0x1p0 ", {}])
def test_what_is_not_a_hexadecimal_float_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        digests.from_hex(text)


def test_nan_survives_as_a_metric_but_has_no_place_in_json() -> None:
    assert math.isnan(digests.from_hex(digests.to_hex(float("nan"))))
    with pytest.raises(ValueError):
        digests.canonical_json({"a": float("nan")})


def test_the_order_of_keys_does_not_matter() -> None:
    a, b = {"x": 1, "é": [1.5]}, {"é": [1.5], "x": 1}
    assert digests.canonical_json(a) == digests.canonical_json(b)
    assert digests.readable_json(a) == digests.readable_json(b)
    assert digests.digest_document(a) == digests.digest_document(b)


def test_a_file_digest_is_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(3_000_000)
    (tmp_path / "file").write_bytes(data)
    assert digest_of_file(tmp_path / "file") == digests.digest_bytes(data)
    with pytest.raises(ArtifactError, match="nothing"):
        digest_of_file(tmp_path / "nothing")
