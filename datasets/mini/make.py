r"""Make the mini corpus: quartets, piano pieces, songs and isolated notes.

Public-domain scores from music21's corpus (`pieces.py`) and songs (`songs.py`, composed
by `compose.py`) are performed by `perform.py` and rendered by FluidSynth in three sound
fonts; `sing.py` sings. What is for tests is recorded in rooms by `record.py`. All is
written beside this file. Run again with the same tools, it gives the same files.

    apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont \
        musescore-general-soundfont ffmpeg
    pip install music21==10.5.1 pretty_midi==0.2.11 pyroomacoustics==0.10.1 \
        soundfile soxr numpy scipy
    python make.py [--fonts FOLDER ...] [--out FOLDER]
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

try:
    import music21
except ImportError:
    sys.exit("music21 is missing: pip install music21==10.5.1")
import numpy as np
import soundfile as sf
import soxr
from compose import OOHS, play_song
from perform import (
    excerpt,
    new_midi,
    no_overlap,
    play_ensemble,
    play_piano,
    play_scale,
    read_score,
)
from pieces import CHORALES, PIECES
from record import draw_take, record
from render import render
from sing import sing, singer_of
from songs import PROGRAMS, SONGS

QUARTET = {"violin": 40, "clarinet": 71, "saxophone": 66, "bassoon": 70}
QUARTET_RANGES = {
    "violin": (55, 100),
    "clarinet": (50, 91),
    "saxophone": (44, 76),
    "bassoon": (34, 72),
}
PAN = {"other": (40, 88, 74)}  # of a stem's instruments, MIDI; 64 is the centre
BALANCE = (0, -4, 1)  # dB, of a stem's instruments
LEVELS = {"drums": 0, "bass": -2, "other": -2, "vocals": 0}  # dB; 0 where not named
LOOSE = {"test": 1.6, "train": 1.0}  # how freely is played
PEAK = 10 ** (-3 / 20)
FORMATS = {  # sampling rate, channels, nominal bit rate in kbit/s, seconds of tail
    "quartets": (22050, 1, 20, 1.2),
    "piano": (22050, 1, 32, 1.8),
    "songs": (32000, 2, 36, 1.5),
    "notes": (22050, 1, 20, 0.5),
}

SCORE_NOTE = (
    "Composition in the public domain (composer died more than 70 years ago); "
    "encoding distributed with music21, see corpus/license.txt there."
)
SONG_NOTE = "Composed by compose.py, under the licence of this repository."
FONTS = {
    "fluid": {
        "file": "FluidR3_GM.sf2",
        "name": "FluidR3 GM",
        "version": "3.1 (24 February 2008)",
        "licence": "MIT, Frank Wen 2000-2002, 2008, Toby Smithe 2008",
        "source": "Debian package fluid-soundfont-gm",
    },
    "timgm": {
        "file": "TimGM6mb.sf2",
        "name": "TimGM6mb",
        "version": "1.3",
        "licence": "GPL-2, Tim Brechbill 2004, David Bolton 2010",
        "source": "Debian package timgm6mb-soundfont",
    },
    "musescore": {
        "file": "MuseScore_General_Full.sf3",
        "name": "MuseScore General",
        "version": "0.2.1",
        "licence": "MIT, S. Christian Collins 2018-2021 and others",
        "source": "Debian package musescore-general-soundfont",
    },
}
FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3")


def seeded(name):
    """Return a generator seeded by a stable hash of a piece's name."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def perform_chorale(bwv, bpm, rng, loose):
    """Perform a chorale up to a fermata as a quartet."""
    notes, _ = read_score(f"bach/bwv{bwv}")
    names = dict(zip(sorted({n.part for n in notes}), QUARTET, strict=True))
    notes = [replace(n, part=names[n.part]) for n in notes]
    fermatas = [n for n in notes if n.fermata and n.part == "violin"]
    ends = {n.onset + n.duration for n in fermatas}
    # Each fermata takes about half of its length more than is written.
    slower = bpm / (1 + 0.45 * len(ends) / max(ends))
    notes = excerpt(notes, sorted(ends), slower)
    for n in notes:
        low, high = QUARTET_RANGES[n.part]
        if not low <= n.pitch <= high:
            raise ValueError(f"bwv{bwv}: the {n.part} cannot play {n.pitch}")
    return play_ensemble(notes, QUARTET, bpm, rng, loose)


def perform_piece(piece, rng, loose):
    """Perform a piano excerpt up to a bar line."""
    path, _, _, bpm, parts, pedal, start = piece
    notes, bars = read_score(path, parts, start)
    return play_piano(excerpt(notes, bars, bpm), bpm, rng, bars, pedal, loose)


def sung(part, singer, duration, rng, take=None):
    """Sing a part in the middle, as `render` renders one."""
    tuning = 0 if take is None else take.tuning
    return np.repeat(sing(part.notes, singer, duration, rng, tuning)[:, None], 2, 1)


def encode(audio, rate, bitrate, path):
    """Write Ogg Vorbis that is the same from run to run (soundfile's is not)."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        sf.write(wav.name, audio, rate, subtype="FLOAT")
        command = f"ffmpeg -y -loglevel error -i {wav.name} -map_metadata -1 "
        command += "-fflags +bitexact -flags:a +bitexact -c:a libvorbis -b:a"
        subprocess.run([*command.split(), f"{bitrate}k", str(path)], check=True)


def loudness(audio):
    """Return the root mean square of audio where it sounds."""
    power = (audio**2).mean(1)
    return np.sqrt(power[power > 0.01 * power.mean()].mean())


def render_track(midi, folder, font, kind, singer=None, take=None):
    """Render, record, balance and write the stems and the notes of a track.

    Parameters
    ----------
    midi : pretty_midi.PrettyMIDI
        Instruments of one name are in one stem.
    folder : Path
        Folder of the track; made if need be.
    font : Path
    kind : str
        A key of `FORMATS`.
    singer : sing.Singer, optional
        Who sings the stem `vocals`, or all if there is none.
    take : record.Take, optional
        How it is recorded; by default it is left as rendered.

    Returns
    -------
    float
        Duration of the audio in seconds.
    """
    rate, channels, bitrate, tail = FORMATS[kind]
    last = max(n.end for part in midi.instruments for n in part.notes)
    duration = np.ceil((last + tail) * 10) / 10
    fade = np.linspace(1, 0, round(0.05 * rate))[:, None]
    rng = seeded(f"{folder.name} {font.name}")
    players = {}
    for part in midi.instruments:
        others = players.setdefault(part.name, [])
        if singer and (part.name == "vocals" or kind == "notes"):
            audio = sung(part, singer, duration, rng, take)
        else:
            pan = PAN.get(part.name, (64,))[len(others)]
            audio = render(part, font, duration, pan, take)
        if channels == 1:
            audio = audio.mean(1, keepdims=True)
        audio = soxr.resample(audio, 44100, rate, "VHQ")[: round(duration * rate)]
        others.append(audio)
    stems = {}
    for name, audios in players.items():
        audio = audios[0]
        if len(audios) > 1:
            audio = sum(
                audio / loudness(audio) * 10 ** (level / 20)
                for audio, level in zip(audios, BALANCE, strict=False)
            )
        audio[-len(fade) :] *= fade
        stems[name] = audio / loudness(audio) * 10 ** (LEVELS.get(name, 0) / 20)
    if take is not None:
        stems = record(stems, take, rate, rng)
        for audio in stems.values():
            audio[-len(fade) :] *= fade
    peak = max(np.abs(a).max() for a in [sum(stems.values()), *stems.values()])
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in stems.items():
        encode(audio * PEAK / peak, rate, bitrate, folder / f"{name}.ogg")
    merged(midi).write(str(folder / "notes.mid"))
    return float(duration)


def merged(midi):
    """Return a performance with one instrument a stem."""
    whole = new_midi()
    for part in midi.instruments:
        same = [p for p in whole.instruments if p.name == part.name]
        if same:
            same[0].notes += part.notes
            no_overlap(same[0])
        else:
            whole.instruments.append(deepcopy(part))
    return whole


def write_annotations(annotations, folder, duration):
    """Write beats.csv, sections.lab and chords.lab of a song."""
    beats, sections, chords = annotations
    sections[0] = (0.0, *sections[0][1:])  # sections cover the whole recording
    sections[-1] = (sections[-1][0], duration, sections[-1][2])
    chords.append((chords[-1][1], duration, "N"))
    lines = ["time,position", *(f"{time:.4f},{position}" for time, position in beats)]
    (folder / "beats.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, spans in (("sections", sections), ("chords", chords)):
        lines = [f"{start:.4f}\t{end:.4f}\t{label}\n" for start, end, label in spans]
        (folder / f"{name}.lab").write_text("".join(lines), encoding="utf-8")


def performances():
    """Yield (kind, split, name, midi, annotations, facts) of every piece."""
    for name, song in SONGS.items():
        facts = {"title": song.title, "key": song.key, "meter": song.meter}
        facts |= {"tempo": song.bpm, "style": song.groove}
        facts |= {"source": "compose.py", "licence": SONG_NOTE}
        others = dict.fromkeys([*song.other, *([song.solo] if song.solo else [])])
        facts["instruments"] = {
            "bass": [song.bass], "other": list(others), "vocals": [song.voice]
        }  # fmt: skip
        yield "songs", song.split, name, *play_song(song, seeded(name)), facts
    titles = music21.corpus.chorales.ChoraleListRKBWV().byBWV
    for split, chorales in CHORALES.items():
        for bwv, bpm in chorales.items():
            name = "bwv" + bwv.replace(".", "-")
            facts = {
                "title": titles[bwv]["title"],
                "composer": "Johann Sebastian Bach",
                "source": f"bach/bwv{bwv}",
                "licence": SCORE_NOTE,
            }
            midi = perform_chorale(bwv, bpm, seeded(name), LOOSE[split])
            yield "quartets", split, name, midi, None, facts
    for split, pieces in PIECES.items():
        for name, piece in pieces.items():
            facts = dict(zip(("source", "title", "composer"), piece[:3], strict=True))
            facts["licence"] = SCORE_NOTE
            midi = perform_piece(piece, seeded(name), LOOSE[split])
            yield "piano", split, name, midi, None, facts


def parse_arguments():
    """Read the command line; stop with one line on what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", type=Path, nargs="+", default=FOLDERS)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    arguments = parser.parse_args()
    for tool in ("fluidsynth", "ffmpeg"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install {tool}")
    return arguments


def find_fonts(folders):
    """Return the path of each font; stop with one line if one is missing."""
    paths = {}
    for key, font in FONTS.items():
        there = [Path(f) / font["file"] for f in folders]
        there = [path for path in there if path.is_file()]
        if not there:
            package = font["source"].split()[-1]
            sys.exit(
                f"{font['file']} is missing: apt-get install {package}, or give its "
                "folder with --fonts"
            )
        paths[key] = there[0]
    return paths


def sha256(path):
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_tracks(fonts, out, ranges):
    """Make all recordings of music; note the pitches of each instrument in `ranges`."""
    tracks, numbers = {}, {}
    programs = {program: name for name, program in PROGRAMS.items()}
    for kind, split, name, midi, annotations, facts in performances():
        voice = facts["instruments"]["vocals"][0] if kind == "songs" else None
        for part in midi.instruments:
            if not part.is_drum:
                instrument = part.name
                if kind == "songs":
                    instrument = programs.get(part.program, voice)
                pitches = ranges.setdefault((kind, instrument), [])
                pitches.extend(n.pitch for n in part.notes)
        if split == "test":
            number = numbers[kind] = numbers.get(kind, -1) + 1
            take = draw_take(kind, number, seeded(f"take of {name}"))
            # Every other one is played in the font that `seen` is learned from.
            splits = {"test": ("musescore", "fluid")[number % 2]}
        else:
            take, splits = None, {"train-seen": "fluid", "train-unseen": "timgm"}
        for folder, font in splits.items():
            track = f"{kind}/{folder}/{name}"
            print(track, flush=True)
            singer = singer_of(voice, font) if voice else None
            duration = render_track(midi, out / track, fonts[font], kind, singer, take)
            if annotations:
                write_annotations([list(a) for a in annotations], out / track, duration)
            tracks[track] = facts | {"font": font, "duration": duration}
            if take is not None:
                tracks[track]["take"] = asdict(take)
    return tracks


def make_notes(fonts, out, ranges):
    """Make the isolated notes of each instrument and voice."""
    tracks = {}
    programs = QUARTET | PROGRAMS
    for folder, font in (("seen", "fluid"), ("unseen", "timgm")):
        for (kind, instrument), pitches in ranges.items():
            track = f"{kind}/notes-{folder}/{instrument}"
            print(track, flush=True)
            scale = range(min(pitches), max(pitches) + 1)
            sings = kind == "songs" and instrument not in programs
            singer = singer_of(instrument, font) if sings else None
            midi = play_scale(scale, programs.get(instrument, OOHS), instrument)
            duration = render_track(midi, out / track, fonts[font], "notes", singer)
            tracks[track] = {
                "title": f"{instrument}, every semitone from {scale[0]} to {scale[-1]}",
                "licence": SONG_NOTE,
                "font": font,
                "duration": duration,
            }
    return tracks


def main():
    """Make the corpus."""
    arguments = parse_arguments()
    fonts, out, ranges = find_fonts(arguments.fonts), arguments.out, {}
    tracks = make_tracks(fonts, out, ranges)
    ranges["piano", "piano"] = [21, 108]
    tracks |= make_notes(fonts, out, ranges)
    version = subprocess.check_output(
        ["fluidsynth", "--version"], text=True, encoding="utf-8"
    )
    files = sorted(p for track in tracks for p in (out / track).iterdir())
    manifest = {
        "fonts": {key: FONTS[key] | {"sha256": sha256(p)} for key, p in fonts.items()},
        "music21": music21.__version__,
        "fluidsynth": version.split()[3],
        "tracks": tracks,
        "files": {p.relative_to(out).as_posix(): sha256(p) for p in files},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (out / "manifest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
