"""How a listener corrects sections, and how the rest of them is scored."""

from collections.abc import Iterable

import mir_eval
import numpy as np
import pandas as pd

from musaic_core.data.hints import BOUNDARY, Hint
from musaic_core.tasks.guidance import listened, until

LISTENING = 20.0  # s that a user listens to, and after which as many are left out
TOLERANCE = 3.0  # s within which boundaries match


def known_boundaries(hints: Iterable[Hint], bars: np.ndarray) -> np.ndarray:
    """Say what hints tell of each bar.

    Parameters
    ----------
    hints : iterable of Hint
        Of boundaries. What is said later counts.
    bars : ndarray, shape (B + 1,)
        Times at which bars begin, s, and at which the last one ends.

    Returns
    -------
    ndarray of int, shape (B + 1,)
        As `cbm` takes it. A section is said to begin with a bar of the hint's stretch,
        or with none of them, where -1 is; where no bar begins in it, what is meant is
        the bar that is nearest to its middle.
    """
    known = np.zeros(len(bars), int)
    for number, hint in enumerate(hints, 1):
        meant = (hint.start <= bars) & (bars <= hint.end)
        if not meant.any():
            meant = np.abs(bars - (hint.start + hint.end) / 2).argmin()
        known[meant] = number if hint.sounds else -1
    return known


def corrections(reference: pd.DataFrame, estimate: pd.DataFrame) -> list[Hint]:
    """List what there is to say of sections, in the order of its being noticed.

    A boundary that was missed is said to be there, and one that is not there to be
    wrong, each with the `TOLERANCE` around it: more is not known. Then boundaries that
    are right are confirmed. What lies between long sections is noticed first.

    Parameters
    ----------
    reference, estimate : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    list of Hint
        Of boundaries where the user listens, without the first and the last.
    """
    true, found = _inner(reference), _inner(estimate)
    matches = mir_eval.util.match_events(true, found, TOLERANCE)
    right, matched = ({pair[i] for pair in matches} for i in (0, 1))
    ends = 0.0, reference["end"].max()
    noticed = []
    for i, time in enumerate(true.tolist()):
        others = np.array([*ends, *np.delete(true, i)])
        hint = _around(time, others, sounds=True)
        noticed.append((i not in right, _room(reference, i), hint))
    for j, time in enumerate(found.tolist()):
        if j not in matched:
            noticed.append((True, _room(estimate, j), _around(time, true)))
    noticed.sort(key=lambda row: row[:2], reverse=True)
    hints = [hint for *_, hint in noticed]
    return [h for h in hints if listened((h.start + h.end) / 2, 0, LISTENING)]


def _inner(sections):
    """Times of the boundaries but the first and the last."""
    return np.sort(sections["start"].to_numpy(float))[1:]


def _room(sections, i):
    """Seconds of the shorter of the sections around an inner boundary."""
    return (sections["end"] - sections["start"]).to_numpy()[i : i + 2].min()


def _around(time, others, sounds=False):
    """What is said of a time, as far as it is not of others and the user listens."""
    before, after = others[others <= time], others[others > time]
    start = max([time - TOLERANCE, *(before + time) / 2])
    end = min([time + TOLERANCE, *(after + time) / 2])
    first = np.floor(time / LISTENING) * LISTENING
    start, end = float(max(start, first)), float(until(time, end, LISTENING))
    return Hint(BOUNDARY, start, end, sounds)


def score_elsewhere(reference: pd.DataFrame, estimate: pd.DataFrame) -> float:
    """F-measure at 3 s of the boundaries where the user does not listen.

    Parameters
    ----------
    reference, estimate : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    float
        NaN where the reference has none.
    """
    true, found = _inner(reference), _inner(estimate)
    # and a little more, so that no hint that ends with the listening matches them
    true = true[~listened(true, TOLERANCE + 1e-6, LISTENING)]
    if not len(true):
        return float("nan")
    # what could be matched with one on either side counts where it finds one of these
    counts = ~listened(found, 2 * TOLERANCE, LISTENING)
    matches = mir_eval.util.match_events(true, found, TOLERANCE)
    counts[[j for _, j in matches]] = True
    return 2 * len(matches) / (len(true) + counts.sum())
