"""Adapting a network that hears notes to a recording of which some notes are known."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear, pad

from musaic_core.data.hints import Hint
from musaic_core.data.notes import Notes
from musaic_core.learned.notes import PITCHES, REACH, normalise, piano_rolls
from musaic_core.learned.training import load

LAYER = "heads"  # a convolution over time, from features to logits
STEPS = 20  # of L-BFGS at most
STIFFNESS = 30.0  # what the layer's squared change counts beside one hint


def adapt(
    network: Callable[[np.ndarray], nn.Module],
    V: np.ndarray,
    state: dict[str, np.ndarray],
    hints: Iterable[Hint],
    frame: float,
) -> dict[str, np.ndarray]:
    """Fine-tune the last layer of a network on what was said of a recording.

    Logits are linear in the last layer, so that what is minimised is convex: the
    cross-entropy of what the hints say, each hint counting alike, and the squared
    distance of the weights from where they were (Li, Grandvalet and Davoine 2018), as
    few hints are not all that there is to know. Nothing is drawn at random.

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
    Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning with
    convolutional networks", ICML 2018.
    """
    weights = {name: array for name, array in state.items() if name != "frequencies"}
    built = load(network(state["frequencies"]), weights)
    layer, features = getattr(built, LAYER), []
    layer.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0][0]))
    x, told = [], []
    V = torch.tensor(normalise(V))
    for hint in hints:
        key, first, targets = _told(hint, V.shape[1], frame)
        if key is None:
            continue
        last, start = first + targets.shape[1], max(0, first - REACH)
        with torch.no_grad():
            built(V[None, :, start : last + REACH])
        around = pad(features.pop()[:, key], (1, 1))[:, first - start :]
        x.append(around.unfold(1, 3, 1)[:, : targets.shape[1]].transpose(0, 1))
        told.append((targets, _balanced(targets)))
    if not x:
        return state
    x = torch.cat(x).flatten(1)
    targets, balance = (torch.cat(each, 1).T for each in zip(*told, strict=True))
    return state | _fitted(layer, x, targets, balance)


def _told(hint, n_frames, frame):
    """Key, first frame and rolls (2, frames) of a hint; None if it can't be heard."""
    if hint.label not in PITCHES or hint.start >= n_frames * frame:
        return None, 0, None
    key = int(hint.label) - PITCHES[0]
    first = min(max(0, round(hint.start / frame) - hint.sounds), n_frames - 1)
    last = min(n_frames, max(first + 2, round(hint.end / frame)))
    rolls = np.zeros((2, last - first), np.float32)
    if hint.sounds:
        stretch = hint.start - first * frame, hint.end - first * frame
        note = Notes.from_rows([(*stretch, hint.label, 64, "")])
        rolls = piano_rolls(note, last - first, frame)[:, key]
    return key, first, torch.tensor(rolls)


def _balanced(targets):
    """Weights of a hint's cells: of each row, presence and absence count alike."""
    present = targets / targets.sum(1, keepdim=True).clamp(min=1)
    absent = (1 - targets) / (1 - targets).sum(1, keepdim=True).clamp(min=1)
    both = present + absent
    return both / both.sum(1, keepdim=True)


def _fitted(layer, x, targets, balance) -> dict[str, Any]:
    """The layer's parameters, by their names in the network's state."""
    start = [layer.weight.detach().flatten(1), layer.bias.detach()]
    moving = [parameter.clone().requires_grad_() for parameter in start]
    steps = torch.optim.LBFGS(moving, max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss():
        steps.zero_grad()
        errors = binary_cross_entropy_with_logits(linear(x, *moving), targets, balance)
        change = sum(((a - b) ** 2).sum() for a, b in zip(moving, start, strict=True))
        total = errors * balance.numel() + STIFFNESS * change
        total.backward()
        return total

    steps.step(loss)
    weight, bias = (parameter.detach() for parameter in moving)
    weight = weight.reshape(layer.weight.shape)
    return {f"{LAYER}.weight": weight.numpy(), f"{LAYER}.bias": bias.numpy()}
