"""Separation by deep clustering: bins that belong together are close to each other.

A network gives each bin of a spectrogram a point on a sphere. It is trained so that
points of bins in which the same stem is loudest are close, and others are not. The
clusters of a recording's points are its stems. Unlike those of the paper, stems have
names here: k-means starts from where each stem's points were in training.
"""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

from musaic_core.learned import masks
from musaic_core.learned.open_unmix import OpenUnmix
from musaic_core.learned.training import LOSSES, load

DIMENSIONS = 12  # of the space that the sphere is in
AUDIBLE = 0.01  # of the loudest bin: softer ones do not decide where clusters are
FRAMES = 1000  # of each recording, of which starts of the clusters are the mean


class Embedding(OpenUnmix):
    """A point on a sphere for each bin of a magnitude spectrogram.

    Layers are those of `OpenUnmix`, which gives logits in place of coordinates. There
    are 377,034 parameters.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row of the spectrogram, Hz, equally spaced.
    n_stems : int
        It does not matter.
    """

    def __init__(self, frequencies: np.ndarray, n_stems: int):
        super().__init__(frequencies, DIMENSIONS)

    def forward(self, V: Tensor) -> Tensor:
        """Find points.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Magnitudes of a root mean square of about 1.

        Returns
        -------
        Tensor, shape (batch, DIMENSIONS, F, T)
            Of length 1.
        """
        return nn.functional.normalize(self.logits(V), dim=1)


class DeepClustering(nn.Module):
    """Masks of stems, of 0 and 1: the clusters of a spectrogram's points.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row of the spectrogram, Hz, equally spaced.
    n_stems : int

    References
    ----------
    Hershey, Chen, Le Roux and Watanabe, "Deep clustering: discriminative embeddings for
    segmentation and separation", ICASSP 2016.
    """

    def __init__(self, frequencies: np.ndarray, n_stems: int):
        super().__init__()
        self.embedding = Embedding(frequencies, n_stems)
        self.register_buffer("starts", torch.zeros(n_stems, DIMENSIONS))

    def forward(self, V: Tensor) -> Tensor:
        """Find masks.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Magnitudes of a root mean square of about 1.

        Returns
        -------
        Tensor, shape (batch, stems, F, T)
        """
        pairs = zip(self.embedding(V).cpu(), V.cpu(), strict=True)
        return torch.stack([self._clusters(*pair) for pair in pairs]).to(V.device)

    def _clusters(self, points, V):
        """Masks (stems, F, T) of one spectrogram."""
        starts = self.starts.cpu().numpy()
        heard = (V / V.max() > AUDIBLE).numpy()
        at = points.flatten(1).T.contiguous().numpy()
        labels = ((at[:, None] - starts) ** 2).sum(2).argmin(1)
        if heard.sum() >= len(starts):
            k_means = KMeans(len(starts), init=starts, n_init=1, max_iter=20)
            k_means.fit(at[heard.ravel()], sample_weight=V.numpy()[heard])
            labels = k_means.predict(at)
        masks = nn.functional.one_hot(torch.tensor(labels).long(), len(starts))
        return masks.T.reshape(-1, *V.shape).float()


def fit(
    recordings: Sequence[tuple[str, dict[str, np.ndarray]]],
    *,
    labels: Sequence[str],
    frequencies: np.ndarray,
    **options,
) -> dict[str, np.ndarray]:
    """Train the network, and say where clusters start.

    The loss is how far the bins' affinities, products of their points, are from 1 for
    two bins in which the same stem is loudest and from 0 for others: |P Pᵀ - Y Yᵀ|²,
    each bin weighted by its magnitude.

    Parameters
    ----------
    recordings : sequence of (str, dict of str to ndarray)
        Id of each, and magnitudes (F, T, channels) of its stems; some may be missing.
    labels : sequence of str
        Names of the stems.
    frequencies : ndarray, shape (F,)
        Centre of each row, Hz.
    **options
        Others that `musaic_core.learned.masks.fit` takes.

    Returns
    -------
    dict of str to ndarray
        Weights of `DeepClustering`, for `musaic_core.learned.masks.describe`.
    """
    told = {"labels": labels, "frequencies": frequencies}
    state = masks.fit(Embedding, recordings, loss=_affinity_loss, **told, **options)
    of_all = {name: state.pop(name) for name in (LOSSES, "frequencies")}
    device = options.get("device", "cpu")
    built = load(Embedding(frequencies, len(labels)), state, device)
    starts = _means(built, recordings, labels, len(frequencies), device)
    weights = {f"embedding.{name}": array for name, array in state.items()}
    return {**of_all, **weights, "starts": starts}


def _affinity_loss(points, along):
    """Over all pairs of bins, without making these."""
    weights = along.sum(1).flatten(1)
    weights = weights / (weights.sum(1, keepdim=True) + 1e-9)
    loudest = along.argmax(1).flatten(1)
    Y = nn.functional.one_hot(loudest, along.shape[1]).to(points.dtype)
    Y = Y * weights[..., None].sqrt()
    P = points.flatten(2).mT * weights[..., None].sqrt()
    pairs = (P.mT @ P, 1), (P.mT @ Y, -2), (Y.mT @ Y, 1)
    return sum(factor * (A**2).sum((1, 2)) for A, factor in pairs).mean()


def _means(built, recordings, labels, n_rows, device):
    """Mean points (stems, DIMENSIONS) of the bins in which each stem is loudest."""
    sums = torch.zeros(len(labels), DIMENSIONS)
    for _, stems in recordings:
        n_frames = min([FRAMES, *(V.shape[1] for V in stems.values())])
        parts = np.zeros((len(labels), n_rows, n_frames), np.float32)
        for part, name in zip(parts, labels, strict=True):
            if name in stems:
                V = stems[name][:, :n_frames, 0]
                part[: len(V)] = V
        V = np.sqrt((parts**2).sum(0))
        V = torch.tensor(V / (np.sqrt(np.mean(V**2)) or 1))
        with torch.no_grad():
            points = built(V[None].to(device))[0].cpu()
        loudest = nn.functional.one_hot(torch.tensor(parts.argmax(0)), len(labels))
        sums += torch.einsum("dft,ft,fts->sd", points, V, loudest.float())
    return nn.functional.normalize(sums, dim=1).numpy()
