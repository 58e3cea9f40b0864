"""Which of two lists of notes are the same."""

import mir_eval
import numpy as np

LARGEST_STEP = 0.51  # semitones; mir_eval tells pitches apart from 0.5 on


def match_notes(
    reference: np.ndarray, estimate: np.ndarray, offset_ratio: float | None = None
) -> list[tuple[int, int]]:
    """Match as many notes as can be, within 50 ms and a quarter tone.

    It is `mir_eval.transcription.match_notes`, pitch by pitch: of all notes at once, it
    makes matrices of the notes of one list by those of the other.

    Parameters
    ----------
    reference, estimate : ndarray, shape (n, 3)
        Onset (s), offset (s) and MIDI note number of each.
    offset_ratio : float, optional
        How far an offset may be off, as a share of the reference note, and 50 ms at
        least; by default offsets do not count.

    Returns
    -------
    list of (int, int)
        Rows of the reference and of the estimate that belong together, in the order of
        the reference.

    References
    ----------
    Raffel et al., "mir_eval: A transparent implementation of common MIR metrics", ISMIR
    2014.
    """
    pitches = np.unique(np.concatenate([reference[:, 2], estimate[:, 2]]))
    above = pitches[1:][np.diff(pitches) > LARGEST_STEP]
    groups = [
        np.searchsorted(above, n[:, 2], side="right") for n in (reference, estimate)
    ]
    matches = []
    for group in range(len(above) + 1):
        true, found = (np.flatnonzero(of_notes == group) for of_notes in groups)
        if len(true) and len(found):
            pairs = mir_eval.transcription.match_notes(
                reference[true, :2],
                mir_eval.util.midi_to_hz(reference[true, 2]),
                estimate[found, :2],
                mir_eval.util.midi_to_hz(estimate[found, 2]),
                offset_ratio=offset_ratio,
            )
            matches += [(int(true[i]), int(found[j])) for i, j in pairs]
    return sorted(matches)
