"""Folders of tracks."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from musaic_core.data.annotations import TABLES, annotates
from musaic_core.data.audio import audio_files, describe_audio
from musaic_core.data.errors import InputError, printable, reason_of, report_once
from musaic_core.data.recording import Track

KINDS = ("notes", "beats", "sections", "chords")


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
    return [read_track(subfolder) for subfolder in _subfolders(folder)]


def read_track(folder: Path) -> Track:
    """List the files of a track whose stems are known.

    Parameters
    ----------
    folder : Path
        Holds one audio file a stem and, where known, files named ``notes``, ``beats``,
        ``sections`` and ``chords``, in any form of `musaic_core.data.annotations`.
        Those named as the folder, or ``mixture``, are told by what they hold. An audio
        file named ``mixture`` among the stems is left: their sum is the mixture. Stems
        have their files' names in small letters.

    Returns
    -------
    Track
    """
    named = [(_plain(file.stem), file) for file in audio_files(folder)]
    # it may lie there twice, such as in WAV and in MP3
    named = [entry for entry in named if entry[0] != "mixture"] or named[:1]
    taken = Counter(name for name, _ in named)  # bass.wav may lie beside bass.mp3
    stems = {file.name if taken[name] > 1 else name: file for name, file in named}
    files = _annotation_files(folder)
    return Track(folder.name, stems, **_annotations(files, "mixture", folder.name, ""))


def tracks_of(make: Callable[[Any], Track | None], items: Iterable) -> list[Track]:
    """Make a track of each item, and leave out where that fails.

    Parameters
    ----------
    make : callable
        Takes an item, gives a track, or None where it makes none.
    items : iterable

    Returns
    -------
    list of Track
        Of the items for which there was an error, a line has said which.
    """
    tracks = []
    for item in items:
        try:
            tracks.append(make(item))
        except Exception as error:
            report_once(reason_of(error, getattr(item, "name", type(item).__name__)))
    return [track for track in tracks if track is not None]


def read_recordings(folder: Path) -> list[Track]:
    """List the recordings in a folder and all folders in it.

    Parameters
    ----------
    folder : Path
        Each audio file in it is a recording. A folder in it holds the stems of one, if
        its files are about equally long; else each of them is a recording too.
        Annotations have the recording's name, with their kind after it or without:
        ``song.mid``, ``song.lab``, ``song.beats.csv``; among stems, see `read_track`.

    Returns
    -------
    list of Track
        In the order of their names, which are paths from the folder on.
    """
    return _recordings_in(folder, folder, frozenset())


def _recordings_in(folder, root, above):
    files, path = audio_files(folder), folder.relative_to(root)
    if folder != root and _are_stems(files):
        track = read_track(folder)
        track.id = printable(path.as_posix())
        tracks = [track]
    else:
        beside = _annotation_files(folder)
        tracks = []
        for file in files:
            names = (
                [file.stem, ""] if folder != root and len(files) == 1 else [file.stem]
            )
            found = _annotations(beside, *names)
            name = printable((path / file.name).as_posix())
            tracks.append(Track(name, {"mixture": file}, **found))
    above |= {folder.resolve()}
    for subfolder in _subfolders(folder):
        try:
            found = subfolder.resolve()
            # links upwards would go round and round
            if not any(passed.is_relative_to(found) for passed in above):
                tracks += _recordings_in(subfolder, root, above)
        except OSError as error:
            report_once(f"{subfolder}: left out: it can't be read ({error.strerror})")
    return tracks


def _are_stems(files):
    """Whether files are the stems of one recording: several, about equally long.

    Of what can't be read nobody knows how long it is.
    """
    lengths = []
    for file in files:
        with suppress(InputError):  # told when it is read
            lengths.append(describe_audio(file).duration)
    return len(lengths) > 1 and min(lengths) >= 0.9 * max(lengths)


def _subfolders(folder):
    """Folders in a folder but for hidden ones; links to nothing are told."""
    subfolders = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "@", "__MACOSX", "#recycle", "$RECYCLE")):
            continue
        if entry.is_dir():
            subfolders.append(entry)
        elif (
            entry.is_symlink()
            and not entry.exists()
            and entry not in audio_files(folder)
        ):
            report_once(f"{entry}: a link to nothing; mend it, or remove it")
    return subfolders


def _annotation_files(folder):
    """The files of a folder that are not hidden, by their names without suffix."""
    files = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            files[_plain(file.stem)].append(file)
    return files


def _annotations(files, *names):
    """Arguments of a track: files that annotate a recording with one of these names.

    ``""`` stands for files named by their kind alone.
    """
    found = {}
    for kind in KINDS:
        told = [
            file
            for name in names
            for sign in (("",) if name == "" else ".-_ ")
            for file in files.get(f"{_plain(name)}{sign}{kind}", ())
            if annotates(file, kind, named=True)
        ]
        alike = [
            file
            for name in filter(None, names)
            for file in files.get(_plain(name), ())
            if annotates(file, kind)
        ]
        # a suffix that says what is in a file is believed before its content is
        alike.sort(key=lambda file: file.suffix.lower() in TABLES)
        found |= {f"{kind}_from": file for file in (told + alike)[:1]}
    return found


def _plain(name):
    """A name as others may write it: in small letters, accents as parts of these."""
    return unicodedata.normalize("NFC", name).lower()
