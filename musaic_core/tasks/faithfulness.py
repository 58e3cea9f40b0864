"""Whether what leaves a recording with a component is what the component claims to be.

A component's label says what it stands for: a pitch or a stem. A user who removes it
gets the recording without its share of each bin, by the masks that all models are
heard through. What is gone then is looked up in the reference: how much of its energy
lies where, and is of, what the label says. It is corrected for chance as Cohen's kappa
is, with the agreement that components and concepts of these sizes have when they have
nothing to do with each other: 1 is perfect, 0 is chance.

Purity reads a component as whatever it overlaps most, in hindsight, and weighs its own
loudness; faithfulness takes it at its word, and weighs what is heard.

References
----------
Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
Measurement 20 (1), 1960.
"""

from typing import Any

import numpy as np

from musaic_core.data.notes import Notes
from musaic_core.tasks.components import as_arrays
from musaic_core.tasks.concepts import pitches_sounding
from musaic_core.tasks.interpretability import FRAMES


def faithfulness_to_notes(
    model: Any, magnitudes: np.ndarray, notes: Notes, frame: float
) -> float:
    """How much of what leaves with components lies where their pitches sound.

    Parameters
    ----------
    model : Model
        In time. Its labels are MIDI numbers; 0 for a component that claims none.
    magnitudes : ndarray, shape (F, T)
        Of the recording.
    notes : Notes
        Those of the reference.
    frame : float
        Time between two frames, s.

    Returns
    -------
    float
        Of the middle `FRAMES` frames. NaN where no component claims a pitch.
    """
    W, H = as_arrays(model)
    middle = max(0, (H.shape[1] - FRAMES) // 2)
    H = H[:, middle : middle + FRAMES]
    power = np.square(magnitudes[: len(W), middle : middle + FRAMES])
    times = (middle + np.arange(H.shape[1])) * frame
    pitches, sounding = pitches_sounding(notes, times)
    left = removed(W, H, [power])[0]
    shares = power.sum(0) @ sounding.T / (power.sum() or 1.0)
    return agreement(left @ sounding.T, left.sum(1), model.labels, pitches, shares)


def faithfulness_to_stems(model: Any, stems: dict[str, np.ndarray]) -> float:
    """How much of what leaves with components is of the stems that they claim.

    Parameters
    ----------
    model : Model
        Of frequency × time, or frequency × time × channel. Its labels are stems' names.
    stems : dict of str to ndarray, shape (F or more, T)
        Magnitudes of the true stems.

    Returns
    -------
    float
        NaN where there are no labels, or others than these stems, whose claims can't
        be judged.
    """
    if model.labels is None or not set(map(str, model.labels)) <= set(stems):
        return np.nan
    W, H = as_arrays(model)
    powers = [np.square(stem[: len(W)]) for stem in stems.values()]
    H = H.reshape(len(H), powers[0].shape[1], -1).sum(2)
    overlap = np.stack([left.sum(1) for left in removed(W, H, powers)], axis=1)
    shares = np.array([power.sum() for power in powers])
    shares = shares / (shares.sum() or 1.0)
    return agreement(overlap, overlap.sum(1), model.labels, list(stems), shares)


def removed(
    templates: np.ndarray, activations: np.ndarray, powers: list[np.ndarray]
) -> list[np.ndarray]:
    """Energy that leaves with each component, by its share of each bin.

    Parameters
    ----------
    templates : ndarray, shape (F, C)
    activations : ndarray, shape (C, T)
    powers : list of ndarray, shape (F, T)
        What there is in each bin, as of each stem.

    Returns
    -------
    list of ndarray, shape (C, T)
        Of each of the powers.
    """
    model = templates @ activations + np.finfo(np.float32).tiny
    return [activations * (templates.T @ (power / model)) for power in powers]


def agreement(
    overlap: np.ndarray, energy: np.ndarray, claims: Any, concepts: Any, shares: Any
) -> float:
    """Agreement of claims with what left, corrected for chance.

    Parameters
    ----------
    overlap : ndarray, shape (C, K)
        Energy that left with each component where each concept is.
    energy : ndarray, shape (C,)
        All that left with each.
    claims : sequence of length C
        The concept that each component claims to be; 0 if it claims none, and then it
        does not count. One that is not among `concepts` is not there.
    concepts : sequence of length K
    shares : ndarray, shape (K,)
        How much of all energy lies where each concept is.

    Returns
    -------
    float
        (found - chance) / (1 - chance); NaN where nothing is claimed.
    """
    claims, concepts = np.asarray(claims), np.asarray(concepts)
    is_claimed = claims[:, None] == concepts
    energy = np.where(claims == 0, 0.0, energy) if claims.dtype.kind in "iu" else energy
    total = energy.sum(dtype=float)
    if not total:
        return np.nan
    found = (overlap * is_claimed).sum(dtype=float) / total
    chance = (energy @ is_claimed / total) @ shares
    return float((found - chance) / (1 - chance)) if chance < 1 - 1e-6 else np.nan
