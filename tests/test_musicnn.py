"""The network of musicnn, and checkpoints of TensorFlow, without either package."""

import numpy as np
import pytest
import torch

from musaic_core.learned import musicnn
from musaic_core.learned.musicnn import BLOCK, HOP, RATE, SIZE, MusiCNN, embeddings
from musaic_core.learned.tensorflow import MAGIC, read_checkpoint


def varint(n):
    head = bytes([n % 128 + 128 * (n > 127)])
    return head + (varint(n // 128) if n > 127 else b"")


def write_checkpoint(prefix, variables, compression=0):
    """As TensorFlow does: a table of messages, in blocks of two, and the numbers."""
    data, entries = b"", [(b"", b"\x08\x01")]
    types = {np.dtype(np.float32): 1, np.dtype(np.int64): 9}
    for name, array in sorted(variables.items()):
        sizes = [b"\x12" + varint(len(d)) + d for d in sizes_of(array.shape)]
        shape = b"".join(sizes)
        message = b"\x08" + varint(types[array.dtype]) + b"\x12" + varint(len(shape))
        message += shape + b"\x20" + varint(len(data)) + b"\x28" + varint(array.nbytes)
        entries.append((name.encode(), message + b"\x35" + b"\0\0\0\0"))  # a checksum
        data += array.tobytes()
    table, index = b"", []
    for first in range(0, len(entries), 2):
        place = varint(len(table)), block(entries[first : first + 2])
        index.append((entries[first][0], place[0] + varint(len(place[1]))))
        table += place[1] + bytes([compression]) + b"\0\0\0\0"
    footer = varint(0) + varint(0) + varint(len(table)) + varint(len(block(index)))
    table += block(index) + b"\0" + b"\0\0\0\0"
    table += footer + bytes(40 - len(footer)) + MAGIC
    prefix.with_suffix(".index").write_bytes(table)
    prefix.with_suffix(".data-00000-of-00001").write_bytes(data)


def sizes_of(shape):
    return [b"\x08" + varint(n) for n in shape]


def block(entries):
    """Keys that share their beginning with the one before, and one restart."""
    written, last = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        written += varint(shared) + varint(len(key) - shared) + varint(len(value))
        written += key[shared:] + value
        last = key
    return written + bytes(4) + (1).to_bytes(4, "little")


@pytest.fixture(scope="module")
def variables():
    """Of random weights of the package's shapes, by TensorFlow's names."""
    rng = np.random.default_rng(0)
    shapes = [(7, 38, 1, 204), (7, 67, 1, 204)]
    shapes += [(n, 1, 1, 51) for n in (128, 64, 32)]
    shapes += [(7, n, 1, 64) for n in (561, 64, 64)]
    found = {}
    for kind, of_kind in (("conv2d", shapes), ("dense", [(1506, 200), (200, 50)])):
        for number, shape in enumerate(of_kind):
            name = f"{kind}_{number}" if number else kind
            scale = np.prod(shape[:-1]) ** -0.5
            found[f"{name}/kernel"] = rng.normal(0, scale, shape).astype("f4")
            found[f"{name}/bias"] = rng.normal(0, 0.1, shape[-1]).astype("f4")
    sizes = [1, *(shape[-1] for shape in shapes), 1506, 200]
    for number, n in enumerate(sizes):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{name}/{part}"] = rng.uniform(0.5, 1, n).astype("f4")
    return found


def test_checkpoints_of_tensorflow_are_read_as_they_were_written(tmp_path, variables):
    variables = variables | {"step": np.array(3), "long/name": np.zeros((2, 0), "f4")}
    write_checkpoint(tmp_path / "model", variables)
    found = read_checkpoint(tmp_path / "model")
    assert found.keys() == variables.keys()
    for name, array in variables.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_other_files_and_compressed_ones_are_told(tmp_path):
    write_checkpoint(tmp_path / "model", {"a": np.ones(2, "f4")}, compression=1)
    with pytest.raises(ValueError, match="compressed"):
        read_checkpoint(tmp_path / "model")
    (tmp_path / "other.index").write_bytes(bytes(100))
    with pytest.raises(ValueError, match=r"other\.index"):
        read_checkpoint(tmp_path / "other")


def test_the_network_is_what_the_package_says_layer_by_layer(variables):
    """Sums written out for one output of each kind of layer."""
    network = musicnn.load(variables)
    assert sum(p.numel() for p in network.parameters()) == 787_159
    rng = np.random.default_rng(1)
    frames = rng.uniform(0, 3, (140, 96)).astype("f4")

    def normalise(x, number):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        mean, variance, gamma, beta = (
            variables[f"{name}/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    x = normalise(frames, 0).astype(float)
    with torch.no_grad():
        heard = network.hear(torch.tensor(frames))
        embedding = network.embed(heard[None])[0].numpy()
    heard = heard.numpy()
    assert heard.shape == (140, 753)
    # timbre: the first filter, frame 70, at each height; the most of them
    kernel, bias = variables["conv2d/kernel"], variables["conv2d/bias"]
    at = [
        np.einsum("tf,tfc->c", x[67:74, low : low + 38], kernel[:, :, 0]) + bias
        for low in range(96 - 38 + 1)
    ]
    np.testing.assert_allclose(
        heard[70, :204], normalise(np.maximum(at, 0), 1).max(0), atol=1e-3
    )
    # rhythm: 128 frames, 63 of them before, of each band
    kernel, bias = variables["conv2d_2/kernel"], variables["conv2d_2/bias"]
    at = np.einsum("tf,tc->fc", x[70 - 63 : 70 + 65], kernel[:, 0, 0]) + bias
    np.testing.assert_allclose(
        heard[70, 408:459], normalise(np.maximum(at, 0), 3).max(0), atol=1e-3
    )
    # the second of the three over 7 frames is added to the first
    first, second = heard[:, 561:625].astype(float), heard[:, 625:689]
    kernel, bias = variables["conv2d_6/kernel"], variables["conv2d_6/bias"]
    found = np.einsum("tf,tfc->c", first[67:74], kernel[:, :, 0]) + bias
    found = normalise(np.maximum(found, 0), 7) + first[70]
    np.testing.assert_allclose(second[70], found, atol=1e-3)
    # the maximum and the mean of each, one beside the other
    pooled = np.stack([heard.max(0), heard.mean(0)], 1).ravel()
    found = normalise(pooled, 9) @ variables["dense/kernel"] + variables["dense/bias"]
    found = normalise(np.maximum(found, 0), 10)
    np.testing.assert_allclose(embedding, found, atol=1e-3)


def test_a_long_recording_is_heard_in_blocks_as_if_at_once(variables, monkeypatch):
    network = musicnn.load(variables)
    y = np.random.default_rng(0).normal(0, 0.1, 12 * RATE)
    times = np.array([0, 4, 6, 12, 20])
    whole = embeddings(network, y, RATE, times)
    assert whole.shape == (5, SIZE)
    assert len(y) / HOP < BLOCK
    monkeypatch.setattr(musicnn, "BLOCK", 200)
    np.testing.assert_allclose(embeddings(network, y, RATE, times), whole, atol=1e-3)


def test_an_untrained_network_hears_the_shortest_recordings():
    network = MusiCNN().eval()
    for n in (1, 300):
        assert np.isfinite(embeddings(network, np.ones(n), 8000, [0.0])).all()
