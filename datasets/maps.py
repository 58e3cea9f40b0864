"""MAPS: pieces on nine pianos, of which two are Disklaviers."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.recording import Track

TEST = ("ENSTDkAm", "ENSTDkCl")


class Dataset(Corpus):
    """Pieces of music (MUS); models learn from sampled pianos, and hear real ones.

    That is the usual split: 60 recordings of the two Disklaviers, ENSTDkAm and
    ENSTDkCl, are scored; training recordings are of the seven others, without the
    pieces that are scored. Dictionaries are learned from the latters' notes that are
    played alone (ISOL/NO), of medium loudness.

    References
    ----------
    Hawthorne et al., "Onsets and frames: Dual-objective piano transcription", ISMIR
    2018 (the split).
    """

    name = "maps"
    about = About(
        title="MAPS",
        paper="Emiya, Badeau and David 2010",
        knows=("notes",),
        recordings="270 pieces, and notes alone",
        hours="65 with notes and chords",
        size="31 GB",
        licence="CC BY-NC-SA, say others; not confirmed with its authors",
        source="https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/",
        layout="a folder a piano, such as ENSTDkCl, that has MUS and ISOL/NO",
        split="60 recordings of the Disklaviers are scored; 139 of sampled pianos, of "
        "other pieces, and their single notes are learned from",
        published=(
            "onset F 0.823, onset and offset F 0.502, frame F 0.783: Onsets and Frames "
            "(Hawthorne et al. 2018)",
            "nets of a tutorial, on a split of its own: see pyjama",
        ),
    )

    def read(self, folder):
        pieces = [*map(track_of, sorted(folder.glob("**/MAPS_MUS-*.wav")))]
        test = [track for track in pieces if track.tags["piano"] in TEST]
        scored = {track.tags["piece"] for track in test}
        train = [
            track
            for track in pieces
            if track.tags["piano"] not in TEST and track.tags["piece"] not in scored
        ]
        notes = map(track_of, sorted(folder.glob("**/MAPS_ISOL_NO_M_*.wav")))
        isolated = [track for track in notes if track.tags["piano"] not in TEST]
        return {"train": train, "test": test, "isolated": isolated}


def track_of(file):
    """MAPS_MUS-piece_piano.wav, and the notes in a table of the same name."""
    piece, _, piano = file.stem.removeprefix("MAPS_MUS-").rpartition("_")
    tags = {"piece": piece, "piano": piano}
    notes = file.with_suffix(".txt")
    return Track(file.stem, {"mixture": file}, notes_from=notes, tags=tags)
