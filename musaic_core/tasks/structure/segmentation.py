"""Segments of a piece from the similarity of its bars."""

from collections.abc import Callable
from itertools import pairwise

import librosa
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.ndimage import median_filter
from scipy.signal import find_peaks
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import SpectralClustering

SIMILARITIES = ("cosine", "autocorrelation", "rbf")


def self_similarity(X: np.ndarray, kind: str = "cosine") -> np.ndarray:
    """Similarity of each bar to each other.

    Parameters
    ----------
    X : ndarray, shape (B, D)
        What is known of each bar. A bar of zeros resembles none.
    kind : {"cosine", "autocorrelation", "rbf"}
        Cosine of two bars, of two bars less the mean bar, or ``exp(-γ d²)`` of the
        distance d of two bars of norm 1, γ being one over twice the standard deviation
        of these distances.

    Returns
    -------
    ndarray of float64, shape (B, B)

    Raises
    ------
    ValueError
        There is no such kind.

    References
    ----------
    Marmoret, Cohen and Bimbot, "Barwise music structure analysis with the correlation
    block-matching segmentation algorithm", TISMIR 6 (1), 2023.
    """
    if kind not in SIMILARITIES:
        raise ValueError(f"kind is {kind!r}; choose one of {', '.join(SIMILARITIES)}")
    X = np.asarray(X, dtype=np.float64)
    if kind == "autocorrelation":
        X = X - X.mean(0)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    X = X / np.where(norms > 0, norms, 1)
    if kind != "rbf":
        return X @ X.T
    distances = pdist(X)
    spread = (distances.std() if len(distances) else 0) or 1
    return np.exp(-(squareform(distances) ** 2) / (2 * spread))


def _modulo(n, zero, quarter):
    return np.select([zero(n), quarter(n), n % 2 == 0], [0, 1 / 4, 1 / 2], 1)


# Of segments of n bars. The first is the one that Marmoret et al. 2023 recommend.
PENALTIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "modulo 8": lambda n: _modulo(n, lambda n: n == 8, lambda n: n % 4 == 0),
    "modulo 4": lambda n: _modulo(n, lambda n: n % 4 == 0, lambda n: n < 0),
    "modulo 8 or 4": lambda n: _modulo(n, lambda n: n == 8, lambda n: n == 4),
    "deviation 1/2": lambda n: np.abs(n - 8) ** 0.5,
    "deviation 1": lambda n: np.abs(n - 8),
    "deviation 2": lambda n: np.abs(n - 8) ** 2,
}


def cbm(
    similarity: np.ndarray,
    bands: int | None = None,
    penalty: str = "modulo 8",
    weight: float = 1.0,
    longest: int = 32,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Correlation block-matching: the most homogeneous segments of likely lengths.

    The score of a segment of n bars is the sum of the similarities between its bars,
    divided by n, less ``weight`` times a penalty of n in units of the best mean
    similarity of eight bars in a row. Dynamic programming maximises the sum of scores,
    in time proportional to B times the longest segment, after cumulative sums.

    Parameters
    ----------
    similarity : ndarray, shape (B, B)
    bands : int, optional
        Compare bars that are so many bars apart at most; None compares all.
    penalty : str
        A key of `PENALTIES`: "modulo 8", "modulo 4" and "modulo 8 or 4" favour such
        lengths, "deviation α" is ``|n - 8| ** α``.
    weight : float
        Of the penalty.
    longest : int
        Bars that a segment has at most.
    known : ndarray of int, shape (B + 1,), optional
        -1 where no segment begins, and the same positive number at bars with one of
        which a segment begins: what says otherwise scores less than all else. 0 where
        nothing is known, by default everywhere.

    Returns
    -------
    ndarray of int, shape (segments + 1,)
        Bars at which segments begin, and B.

    Raises
    ------
    ValueError
        There is no such penalty.

    References
    ----------
    Marmoret, Cohen and Bimbot, "Barwise music structure analysis with the correlation
    block-matching segmentation algorithm", TISMIR 6 (1), 2023.
    """
    if penalty not in PENALTIES:
        raise ValueError(
            f"penalty is {penalty!r}; choose one of {', '.join(PENALTIES)}"
        )
    B = len(similarity)
    kernel = 1 - np.eye(B)  # the kernel of every segment is a block of this one
    if bands is not None:
        kernel = np.triu(np.tril(kernel, bands), -bands)
    sums = np.pad((similarity * kernel).cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def block(start, end):
        diagonal = sums[end, end] - sums[start, end] - sums[end, start]
        return diagonal + sums[start, start]

    lengths = np.arange(1, min(longest, B) + 1)
    eight = min(8, B)
    starts = np.arange(B - eight + 1)
    unit = (block(starts, starts + eight) / eight**2).max()
    costs = weight * unit * PENALTIES[penalty](lengths)

    known = np.zeros(B + 1, int) if known is None else known
    first, last = np.array([(one[0], one[-1]) for one in _one_of(known)] or [(0, 0)]).T
    much = 1e6 * np.abs(similarity).max()

    best, start_of = np.zeros(B + 1), np.zeros(B + 1, dtype=int)
    for end in range(1, B + 1):
        n = lengths[:end]
        missed = ((end - n < first[:, None]) & (last[:, None] < end)).sum(0)
        scores = best[end - n] + block(end - n, end) / n - costs[:end] - much * missed
        k = np.argmax(scores)
        best[end], start_of[end] = scores[k] - much * (known[end] < 0), end - n[k]
    boundaries = [B]
    while boundaries[-1] > 0:
        boundaries.append(start_of[boundaries[-1]])
    return np.array(boundaries[::-1])


def foote(
    similarity: np.ndarray,
    size: int = 4,
    prominence: float = 0.1,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Peaks of novelty: where the bars before resemble those after the least.

    Parameters
    ----------
    similarity : ndarray, shape (B, B)
    size : int
        Bars compared at each side, in a checkerboard that a Gaussian tapers.
    prominence : float
        Of the peaks, relative to the highest novelty.
    known : ndarray, shape (B + 1,), optional
        As in `cbm`.

    Returns
    -------
    ndarray of int, shape (segments + 1,)
        Bars at which segments begin, and B.

    References
    ----------
    Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000.
    """
    B = len(similarity)
    at = np.arange(-size, size) + 0.5
    taper = np.sign(at) * np.exp(-((at / size) ** 2) * 2)
    checkerboard = np.outer(taper, taper)
    padded = np.pad(similarity, size, mode="symmetric")  # nothing new at the ends
    blocks = np.lib.stride_tricks.sliding_window_view(padded, checkerboard.shape)
    novelty = np.einsum("bkl,kl->b", blocks[range(B + 1), range(B + 1)], checkerboard)
    peaks, _ = find_peaks(novelty, prominence=prominence * max(novelty.max(), 1e-12))
    return _with_known(peaks, known, B)


def spectral_clustering(
    similarity: np.ndarray, n_types: int = 4, known: np.ndarray | None = None
) -> np.ndarray:
    """Cut a graph of bars that links repetitions and neighbours.

    Parameters
    ----------
    similarity : ndarray, shape (B, B)
    n_types : int
        Clusters that the bars are sorted into; a segment ends where the cluster does.
    known : ndarray, shape (B + 1,), optional
        As in `cbm`.

    Returns
    -------
    ndarray of int, shape (segments + 1,)
        Bars at which segments begin, and B.

    References
    ----------
    McFee and Ellis, "Analyzing song structure with spectral clustering", ISMIR 2014.
    """
    B = len(similarity)
    if n_types >= B:
        return _with_known(np.arange(B + 1), known, B)
    affinity = np.maximum(similarity, 0) * (1 - np.eye(B))
    nearest = 1 + int(2 * np.log2(B))
    near = np.argsort(np.argsort(-affinity, axis=1), axis=1) < nearest
    repeated = affinity * (near & near.T)
    # what is repeated goes on for several bars: along diagonals
    along_diagonals = librosa.segment.timelag_filter(median_filter)
    repeated = along_diagonals(repeated, size=(1, 3))
    repeated = np.maximum(repeated, repeated.T)
    adjacent = (np.eye(B, k=1) + np.eye(B, k=-1)) * affinity
    adjacent = np.maximum(adjacent, 1e-3 * (np.eye(B, k=1) + np.eye(B, k=-1)))
    # the weight at which both graphs count alike, on average over the bars
    by_repetition, by_neighbours = repeated.sum(1), adjacent.sum(1)
    both = by_repetition + by_neighbours
    mu = min((by_neighbours @ both) / (both @ both), 0.99)  # 1 where nothing repeats
    clusters = SpectralClustering(
        n_types, affinity="precomputed", random_state=0
    ).fit_predict(mu * repeated + (1 - mu) * adjacent)
    return _with_known(np.flatnonzero(np.diff(clusters)) + 1, known, B)


def _with_known(boundaries, known, n_bars):
    """Inner boundaries, with what is known of them, and both ends."""
    begins = np.isin(np.arange(n_bars + 1), boundaries)
    begins[[0, -1]] = True
    if known is not None:
        begins[1:-1] &= known[1:-1] >= 0
        for bars in _one_of(known):
            begins[bars[len(bars) // 2]] |= not begins[bars].any()
    return np.flatnonzero(begins)


def _one_of(known):
    """Bars with one of which a segment is known to begin, one array a segment."""
    return [np.flatnonzero(known == number) for number in np.unique(known[known > 0])]


def label_segments(
    similarity: np.ndarray, boundaries: np.ndarray, quantile: float
) -> list[str]:
    """Name segments alike that resemble each other.

    Two segments resemble each other as much as a bar of one does the bar of the other
    that is most like it, on average. Clusters are merged (average linkage) while they
    resemble each other more than that quantile of all pairs of bars do.

    Parameters
    ----------
    similarity : ndarray, shape (B, B)
    boundaries : ndarray of int, shape (segments + 1,)
        Bars at which segments begin, and B.
    quantile : float
        From 0, one label for all, to 1.

    Returns
    -------
    list of str
        A, B, … in order of appearance, one a segment.
    """
    n = len(boundaries) - 1
    if n < 2:
        return ["A"] * n
    bars = [slice(a, b) for a, b in pairwise(boundaries)]
    one_way = np.array([[similarity[a, b].max(1).mean() for b in bars] for a in bars])
    alike = (one_way + one_way.T) / 2
    top = max(alike.max(), similarity.max())
    least = np.quantile(similarity[np.triu_indices(len(similarity), 1)], quantile)
    distances = squareform(top - alike, checks=False)
    clusters = fcluster(linkage(distances, "average"), top - least, "distance")
    order = {cluster: k for k, cluster in enumerate(dict.fromkeys(clusters.tolist()))}
    return [_name(order[cluster]) for cluster in clusters]


def _name(k):
    """A to Z, then A1 to Z1 and so on."""
    return chr(ord("A") + k % 26) + (str(k // 26) if k >= 26 else "")
