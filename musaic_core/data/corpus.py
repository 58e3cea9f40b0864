"""Folders of tracks."""

from pathlib import Path

from musaic_core.data.audio import audio_files
from musaic_core.data.recording import Track


def read_corpus(folder: Path) -> list[Track]:
    """List the tracks of a folder that holds one subfolder a track.

    Parameters
    ----------
    folder : Path
        Files in it, and hidden folders, are left.

    Returns
    -------
    list of Track
        In the order of their names.
    """
    return [
        read_track(subfolder)
        for subfolder in sorted(folder.iterdir())
        if subfolder.is_dir() and not subfolder.name.startswith((".", "@"))
    ]


def read_track(folder: Path) -> Track:
    """List the files of a track whose stems are known.

    Parameters
    ----------
    folder : Path
        Holds one audio file a stem and, where known, ``notes.mid``, ``beats.csv``,
        ``sections.lab`` and ``chords.lab``. A file named ``mixture`` among the stems is
        left: their sum is the mixture.

    Returns
    -------
    Track
    """

    def annotation(name):
        return folder / name if (folder / name).exists() else None

    stems = {file.stem: file for file in audio_files(folder)}
    if len(stems) > 1:
        stems.pop("mixture", None)
    return Track(
        id=folder.name,
        stem_files=stems,
        notes_from=annotation("notes.mid"),
        beats_from=annotation("beats.csv"),
        sections_from=annotation("sections.lab"),
        chords_from=annotation("chords.lab"),
    )
