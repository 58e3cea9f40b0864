"""What a page is shown, plays and downloads of an answer: one and the same."""

import hashlib
import io
import json
import secrets
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from musaic_core.data.errors import InputError
from musaic_core.data.hints import write_hints
from musaic_core.data.notes import compare, write_midi
from musaic_core.publish.factors import pack_levels
from musaic_core.studio.components import components_of, factors_of, remixed
from musaic_core.studio.saved import write_whole
from musaic_core.studio.sound import spectrogram, write_flac
from musaic_core.studio.work import gain_of
from musaic_core.tasks.structure.saved import write_sections


def answer_of(session) -> dict:
    """What a page is shown of the last answer.

    Parameters
    ----------
    session : Session

    Returns
    -------
    dict
        That JSON can hold.
    """
    version, question, model, analysis, before, guess = session.shown()
    told = {"version": version, "question": question, "model": model}
    told |= {"levels": None}
    told |= {"notes": [], "stems": [], "sections": [], "bars": [], "components": []}
    told["changed"] = {"again": before is not None, **_changes(None, None, question)}
    told["sure"] = None
    if analysis is None:
        return told
    told["changed"] |= _changes(analysis, before, question)
    if guess is not None:
        changes = _changes(analysis, guess, question)
        told["sure"] = {which: len(rows) for which, rows in changes.items()}
    if question == "notes":
        told["notes"] = _rows(analysis.answer.table())
    elif question == "stems":
        here = f"/api/recordings/{session.id}/stems"
        told["stems"] = [
            {"name": name, "audio": f"{here}/{name}?version={version}"}
            for name in analysis.answer
        ]
    elif question == "sections":
        told["sections"] = _sections(analysis.answer)
        told["bars"] = np.round(analysis.evidence.bars, 3).tolist()
    told["components"] = components_of(analysis, session.work.mix)
    if told["components"]:
        told["levels"] = f"/api/recordings/{session.id}/levels?version={version}"
    return told


def _changes(analysis, before, question):
    """Notes or sections that are in one answer, and not in the other."""
    added = removed = []
    if before is not None and question == "notes":
        sorted_ = compare(analysis.answer.table(), before.answer.table())
        added, removed = _rows(sorted_["wrong"]), _rows(sorted_["missed"])
    elif before is not None and question == "sections":
        now, was = _sections(analysis.answer), _sections(before.answer)
        added = [row for row in now if row not in was]
        removed = [row for row in was if row not in now]
    return {"added": added, "removed": removed}


def _rows(table):
    """Notes as onset (s), offset (s), pitch."""
    return [[round(a, 3), round(b, 3), int(p)] for a, b, p in table.tolist()]


def _sections(table):
    """Sections as start (s), end (s), label."""
    rows = zip(table["start"], table["end"], table["label"], strict=True)
    return [
        [round(float(a), 4), round(float(b), 4), str(label)] for a, b, label in rows
    ]


def answered(session, question: str | None = None):
    """The last analysis of a recording.

    Parameters
    ----------
    session : Session
    question : str, optional
        That it is to answer.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        There is none.
    """
    shown = session.shown()
    if shown.analysis is None or question not in (None, shown.question):
        raise InputError(f"there are no {question or 'components'} yet; ask for them")
    return shown.analysis


def composed(session):
    """The last analysis of a recording, if it is of a model with components.

    Parameters
    ----------
    session : Session

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        There is none.
    """
    analysis = answered(session)
    if not analysis.n_components:
        raise InputError("this model has no components; choose another one")
    return analysis


def levels(session) -> bytes:
    """Templates and activations for a page to draw, as published pages have them.

    Parameters
    ----------
    session : Session

    Returns
    -------
    bytes
        As `musaic_core.publish.factors.pack_levels` gives them; activations have 2000
        columns at most.
    """
    analysis = composed(session)
    W, H, labels = factors_of(analysis)
    step = max(1, -(-H.shape[1] // 2000))
    H = np.maximum.reduceat(H, np.arange(0, H.shape[1], step), axis=1)
    frame = analysis.frame * step
    return pack_levels(W, H, np.asarray(labels), analysis.frequencies, frame)[0]


def stem_file(session, name: str) -> Path:
    """A stem as the browser plays it.

    Parameters
    ----------
    session : Session
    name : str

    Returns
    -------
    Path
        Of FLAC.
    """
    analysis, y = _stem(session, name)
    file = session.made(analysis) / f"{[*analysis.answer].index(name)}.flac"
    if not file.exists():
        write_whole(file, lambda new: write_flac(y, session.sound.rate, new))
    return file


def stretch_file(session, name: str | None, stretch: tuple[float, float]) -> Path:
    """A stretch of the recording, or of a stem, as the browser plays it.

    Parameters
    ----------
    session : Session
    name : str or None
        Of the stem.
    stretch : tuple of float
        From when to when, s.

    Returns
    -------
    Path
        Of FLAC.
    """
    sound = session.sound
    y = sound.samples if name is None else _stem(session, name)[1]
    first, last = (round(min(t, sound.duration) * sound.rate) for t in stretch)
    return _passing(session, y[:, first:last])


def _stem(session, name):
    """The last analysis, and the samples of one of its stems."""
    analysis = answered(session, "stems")
    if name not in analysis.answer:
        raise InputError(f"no stem {name!r}; choose {', '.join(analysis.answer)}")
    return analysis, analysis.answer[name]


def _passing(session, y):
    """Audio in a file that nobody else is given: several may be made at once."""
    if not y.shape[1]:
        raise InputError("the stretch is empty; let it end after its start")
    file = session.temporary / f"passing {secrets.token_hex(4)}.flac"
    return write_flac(y, session.sound.rate, file)


def components_audio(session, gains: str, stretch=(0.0, np.inf)) -> Path:
    """The recording with gains a component.

    Parameters
    ----------
    session : Session
    gains : str
        JSON: gains by the components' indices, and ``rest`` for all others; empty for
        those of the work.
    stretch : tuple of float
        From when to when, s.

    Returns
    -------
    Path
        Of FLAC.
    """
    analysis, mix = composed(session), session.work.mix
    asked, rest = dict(mix.gains), 1.0
    if gains:
        try:
            said = json.loads(gains)
            rest = gain_of(said.pop("rest", 1.0))
            asked = {int(i): gain_of(gain) for i, gain in said.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise InputError(f"gains can't be read ({error})") from None
    y = remixed(session.sound, analysis, asked, rest, stretch)
    return _passing(session, y)


def picture(session) -> tuple[bytes, dict]:
    """The recording's spectrogram as an image, low frequencies below.

    Parameters
    ----------
    session : Session

    Returns
    -------
    png : bytes
    axes : dict
        ``frequencies`` of the rows, Hz, from the lowest, ``frame``, s a column.
    """
    if session.picture is None:
        shown = spectrogram(session.sound.samples, session.sound.rate)
        file = io.BytesIO()
        Image.fromarray(shown["levels"][::-1]).save(file, "PNG")
        rows = np.round(shown["frequencies"], 1).tolist()
        axes = {"frequencies": rows, "frame": shown["frame"]}
        session.picture = file.getvalue(), axes
    return session.picture


def _zip_stems(session, stems, file):
    with zipfile.ZipFile(file, "w") as archive:  # FLAC is compressed
        for stem in stems:
            archive.write(stem_file(session, stem), f"{session.stem} {stem}.flac")


EXPORTS = ("notes.mid", "stems.zip", "sections.lab", "hints.json", "mix.flac")


def export(session, what: str) -> tuple[Path, str]:
    """Write what is shown to a file, to be downloaded.

    What is shown then is what a benchmark gives of the same hints.

    Parameters
    ----------
    session : Session
    what : str
        One of `EXPORTS`.

    Returns
    -------
    file : Path
        Temporary.
    name : str
        That it is to have.
    """
    if what not in EXPORTS:
        raise InputError(f"no export {what!r}; choose {', '.join(EXPORTS)}")
    name = f"{session.stem}.{what}"
    if what == "hints.json":
        with suppress(InputError):  # what was said is there, whatever models do
            session.make_sure()
        file = session.temporary / what
        write_hints(file, session.work.hints)
        return file, name
    session.make_sure()
    if what == "mix.flac":
        analysis = answered(session)
        gains = repr(sorted(session.work.mix.gains.items())).encode()
        digest = hashlib.sha256(gains).hexdigest()[:16]
        file = session.made(analysis) / f"mix {digest}.flac"
        if not file.exists():
            components_audio(session, "").replace(file)
        return file, name
    if what == "notes.mid":
        analysis = answered(session, "notes")
        file, name = session.made(analysis) / what, f"{session.stem}.mid"
        write_midi(analysis.answer, file)
    elif what == "sections.lab":
        analysis = answered(session, "sections")
        file, name = session.made(analysis) / what, f"{session.stem}.lab"
        write_sections(analysis.answer, file)
    else:
        analysis = answered(session, "stems")
        file = session.made(analysis) / what
        if not file.exists():
            write_whole(file, lambda new: _zip_stems(session, analysis.answer, new))
    return file, name
