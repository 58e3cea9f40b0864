"""How a listener corrects a transcription, and how the rest of it is scored."""

import numpy as np

from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes
from musaic_core.tasks.given import Hint
from musaic_core.tasks.guidance import listened, until
from musaic_core.tasks.transcription.scores import note_scores

TOLERANCE = 0.05  # s within which onsets match


def corrections(reference: Notes, estimate: Notes) -> list[Hint]:
    """List what there is to say of a transcription, in the order of its being noticed.

    A note that was missed is said to sound from its onset to its offset, and one that
    was not played is said not to. Where a wrong note lies in one of its pitch that was
    played, as where the onset is wrong, what is said is when that one sounds. Then
    notes that are right are confirmed. What is longer times louder is noticed first.

    Parameters
    ----------
    reference, estimate : Notes

    Returns
    -------
    list of Hint
        Of notes that begin where the user listens, to where that ends at most.
    """
    matches = match_notes(reference.table(), estimate.table())
    right = {i for i, _ in matches}
    wrong = np.setdiff1d(np.arange(len(estimate)), [j for _, j in matches])
    noticed: dict[Hint, tuple[bool, float]] = {}

    def notice(notes, i, of=None, sounds=True, is_right=False):
        """Say that a note sounds, or not, by how a note of those is noticed."""
        of = notes.table()[i] if of is None else of
        onset, offset, pitch = of.tolist()
        weight = np.diff(notes.intervals[i]).item() * notes.velocities[i]
        if listened(onset):
            hint = Hint(int(pitch), onset, until(onset, offset), sounds)
            noticed[hint] = max(noticed.get(hint, (False, 0)), (not is_right, weight))

    for i in range(len(reference)):
        notice(reference, i, is_right=i in right)
    for j in wrong:
        (start, end), pitch = estimate.intervals[j], estimate.pitches[j]
        overlaps = (reference.onsets < end) & (start < reference.intervals[:, 1])
        played = reference.table()[overlaps & (reference.pitches == pitch)]
        notice(estimate, j, *played[:1], sounds=len(played) > 0)
    return sorted(noticed, key=noticed.get, reverse=True)


def score_elsewhere(reference: Notes, estimate: Notes) -> float:
    """Onset F-measure of the notes that begin where the user does not listen.

    Parameters
    ----------
    reference, estimate : Notes

    Returns
    -------
    float
        NaN where the reference has none.
    """
    reference = _chosen(reference, ~listened(reference.onsets, TOLERANCE))
    if not len(reference):
        return float("nan")
    # what could be matched with notes on either side counts where it finds one of these
    counts = ~listened(estimate.onsets, 2 * TOLERANCE)
    matches = match_notes(reference.table(), estimate.table())
    counts[[j for _, j in matches]] = True
    return note_scores(reference, _chosen(estimate, counts), None)[2]


def _chosen(notes, chosen):
    return Notes(*(column[chosen] for column in vars(notes).values()))
