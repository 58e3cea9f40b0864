"""Make the mini corpus: quartets, piano pieces, songs and isolated notes.

Public-domain scores from music21's corpus and songs composed by `compose.py` are
performed by `perform.py`, rendered by FluidSynth in two sound fonts, and written
beside this file. Run again with the same tools, it gives the same files.

    apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont ffmpeg
    pip install music21==10.5.1 pretty_midi==0.2.11 soundfile soxr numpy
    python make.py [--fluid-font PATH] [--timgm-font PATH] [--out FOLDER]
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

try:
    import music21
except ImportError:
    sys.exit("music21 is missing: pip install music21==10.5.1")
import numpy as np
import pretty_midi
import soundfile as sf
import soxr
from compose import PROGRAMS, SONGS, play_song
from perform import (
    excerpt,
    new_midi,
    play_ensemble,
    play_piano,
    play_scale,
    read_score,
)

QUARTET = {"violin": 40, "clarinet": 71, "saxophone": 66, "bassoon": 70}
QUARTET_RANGES = {
    "violin": (55, 100),
    "clarinet": (50, 91),
    "saxophone": (44, 76),
    "bassoon": (34, 72),
}
PAN = {"drums": 64, "bass": 64, "chords": 40, "lead": 84}  # MIDI, 64 is the centre
LEVELS = {"drums": 0, "bass": -2, "chords": -5, "lead": -3}  # dB; 0 where not named
PEAK = 10 ** (-3 / 20)
LATENCY = 100  # samples at 44.1 kHz that FluidSynth plays late, as measured
FORMATS = {  # sampling rate, channels, nominal bit rate in kbit/s, seconds of tail
    "quartets": (22050, 1, 20, 1.2),
    "piano": (22050, 1, 32, 1.8),
    "songs": (32000, 2, 36, 2.0),
    "notes": (22050, 1, 20, 0.5),
}

# Chorales by BWV number and their tempo, quarter notes a minute. None is one of
# the ten of Bach10, and no melody is in both splits.
CHORALES = {
    "test": {
        "269": 84, "153.5": 66, "267": 72, "302": 76, "245.3": 62,
        "386": 80, "416": 66, "26.6": 78, "148.6": 72, "180.7": 70,
    },
    "train": {
        "153.1": 68, "38.6": 70, "33.6": 74, "277": 72, "415": 76,
        "32.6": 78, "429": 70, "64.2": 80, "227.1": 66, "110.7": 82,
    },
}  # fmt: skip

# Piano pieces: path in music21's corpus, title, composer, quarter notes a minute,
# parts played (all if None), share of the time that the pedal is down, quarter notes
# left out. Songs and quartets "on piano" have all their parts played on one piano.
PIECES = {
    "test": {
        "maple-leaf-rag": (
            "joplin/maple_leaf_rag", "Maple Leaf Rag",
            "Scott Joplin", 84, None, 0.4, 0),
        "sonata-k545": (
            "mozart/k545/movement1_exposition", "Sonata K. 545, first movement",
            "Wolfgang Amadeus Mozart", 112, None, 0.4, 0),
        "prelude-bwv846": (
            "bach/bwv846", "Prelude in C major, BWV 846",
            "Johann Sebastian Bach", 76, None, 0.95, 0),
        "lindenbaum": (
            "schubert/lindenbaum", "Der Lindenbaum, D. 911 no. 5, piano part",
            "Franz Schubert", 84, (1, 2), 0.9, 0),
        "klavierstueck-op19-2": (
            "schoenberg/opus19/movement2", "Klavierstück op. 19 no. 2",
            "Arnold Schoenberg", 66, None, 0.6, 0),
        "quartet-op74-1": (
            "haydn/opus74no1/movement2",
            "Quartet op. 74 no. 1, second movement, on piano",
            "Joseph Haydn", 66, None, 0.7, 0),
        "quartet-op18-1": (
            "beethoven/opus18no1/movement2",
            "Quartet op. 18 no. 1, second movement, on piano",
            "Ludwig van Beethoven", 96, None, 0.8, 0),
        "quartet-op41-1": (
            "schumann_robert/opus41no1/movement1",
            "Quartet op. 41 no. 1, Introduzione, on piano",
            "Robert Schumann", 46, None, 0.7, 0),
    },
    "train": {
        "mazurka-op6-2": (
            "chopin/mazurka06-2", "Mazurka op. 6 no. 2",
            "Frédéric Chopin", 150, None, 0.8, 0),
        "sonata-h186": (
            "cpebach/h186", "Sonata in A major H. 186, Poco adagio",
            "Carl Philipp Emanuel Bach", 60, None, 0.6, 0),
        "concertino-op26": (
            "weber/concertino_clarinet", "Concertino op. 26, piano part",
            "Carl Maria von Weber", 66, (1, 2), 0.9, 0),
        "dichterliebe-2": (
            "schumann_robert/opus48no2", "Dichterliebe op. 48 no. 2, on piano",
            "Robert Schumann", 58, None, 0.9, 0),
        "lascia-chio-pianga": (
            "handel/rinaldo/Lascia_chio_pianga", "Lascia ch'io pianga, piano part",
            "George Frideric Handel", 76, (1, 2), 0.9, 48),
        "aloha-oe": (
            "liliuokalani/aloha_oe", "Aloha Oe, piano part",
            "Queen Liliuokalani", 84, (5, 6), 0.9, 0),
        "quartet-k155": (
            "mozart/k155/movement2", "Quartet K. 155, second movement, on piano",
            "Wolfgang Amadeus Mozart", 76, None, 0.7, 0),
        "lift-every-voice": (
            "johnson_j_r/lift_every_voice", "Lift Every Voice and Sing, on piano",
            "J. Rosamond Johnson", 92, None, 0.8, 0),
    },
}  # fmt: skip
SCORE_NOTE = (
    "Composition in the public domain (composer died more than 70 years ago); "
    "encoding distributed with music21, see corpus/license.txt there."
)
SONG_NOTE = "Composed by compose.py, under the licence of this repository."
FONTS = {
    "fluid": {
        "name": "FluidR3 GM",
        "version": "3.1 (24 February 2008)",
        "licence": "MIT, Frank Wen 2000-2002, 2008, Toby Smithe 2008",
        "source": "Debian package fluid-soundfont-gm",
    },
    "timgm": {
        "name": "TimGM6mb",
        "version": "1.3",
        "licence": "GPL-2, Tim Brechbill 2004, David Bolton 2010",
        "source": "Debian package timgm6mb-soundfont",
    },
}


def seeded(name):
    """Return a generator seeded by a stable hash of a piece's name."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def perform_chorale(bwv, bpm, rng):
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
    return play_ensemble(notes, QUARTET, bpm, rng)


def perform_piece(piece, rng):
    """Perform a piano excerpt up to a bar line."""
    path, _, _, bpm, parts, pedal, start = piece
    notes, bars = read_score(path, parts, start)
    return play_piano(excerpt(notes, bars, bpm), bpm, rng, bars, pedal)


def render(part, font, duration, pan=64):
    """Render one part with FluidSynth.

    Parameters
    ----------
    part : pretty_midi.Instrument
    font : Path
    duration : float
        Seconds of audio.
    pan : int
        MIDI pan.

    Returns
    -------
    ndarray, shape (samples, 2)
        Audio at 44.1 kHz.
    """
    solo = new_midi()
    alone = pretty_midi.Instrument(part.program, part.is_drum, part.name)
    alone.notes = part.notes
    # The last control change does nothing but make the rendering long enough.
    alone.control_changes = [
        pretty_midi.ControlChange(10, pan, 0.0),
        *part.control_changes,
        pretty_midi.ControlChange(10, pan, duration + 1),
    ]
    solo.instruments.append(alone)
    with tempfile.TemporaryDirectory() as folder:
        solo.write(f"{folder}/part.mid")
        command = ["fluidsynth", "-niq", "-r", "44100", "-g", "0.4", "-T", "wav"]
        command += ["-O", "float", "-F", f"{folder}/part.wav"]
        options = {
            "synth.chorus.active": 0,
            "synth.reverb.active": 1,
            "synth.reverb.room-size": 0.2,
            "synth.reverb.damp": 0.4,
            "synth.reverb.width": 0.5,
            "synth.reverb.level": 0.15,
            "synth.dynamic-sample-loading": 1,
            "synth.cpu-cores": 1,
        }
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        command += [str(font), f"{folder}/part.mid"]
        subprocess.run(command, check=True, capture_output=True)
        audio, _ = sf.read(f"{folder}/part.wav", dtype="float32", always_2d=True)
    audio = audio[LATENCY : LATENCY + round(duration * 44100)]
    if len(audio) < round(duration * 44100):
        raise RuntimeError(f"FluidSynth stopped early on {part.name}")
    return audio


def encode(audio, rate, bitrate, path):
    """Write Ogg Vorbis that is the same from run to run (soundfile's is not)."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        sf.write(wav.name, audio, rate, subtype="FLOAT")
        command = f"ffmpeg -y -loglevel error -i {wav.name} -map_metadata -1 "
        command += "-fflags +bitexact -flags:a +bitexact -c:a libvorbis -b:a"
        subprocess.run([*command.split(), f"{bitrate}k", str(path)], check=True)


def render_track(midi, folder, font, kind):
    """Render, balance and write the stems and the notes of a track.

    Parameters
    ----------
    midi : pretty_midi.PrettyMIDI
    folder : Path
        Folder of the track; made if need be.
    font : Path
    kind : str
        A key of `FORMATS`.

    Returns
    -------
    float
        Duration of the audio in seconds.
    """
    rate, channels, bitrate, tail = FORMATS[kind]
    last = max(n.end for part in midi.instruments for n in part.notes)
    duration = np.ceil((last + tail) * 10) / 10
    fade = np.linspace(1, 0, round(0.05 * rate))[:, None]
    stems = {}
    for part in midi.instruments:
        audio = render(part, font, duration, PAN.get(part.name, 64))
        if channels == 1:
            audio = audio.mean(1, keepdims=True)
        audio = soxr.resample(audio, 44100, rate, "VHQ")[: round(duration * rate)]
        audio[-len(fade) :] *= fade
        power = (audio**2).mean(1)
        loudness = np.sqrt(power[power > 0.01 * power.mean()].mean())
        stems[part.name] = audio / loudness * 10 ** (LEVELS.get(part.name, 0) / 20)
    peak = max(np.abs(a).max() for a in [sum(stems.values()), *stems.values()])
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in stems.items():
        encode(audio * PEAK / peak, rate, bitrate, folder / f"{name}.ogg")
    midi.write(str(folder / "notes.mid"))
    return float(duration)


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
            midi = perform_chorale(bwv, bpm, seeded(name))
            yield "quartets", split, name, midi, None, facts
    for split, pieces in PIECES.items():
        for name, piece in pieces.items():
            facts = dict(zip(("source", "title", "composer"), piece[:3], strict=True))
            facts["licence"] = SCORE_NOTE
            midi = perform_piece(piece, seeded(name))
            yield "piano", split, name, midi, None, facts
    for name, song in SONGS.items():
        facts = {"title": song.title, "key": song.key, "style": song.groove}
        facts |= {"source": "compose.py", "licence": SONG_NOTE}
        facts["instruments"] = {
            "bass": song.bass, "chords": song.chords, "lead": song.lead
        }  # fmt: skip
        yield "songs", song.split, name, *play_song(song, seeded(name)), facts


def parse_arguments():
    """Read the command line; stop with one line on what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    fonts = "/usr/share/sounds/sf2/"
    parser.add_argument("--fluid-font", type=Path, default=fonts + "FluidR3_GM.sf2")
    parser.add_argument("--timgm-font", type=Path, default=fonts + "TimGM6mb.sf2")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    arguments = parser.parse_args()
    for tool in ("fluidsynth", "ffmpeg"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install {tool}")
    if not arguments.fluid_font.is_file():
        sys.exit(
            f"{arguments.fluid_font} is missing: apt-get install fluid-soundfont-gm "
            "or give --fluid-font PATH"
        )
    if not arguments.timgm_font.is_file():
        sys.exit(
            f"{arguments.timgm_font} is missing: apt-get install timgm6mb-soundfont "
            "or give --timgm-font PATH"
        )
    return arguments


def sha256(path):
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    """Make the corpus."""
    arguments = parse_arguments()
    fonts = {"fluid": arguments.fluid_font, "timgm": arguments.timgm_font}
    out, tracks, ranges = arguments.out, {}, {}
    for kind, split, name, midi, annotations, facts in performances():
        for part in midi.instruments:
            if not part.is_drum:
                instrument = facts.get("instruments", {}).get(part.name, part.name)
                pitches = ranges.setdefault((kind, instrument), [])
                pitches.extend(n.pitch for n in part.notes)
        splits = {"test": "fluid"}
        if split == "train":
            splits = {"train-seen": "fluid", "train-unseen": "timgm"}
        for folder, font in splits.items():
            track = f"{kind}/{folder}/{name}"
            print(track, flush=True)
            duration = render_track(midi, out / track, fonts[font], kind)
            if annotations:
                write_annotations([list(a) for a in annotations], out / track, duration)
            tracks[track] = facts | {"font": font, "duration": duration}

    ranges["piano", "piano"] = [21, 108]
    programs = QUARTET | {"piano": 0} | PROGRAMS
    for folder, font in (("seen", "fluid"), ("unseen", "timgm")):
        for (kind, instrument), pitches in ranges.items():
            track = f"{kind}/notes-{folder}/{instrument}"
            print(track, flush=True)
            scale = range(min(pitches), max(pitches) + 1)
            midi = play_scale(scale, programs[instrument], instrument)
            duration = render_track(midi, out / track, fonts[font], "notes")
            tracks[track] = {
                "title": f"{instrument}, every semitone from {scale[0]} to {scale[-1]}",
                "licence": SONG_NOTE,
                "font": font,
                "duration": duration,
            }

    version = subprocess.check_output(
        ["fluidsynth", "--version"], text=True, encoding="utf-8"
    )
    files = sorted(p for track in tracks for p in (out / track).iterdir())
    manifest = {
        "fonts": {
            key: {"file": path.name, **FONTS[key], "sha256": sha256(path)}
            for key, path in fonts.items()
        },
        "music21": music21.__version__,
        "fluidsynth": version.split()[3],
        "tracks": tracks,
        "files": {p.relative_to(out).as_posix(): sha256(p) for p in files},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (out / "manifest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
