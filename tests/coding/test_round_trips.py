"""What is written is read back bit for bit, whatever form the writer chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export_pipeline import coding
from export_pipeline.coding import bitpack, forms, huffman, planes, runs
from export_pipeline.coding.layout import DTYPES
from export_pipeline.coding.tensor import look_up
from export_pipeline.errors import WeightsError

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, max_side=12) | st.just((0, 3)) | st.just((3, 700))
BIT_PATTERNS = st.sampled_from([0, 0x80000000, 0x3F800000, 0x7FC00001, 0xFFA00000, 0x7F800000, 1]) | st.integers(
    0, (1 << 32) - 1
)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@st.composite
def coded_tensors(draw: st.DrawFn) -> coding.CodedTensor:
    """Tables of any bit patterns; indices that are even, or nearly all of one cluster."""
    table = np.array(draw(st.lists(BIT_PATTERNS, min_size=1, max_size=256)), np.uint32).view(np.float32)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    shape = draw(SHAPES)
    indices = random.integers(0, table.size, shape).astype(np.uint8)
    frequent = random.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9, 0.998]))
    return coding.CodedTensor(table, np.where(frequent, np.uint8(draw(st.integers(0, table.size - 1))), indices))


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Arrays of any bits in each type, sparse or not, little- or big-endian, in either order of axes."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    shape = draw(SHAPES)
    array = random.integers(0, 256, (*shape, dtype.itemsize), np.uint8).view(dtype).reshape(shape)
    array = np.where(random.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.98])), dtype.type(0), array)
    return array.astype(dtype.newbyteorder(draw(st.sampled_from("<>"))), order=draw(st.sampled_from("CF")))


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), coded_tensors() | arrays(), max_size=4))
@settings(max_examples=80, deadline=None)
def test_a_container_gives_back_what_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, forms.Tensor]
) -> None:
    path = tmp_path_factory.mktemp("round") / "net.weights"
    coding.write(path, tensors)
    arrays, coded = coding.read(path), coding.read_coded(path)
    assert list(arrays) == list(coded) == [record.name for record in coding.records(path)] == list(tensors)
    for name, given_ in tensors.items():
        if isinstance(given_, np.ndarray):
            native = given_.astype(given_.dtype.newbyteorder("="), order="C")
            assert same(arrays[name], native)
            assert same(coded[name], native)
        else:
            assert same(coded[name].table, given_.table)
            assert same(coded[name].indices, given_.indices)
            assert same(arrays[name], given_.table[given_.indices])
        assert arrays[name].flags.writeable


@given(coded_tensors() | arrays())
@settings(max_examples=150, deadline=None)
def test_every_form_stands_for_the_same_tensor(tensor: forms.Tensor) -> None:
    indexed = isinstance(tensor, coding.CodedTensor)
    made = (forms._forms_of_indices if indexed else forms._forms_of_values)("x", tensor)
    expanded = [forms.expand(*form) for form in made]
    assert expanded
    wanted = tensor.expand() if indexed else tensor.astype(tensor.dtype.newbyteorder("="), order="C")
    assert all(same(found, wanted) for found in expanded)


def chosen(tensor: forms.Tensor) -> forms.Record:
    return forms.encode("x", tensor)[0]


def clustered(shares: list[float], size: int = 20_000) -> coding.CodedTensor:
    """A table that begins with zero, and indices with these shares."""
    random = np.random.default_rng(0)
    return coding.CodedTensor(
        np.arange(len(shares), dtype=np.float32), random.choice(len(shares), size, p=shares).astype(np.uint8)
    )


def test_the_writer_chooses_what_is_smallest() -> None:
    assert chosen(clustered([1 / 16] * 16)).coded == 0  # nothing to gain: packed
    uneven = chosen(clustered([0.4, 0.2, *[0.4 / 14] * 14]))
    assert uneven.coded > 0
    assert sum(uneven.lengths) < 20_000 * 4 / 8
    assert chosen(clustered([0.5, *[0.5 / 255] * 255])).positions == "mask"
    assert chosen(clustered([0.999, *[0.001 / 255] * 255])).positions == "gaps"
    sparse = np.where(np.arange(20_000) % 3 > 0, 0, np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
    assert chosen(sparse).positions != "dense"
    assert chosen(np.full(100, 0.5, np.float32)).stored == "float16"
    assert chosen(np.full(100, 0.1, np.float32)).stored == "float32"


def test_a_deep_compression_tensor_takes_what_its_entropy_says() -> None:
    shares = [0.9, *[0.1 / 15] * 15]
    entropy = -sum(share * np.log2(share) for share in shares) * 100_000 / 8
    assert sum(chosen(clustered(shares, 100_000)).lengths) < 1.06 * entropy


@given(st.integers(0, 8), st.integers(0, 100), st.integers(0, 99))
@settings(deadline=None)
def test_bits_are_packed_from_the_lowest_up(width: int, count: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 1 << width, count).astype(np.uint8)
    packed = bitpack.pack(numbers, width)
    whole = sum(int(number) << at * width for at, number in enumerate(numbers))
    assert packed == whole.to_bytes(-(-count * width // 8), "little")
    assert same(bitpack.unpack(count, (packed, width)), numbers)


@pytest.mark.parametrize("width", range(1, 9))
def test_packing_goes_beyond_one_block(width: int) -> None:
    numbers = np.random.default_rng(width).integers(0, 1 << width, 150_001).astype(np.uint8)
    assert same(bitpack.unpack(numbers.size, (bitpack.pack(numbers, width), width)), numbers)


@given(st.lists(st.integers(0, 2000), unique=True))
def test_positions_by_mask_and_by_gaps(found: list[int]) -> None:
    positions = np.array(sorted(found), np.int64)
    mask, gaps = runs.mask_of(positions, 2001), runs.gaps_of(positions)
    assert np.array_equal(runs.from_mask(mask, 2001, len(found)), positions)
    assert np.array_equal(runs.from_gaps(gaps, 2001, len(found)), positions)


@given(st.binary(max_size=300), st.sampled_from([1, 40]))
def test_huffman_coding_is_only_used_where_it_pays(content: bytes, repeated: int) -> None:
    stored = huffman.encode(content * repeated)
    assert len(stored) <= len(content) * repeated
    assert huffman.decode(stored, len(content) * repeated) == content * repeated


@given(hnp.arrays(np.uint32, SHAPES, elements=BIT_PATTERNS))
def test_few_values_are_coded_without_loss(bits: np.ndarray) -> None:
    array = bits.view(np.float32)
    distinct = len(np.unique(bits))
    if not 1 <= distinct <= 256:
        with pytest.raises(WeightsError, match="distinct values"):
            coding.coded(array)
        return
    found = coding.coded(array)
    assert found.table.size == distinct
    assert same(found.expand(), array)


def test_look_up_goes_beyond_one_block() -> None:
    indices = np.random.default_rng(0).integers(0, 256, (3, 40_001)).astype(np.uint8)
    table = np.arange(256, dtype=np.float32)
    assert same(look_up(table, indices), table[indices])


def test_splits_of_one_width() -> None:
    assert [split.coded for split in planes.splits(256)] == [0, 1, 2, 4, 8]
    assert [split.coded for split in planes.splits(8)] == [0, 1, 2, 4]
    assert [split.coded for split in planes.splits(2)] == [0, 1]


def test_equal_tensors_give_equal_bytes(tmp_path: Path) -> None:
    tensors = {"a": clustered([0.5, 0.3, 0.2]), "b": np.arange(10.0)}
    for name in ("one", "two"):
        coding.write(tmp_path / name, tensors)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


TABLE, INDICES = np.zeros(2, np.float32), np.zeros(3, np.uint8)


@pytest.mark.parametrize(
    ("table", "indices", "said"),
    [
        (TABLE.astype(np.float64), INDICES, "must be float32"),
        (TABLE.reshape(1, 2), INDICES, "must be float32"),
        (np.zeros(0, np.float32), INDICES, "k from 1 to 256"),
        (np.zeros(257, np.float32), INDICES, "k from 1 to 256"),
        (TABLE, INDICES.astype(int), "must be uint8"),
        (TABLE, INDICES + 2, "index 2 is past the end of a table of 2"),
    ],
)
def test_a_wrong_coded_tensor_is_refused(table: np.ndarray, indices: np.ndarray, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        coding.CodedTensor(table, indices)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("", np.zeros(1), "a name of 0 bytes"),
        ("x" * 65536, np.zeros(1), "a name of 65536 bytes"),
        ("x", np.zeros(1, bool), "'x' is bool; allowed: float32"),
        ("x", np.zeros(1, object), "'x' is object"),
        ("x", np.zeros((1,) * 33), "33 axes"),
    ],
)
def test_what_a_container_does_not_hold_is_refused(name: str, array: np.ndarray, said: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=said):
        coding.write(tmp_path / "net.weights", {name: array})
    assert not list(tmp_path.iterdir())
