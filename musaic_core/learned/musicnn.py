"""The network of musicnn, which tells what music sounds like, in PyTorch.

The package `musicnn` has its weights, for TensorFlow 1. Here is the network that they
are for, layer by layer, and what it hears around each bar of a recording.
"""

import librosa
import numpy as np
import torch
from torch import Tensor, nn

RATE, WINDOW, HOP, BANDS = 16000, 512, 256, 96  # as it was trained with
PATCH = 187  # frames, 3 s: likewise
REACH = 73  # frames to either side that a frame of the convolutions depends on
BLOCK = 2048  # frames that are heard at once
SIZE = 200  # numbers of an embedding


class MusiCNN(nn.Module):
    """Embeddings and tags of excerpts, from their log-mel spectrogram.

    1. Timbre: filters of 7 frames and 38 or 67 of 96 bands, the most of all heights.
    2. Rhythm: filters of 128, 64 and 32 frames and one band, the most of all bands.
    3. Three convolutions over 7 frames, each but the first added to its input.
    4. Of all of these, the maximum and the mean over an excerpt; a layer of 200
       numbers, the embedding; a logit a tag.

    Parameters
    ----------
    n_tags : int

    References
    ----------
    Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio
    tagging", late-breaking demo of ISMIR 2019. Pons et al., "End-to-end learning for
    music audio tagging at scale", ISMIR 2018.
    """

    def __init__(self, n_tags: int = 50):
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        timbral = [_Layer(204, 7, height) for height in (38, 67)]
        rhythmic = [_Layer(51, length, 1) for length in (128, 64, 32)]
        self.front = nn.ModuleList([*timbral, *rhythmic])
        self.middle = nn.ModuleList(_Layer(64, 7, height) for height in (561, 64, 64))
        self.pooled_norm = nn.BatchNorm1d(1506, eps=1e-3)
        self.dense = nn.Linear(1506, SIZE)
        self.dense_norm = nn.BatchNorm1d(SIZE, eps=1e-3)
        self.tags = nn.Linear(SIZE, n_tags)

    def hear(self, frames: Tensor) -> Tensor:
        """Tell what sounds in each frame.

        Parameters
        ----------
        frames : Tensor of float32, shape (T, 96)
            As `log_mel` gives them.

        Returns
        -------
        Tensor, shape (T, 753)
        """
        x = self.input_norm(frames[None, None])
        heard = [torch.cat([layer(x) for layer in self.front], 1)]
        for layer in self.middle:
            found = layer(heard[-1].transpose(1, 2)[:, None])
            heard.append(found + heard[-1] if len(heard) > 1 else found)
        return torch.cat(heard, 1)[0].T

    def embed(self, heard: Tensor) -> Tensor:
        """Tell excerpts by vectors.

        Parameters
        ----------
        heard : Tensor, shape (excerpts, T, 753)
            What `hear` tells of their frames.

        Returns
        -------
        Tensor, shape (excerpts, 200)
        """
        pooled = torch.stack([heard.amax(1), heard.mean(1)], 2).flatten(1)
        return self.dense_norm(torch.relu(self.dense(self.pooled_norm(pooled))))


class _Layer(nn.Module):
    """A convolution, rectified, then normalised; the most of all that is left of bands.

    Of (batch, 1, T, bands) it makes (batch, channels, T).
    """

    def __init__(self, channels, length, height):
        super().__init__()
        self.convolution = nn.Conv2d(1, channels, (length, height))
        self.norm = nn.BatchNorm2d(channels, eps=1e-3)
        self.around = (0, 0, (length - 1) // 2, length // 2)  # silence, as many frames

    def forward(self, x):
        found = self.convolution(nn.functional.pad(x, self.around))
        return self.norm(torch.relu(found)).amax(3)


def load(variables: dict[str, np.ndarray]) -> MusiCNN:
    """Make the network of the variables of the package's checkpoint.

    Parameters
    ----------
    variables : dict of str to ndarray
        By TensorFlow's names, which count layers of one kind.

    Returns
    -------
    MusiCNN
        Ready to be evaluated.
    """
    network = MusiCNN(len(variables["dense_1/bias"]))
    layers = [*network.front, *network.middle]
    norms = [network.input_norm, *(layer.norm for layer in layers)]
    norms += [network.pooled_norm, network.dense_norm]
    kinds = {
        "conv2d": [layer.convolution for layer in layers],
        "batch_normalization": norms,
        "dense": [network.dense, network.tags],
    }
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    for kind, modules in kinds.items():
        for number, module in enumerate(modules):
            name = f"{kind}_{number}" if number else kind
            state = module.state_dict()
            for key in state.keys() - {"num_batches_tracked"}:
                is_norm = kind == "batch_normalization"
                theirs = names[key] if is_norm else {"weight": "kernel"}.get(key, key)
                array = variables[f"{name}/{theirs}"]
                # theirs has what is heard first, and what is made of it last
                order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim)
                state[key] = torch.tensor(array.transpose(order))
            module.load_state_dict(state)
    return network.eval()


def log_mel(y: np.ndarray, sr: int) -> np.ndarray:
    """Make the spectrogram that the network hears.

    Parameters
    ----------
    y : ndarray, shape (samples,)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray of float32, shape (T, 96)
        A frame each 16 ms.
    """
    y = librosa.resample(y, orig_sr=sr, target_sr=RATE)
    y = np.pad(y, (0, max(0, WINDOW - len(y))))
    power = librosa.feature.melspectrogram(
        y=y, sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS
    )
    return np.log10(1 + 1e4 * power).T.astype(np.float32)


def embeddings(
    network: MusiCNN, y: np.ndarray, sr: int, times: np.ndarray
) -> np.ndarray:
    """Tell what a recording sounds like around some times.

    Parameters
    ----------
    network : MusiCNN
    y : ndarray, shape (samples,)
    sr : int
        Sampling rate, Hz.
    times : ndarray, shape (n,)
        Middles of excerpts of 3 s, s. At the ends of the recording they are shorter.

    Returns
    -------
    ndarray of float32, shape (n, 200)
    """
    frames, heard = torch.tensor(log_mel(y, sr)), []
    with torch.no_grad():
        for first in range(0, len(frames), BLOCK):
            start = max(0, first - REACH)
            block = network.hear(frames[start : first + BLOCK + REACH])
            heard.append(block[first - start :][:BLOCK])
        heard, found = torch.cat(heard), []
        for middle in np.round(np.asarray(times) * RATE / HOP).astype(int):
            first = np.clip(middle - PATCH // 2, 0, len(heard) - 1)
            found.append(network.embed(heard[None, first : middle + PATCH // 2 + 1]))
    return torch.cat(found).numpy()
