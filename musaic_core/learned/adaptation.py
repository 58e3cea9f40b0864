"""Adapting a network that hears notes to a recording of which some notes are known."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from musaic_core.data.hints import Hint
from musaic_core.data.notes import Notes
from musaic_core.learned.notes import BLOCK, PITCHES, REACH, normalise, piano_rolls
from musaic_core.learned.training import load

LAYER = "heads"  # a convolution over time, from features to logits
STEPS = 20  # of L-BFGS at most
STIFFNESS = 100.0  # what a mean squared change of 1 in logits costs beside one hint
RIDGE = 1e-3  # of the Fisher information's mean, in all directions alike


def adapt(
    network: Callable[[np.ndarray], nn.Module],
    V: np.ndarray,
    state: dict[str, np.ndarray],
    hints: Iterable[Hint],
    frame: float,
) -> dict[str, np.ndarray]:
    """Fine-tune the last layer of a network on what was said of a recording.

    What is minimised is the cross-entropy of what the hints say, each hint counting
    alike, and how far logits move in the rest of the recording: elastic weight
    consolidation (Kirkpatrick et al. 2017). Few hints, above all of one kind, would
    else pull all answers their way. With x a cell's features and a 1 for the bias, and
    p the probability that the network gives there, it is STIFFNESS Δᵀ F Δ for a change
    Δ of an output's weights, F the mean of x xᵀ over all cells that nothing was said
    of, weighted by p (1 − p): the Fisher information of the output there. Logits are
    linear in the last layer, so that all of it is convex. Nothing is drawn at random.

    Parameters
    ----------
    network : callable
        As `musaic_core.learned.notes.fit` was given it; its last layer is ``heads``.
    V : ndarray, shape (F, T)
        Magnitude spectrogram of the recording.
    state : dict of str to ndarray
        What `musaic_core.learned.notes.fit` gave.
    hints : iterable of Hint
        Notes that sound from their onset to their offset, or pitches that do not.
    frame : float
        Time between frames, s.

    Returns
    -------
    dict of str to ndarray
        The state, with another last layer; as it was where no hint is of a pitch and
        stretch that the network hears.

    References
    ----------
    Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks",
    Proceedings of the National Academy of Sciences 114 (13), 2017.
    """
    told = [_told(hint, V.shape[1], frame) for hint in hints]
    told = [cells for cells in told if cells is not None]
    if not told:
        return state
    keys, times, targets, balance = map(torch.cat, zip(*told, strict=True))
    weights = {name: array for name, array in state.items() if name != "frequencies"}
    built = load(network(state["frequencies"]), weights)
    x, information = _heard(built, V, keys, times)
    layer = getattr(built, LAYER)
    start = torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1).detach()
    moved = start + _change(start.double(), x, information, targets, balance).float()
    weight = moved[:, :-1].reshape(layer.weight.shape)
    return state | {
        f"{LAYER}.weight": weight.numpy(),
        f"{LAYER}.bias": moved[:, -1].numpy().copy(),
    }


def _told(hint, n_frames, frame):
    """Cells that a hint is about: keys and times (n,), targets and weights (n, 2).

    None if it can't be heard. Of each output, presence and absence count alike.
    """
    if hint.label not in PITCHES or hint.start >= n_frames * frame:
        return None
    key = int(hint.label) - PITCHES[0]
    first = min(max(0, round(hint.start / frame) - hint.sounds), n_frames - 1)
    last = min(n_frames, max(first + 2, round(hint.end / frame)))
    rolls = np.zeros((2, last - first), np.float32)
    if hint.sounds:
        stretch = hint.start - first * frame, hint.end - first * frame
        note = Notes.from_rows([(*stretch, hint.label, 64, "")])
        rolls = piano_rolls(note, last - first, frame)[:, key]
    present, absent = rolls, 1 - rolls
    both = sum(a / np.maximum(a.sum(1, keepdims=True), 1) for a in (present, absent))
    balance = both / both.sum(1, keepdims=True)
    times = np.arange(first, last)
    arrays = np.full_like(times, key), times, rolls.T, balance.T
    return tuple(map(torch.tensor, arrays))


@torch.no_grad()
def _heard(built, V, keys, times):
    """Features of the cells that were spoken of, and the information of all others."""
    features = []
    layer = getattr(built, LAYER)
    layer.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0][0]))
    V = torch.tensor(normalise(V))
    n = layer.weight[0].numel() + 1
    x, information, total = torch.ones(len(keys), n), 0, 0
    for first in range(0, V.shape[1], BLOCK):
        start, last = max(0, first - REACH), min(V.shape[1], first + BLOCK)
        p = torch.sigmoid(built(V[None, :, start : last + REACH])[0])
        p = p[..., first - start :][..., : last - first]
        around = pad(features.pop(), (1, 1)).unfold(2, 3, 1)  # (channels, 88, T, 3)
        around = around[:, :, first - start :][:, :, : last - first]
        uncertain = p * (1 - p)
        inside = (first <= times) & (times < last)
        at = keys[inside], times[inside] - first
        x[inside, :-1] = around[:, at[0], at[1]].transpose(0, 1).flatten(1)
        uncertain[:, at[0], at[1]] = 0
        total = total + uncertain.double().sum((1, 2))
        for key in range(len(PITCHES)):
            of_key = torch.ones(last - first, n)
            of_key[:, :-1] = around[:, key].transpose(0, 1).flatten(1)
            weighted = of_key * uncertain[:, key, :, None]
            information = information + (weighted.mT @ of_key).double()
    return x.double(), information / total[:, None, None]


def _change(start, x, information, targets, balance):
    """What is added to the weights and bias of each output.

    It is looked for in coordinates in which the information is the identity, so that
    all directions are alike for the optimiser.
    """
    n = information.shape[-1]
    mean = information.diagonal(0, -2, -1).mean(-1)[:, None, None]
    root = torch.linalg.cholesky(information + RIDGE * mean * torch.eye(n))
    before = (x @ start.mT).mT  # (outputs, cells)
    white = torch.linalg.solve_triangular(root, x.mT, upper=False)
    change = torch.zeros_like(start, requires_grad=True)
    steps = torch.optim.LBFGS([change], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss():
        steps.zero_grad()
        logits = before + torch.einsum("on,onc->oc", change, white)
        errors = binary_cross_entropy_with_logits(
            logits, targets.mT, balance.mT, reduction="sum"
        )
        total = errors + STIFFNESS * (change**2).sum()
        total.backward()
        return total

    steps.step(loss)
    return torch.linalg.solve_triangular(
        root.mT, change.detach()[..., None], upper=True
    )[..., 0]
