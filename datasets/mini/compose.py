"""Compose and perform the songs: drums, bass, chords and lead, with annotations.

A song is a form (sections of so many bars), a progression a section and a groove.
A groove gives each kind of section its patterns, one character a sixteenth:
`x` a hit, `o` a soft hit, `-` a note held, `.` a rest; in a bass pattern R, 3, 5
and 8 are degrees of the chord and `a` a note that leads to the next root; in a
comp pattern 1 to 4 are single voices of the chord, from the lowest.
"""

from dataclasses import dataclass

import numpy as np
import pretty_midi
from perform import add_note, new_midi, no_overlap, tempo_map

PROGRAMS = {
    "finger-bass": 33,
    "synth-bass": 38,
    "electric-piano": 4,
    "nylon-guitar": 24,
    "organ": 16,
    "flute": 73,
    "trumpet": 56,
    "synth-lead": 81,
}
LEAD_LOWEST = {"flute": 65, "trumpet": 57, "synth-lead": 60}
DRUMS = dict(kick=36, snare=38, stick=37, hat=42, open=46, ride=51, crash=49)
DRUMS |= dict(shaker=70, clap=39, high=50, mid=47, low=45)
QUALITIES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10),
    "sus4": (0, 5, 7),
}
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
LOUDNESS = dict(intro=0.92, verse=0.92, chorus=1.03, bridge=0.95, outro=0.92)

# Each kind of section: a line of drums, then a line of bass and comp. An outro is
# an intro over held bass notes.
GROOVES = {
    "rock": """
intro   hat x...x...x...x... kick x...............
        bass ................ comp x-------x-------
verse   hat x.o.x.o.x.o.x.o. kick x.......x.x..... snare ....x.......x...
        bass R-R-R-R-R-R-R-a- comp x-------..x-x---
chorus  ride x.o.x.o.x.o.x.o. kick x..x....x.x..... snare ....x.......x..o
        bass R-R-8-R-R-5-8-a- comp x---x---x---x---
bridge  low x...o.x.x...o.x. kick x.......x....... snare ............x...
        bass R-------5------- comp x---------------""",
    "bossa": """
intro   shaker x.o.x.o.x.o.x.o.
        bass ................ comp 1---3---x-----x-
verse   shaker x.o.x.o.x.o.x.o. kick x.....x.x.....x. stick x.....x.....x...
        bass R-----5-5-----R- comp x-..x-..x-....x-
chorus  ride x.o.x.o.x.o.x.o. kick x.....x.x.....x. stick x.....x...x.....
        bass R-----5-8-----a- comp ..x---x-..x---x-
bridge  hat ....x.......x... kick x...............
        bass R-------3---5--- comp 1-2-3-4-3-2-3-4-""",
    "funk": """
intro   hat x.o.x.o.x.o.x.oo kick x......x..x.....
        bass R--R............ comp ................
verse   hat x.o.x.oox.o.x.oo kick x......x..x..... snare ....x..o.o..x..o
        bass R--R..8R..5R..a. comp ..x...x...x..x..
chorus  open ..x...x...x...x. kick x..x..x...x...x. snare ....x.......x..o
        bass R-8-R-8-R-8-5-a- comp x--x--x-x--x--x-
bridge  ride x...x...x...x... kick x.........x..... stick ............x...
        bass R-----------5--- comp x---------------""",
    "waltz": """
intro   hat ....x...x...
        bass ............ comp 1---x---x---
verse   hat ....x...x... kick x........... stick ....o...x...
        bass R-------5--- comp ....x---x---
chorus  ride x...x.o.x... kick x.......o... snare ....x...x...
        bass R---3---5--- comp x-----x-x---
bridge  shaker x.o.x.o.x.o. kick x...........
        bass R----------- comp 1-2-3-4-3-2-""",
    "ballad": """
intro   hat x...x...x...x...
        bass ................ comp 1-2-3-4-3-2-3-4-
verse   hat x.x.x.x.x.x.x.x. kick x.......x....... stick ....x.......x...
        bass R-------5---R--- comp x-----x-x-------
chorus  ride x.x.x.x.x.x.x.x. kick x.....x.x.x..... snare ....x.......x...
        bass R-----R-8---5-a- comp x---x---x---x-x-
bridge  shaker x.oox.oox.oox.oo kick x...............
        bass R--------------- comp 1---2---3---4---""",
    "disco": """
intro   kick x...x...x...x... hat ..x...x...x...x.
        bass ................ comp x---------------
verse   kick x...x...x...x... clap ....x.......x... hat ..x...x...x...x.
        bass R-..R-R-..R-R-a- comp x-----x-----x---
chorus  kick x...x...x...x... snare ....x.......x... open ..x...x...x...x.
        bass R-8-R-8-R-8-R-8- comp x-.x-.x-x-.x-.x-
bridge  shaker xoxoxoxoxoxoxoxo clap ............x...
        bass R---------------  comp 1-2-3-4-1-2-3-4-""",
    "shuffle": """
intro   ride x...x.o.x...x.o. stick ....x.......x...
        bass R---3---5---a--- comp ................
verse   ride x...x.o.x...x.o. kick x.......x....... snare ....x.......x...
        bass R---3---5---a--- comp ..x-......x-....
chorus  ride x.o.x.o.x.o.x.o. kick x...x...x...x... snare ....x..o....x..o
        bass R-R-3-3-5-5-8-a- comp x---..x-x---..x-
bridge  hat ....x.......x... kick x.......x.......
        bass R-------8------- comp x---------------""",
}
# Melody rhythms by steps in a bar: quiet ones first, busy ones last.
RHYTHMS = {
    16: [
        "x-------x-----x-", "x---x---x-------", "....x---x---x---",
        "x-----x-----x---", "x---x-x-x-------", "..x-x-x-x---x---",
        "x-x-x---x-x-x---", "x-x-x-x-x---....", "x-----x-x-x-x-x-",
        "..x-x-x---x-x---",
    ],
    12: [
        "x-------x---", "x-----x-x---", "x---x---x---", "x-------x-x-",
        "x-x-x-x-x---", "x---x-x-x-x-", "....x---x---", "x-x-x---x---",
    ],
}  # fmt: skip
ENDINGS = {16: "x-----------....", 12: "x-------...."}
FILLS = {  # two beats: Snare, High, Mid and Low tom, Kick
    "loud": ["S.SSHHMM", "S.S.HHLL", "HHMMLLSS", "S.SS.SLL"],
    "soft": ["......S.", "....H.L.", "....S.SS"],
}


@dataclass(frozen=True)
class Song:
    """Everything that tells a song from the others."""

    title: str
    split: str
    key: str
    bpm: float
    groove: str
    bass: str
    chords: str
    lead: str
    form: str
    progressions: dict
    beats: int = 4
    swing: float = 0.0


SONGS = {
    "harbour-lights": Song(
        "Harbour Lights", "test", "A minor", 120, "rock",
        "finger-bass", "organ", "synth-lead",
        "intro 4, verse 8, chorus 8, verse 8, bridge 4, chorus 8, outro 4",
        dict(
            verse="A:min A:min F:maj G:maj A:min C:maj F:maj E:7",
            chorus="F:maj G:maj A:min C:maj F:maj G:maj C:maj E:7",
            bridge="D:min F:maj B:hdim7 E:7",
            intro="A:min F:maj",
            outro="F:maj G:maj A:min A:min",
        ),
    ),
    "salt-and-wind": Song(
        "Salt and Wind", "test", "F major", 140, "bossa",
        "finger-bass", "nylon-guitar", "flute",
        "intro 4, verse 8, verse 8, chorus 8, bridge 8, chorus 8, outro 4",
        dict(
            verse="F:maj7 F:maj7 G:7 G:7 G:min7 C:7 F:maj7 G:min7,C:7",
            chorus="Bb:maj7 A:min7 D:min7 G:7 G:min7 C:7 F:maj7 F:7",
            bridge="A:min7 D:7 G:maj7 G:maj7 G:min7 C:7 F:maj7 C:7",
            intro="F:maj7 G:min7",
            outro="G:min7 C:7 F:maj7 F:maj7",
        ),
    ),
    "brass-pocket": Song(
        "Brass Pocket", "test", "E dorian", 106, "funk",
        "synth-bass", "electric-piano", "trumpet",
        "intro 4, verse 8, chorus 4, verse 8, chorus 4, bridge 4, chorus 4",
        dict(
            verse="E:min7 E:min7 A:7 A:7",
            chorus="C:maj7 B:min7 A:7 B:sus4,B:7",
            bridge="G:maj7 F#:min7 C:maj7 B:7",
            intro="E:min7",
        ),
    ),
    "turning-wheel": Song(
        "Turning Wheel", "test", "G major", 138, "waltz",
        "finger-bass", "electric-piano", "trumpet",
        "intro 4, verse 16, chorus 8, verse 16, bridge 8, chorus 8, outro 4",
        dict(
            verse="G:maj B:min C:maj G:maj E:min A:min D:7 G:maj",
            chorus="C:maj D:7 B:min E:min A:min D:7 G:maj D:7",
            bridge="E:min B:7 E:min A:7 D:maj A:7 D:maj D:7",
            intro="G:maj D:7",
            outro="A:min D:7 G:maj G:maj",
        ),
        beats=3,
    ),
    "slow-river": Song(
        "Slow River", "train", "C major", 72, "ballad",
        "finger-bass", "electric-piano", "flute",
        "intro 4, verse 4, chorus 4, verse 4, bridge 4, chorus 4",
        dict(
            verse="C:maj A:min7 D:min7 G:sus4,G:maj",
            chorus="F:maj G:maj,E:7 A:min F:maj,G:maj",
            bridge="Ab:maj Bb:maj C:min Bb:maj,G:7",
            intro="C:maj7 F:maj7",
        ),
    ),
    "night-signal": Song(
        "Night Signal", "train", "F# minor", 120, "disco",
        "synth-bass", "organ", "synth-lead",
        "intro 4, verse 8, chorus 8, bridge 4, verse 8, chorus 8",
        dict(
            verse="F#:min F#:min D:maj E:maj",
            chorus="D:maj E:maj C#:min F#:min D:maj E:maj F#:min C#:7",
            bridge="B:min D:maj E:maj C#:7",
            intro="F#:min D:maj",
        ),
    ),
    "market-day": Song(
        "Market Day", "train", "Bb mixolydian", 138, "shuffle",
        "finger-bass", "organ", "trumpet",
        "intro 4, verse 12, chorus 8, verse 12, bridge 4, chorus 8",
        dict(
            verse="Bb:7 Eb:7 Bb:7 Bb:7 Eb:7 Eb:7 Bb:7 G:7 C:min7 F:7 Bb:7 F:7",
            chorus="Eb:7 Eb:7 Bb:7 Bb:7 C:7 C:7 F:7 F:7",
            bridge="G:min7 C:7 F:7 F:7",
            intro="Bb:7 F:7",
        ),
        swing=0.16,
    ),
    "paper-boats": Song(
        "Paper Boats", "train", "D minor", 104, "waltz",
        "synth-bass", "nylon-guitar", "flute",
        "intro 4, verse 8, chorus 8, verse 8, bridge 8, chorus 8, outro 4",
        dict(
            verse="D:min G:min A:7 D:min Bb:maj F:maj G:min A:7",
            chorus="F:maj C:maj Bb:maj F:maj G:min D:min A:7 D:min",
            bridge="Bb:maj C:maj A:min D:min G:min G:min A:sus4 A:7",
            intro="D:min A:7",
            outro="G:min A:7 D:min D:min",
        ),
        beats=3,
    ),
}  # fmt: skip


def chord_pitches(label):
    """Return the root's pitch class and all pitch classes of a Harte chord label."""
    root, quality = label.split(":")
    root = (dict(C=0, D=2, E=4, F=5, G=7, A=9, B=11)[root[0]]) + (
        root.count("#") - root.count("b")
    )
    return root % 12, [(root + i) % 12 for i in QUALITIES[quality]]


def parse_groove(text):
    """Return {section kind: {row name: pattern}} of a groove's text."""
    kinds = {}
    for words in map(str.split, text.strip().splitlines()):
        if len(words) % 2:
            kinds[words.pop(0)] = rows = {}
        rows.update(zip(words[::2], words[1::2], strict=True))
    held = "R" + "-" * (len(kinds["intro"]["bass"]) - 1)
    return kinds | {"outro": kinds["intro"] | {"bass": held}}


def hits(pattern):
    """Return (step, length in steps, character) of each hit of a pattern."""
    starts = [i for i, c in enumerate(pattern) if c not in "-."]
    return [
        (i, 1 + len(pattern[i + 1 :]) - len(pattern[i + 1 :].lstrip("-")), pattern[i])
        for i in starts
    ]


def voice_chord(classes, previous, lowest):
    """Voice a chord upwards from near `lowest`, moving the least from `previous`."""
    voicings = []
    for bottom in classes:
        for start in range(lowest, lowest + 12):
            if start % 12 == bottom:
                ups = sorted((c - bottom) % 12 for c in classes)
                voicings.append([start + up for up in ups])

    def movement(voicing):
        if previous is None:
            return abs(voicing[0] - lowest - 4)
        return sum(min(abs(p - q) for q in previous) for p in voicing)

    return min(voicings, key=lambda v: (movement(v), v))


def nearest(pitch, classes):
    """Return the pitch of these pitch classes that is nearest to `pitch`."""
    return min(
        (p for p in range(int(pitch) - 6, int(pitch) + 7) if p % 12 in classes),
        key=lambda p: (abs(p - pitch), p),
    )


def key_scale(key):
    """Return the pitch classes of a key such as "F# minor"."""
    tonic, mode = key.split()
    tonic, _ = chord_pitches(f"{tonic}:maj")
    return [(tonic + i) % 12 for i in SCALES[mode]]


class _Player:
    """Lays out one song: bars in steps of a sixteenth, parts in seconds."""

    def __init__(self, song, rng):
        self.song, self.rng = song, rng
        self.steps = 4 * song.beats
        form = [s.split() for s in song.form.split(",")]
        self.form = [(kind, int(bars)) for kind, bars in form]
        self.bars = sum(bars for _, bars in self.form)
        length = song.beats * self.bars
        self.seconds = tempo_map(
            length, song.bpm, rng, 4 * song.beats, drift=0.012, ritardando=song.beats
        )
        self.groove = parse_groove(GROOVES[song.groove])
        self.parts = {
            name: pretty_midi.Instrument(PROGRAMS.get(program, 0), drum, name)
            for name, program, drum in (
                ("drums", None, True),
                ("bass", song.bass, False),
                ("chords", song.chords, False),
                ("lead", song.lead, False),
            )
        }
        self.motifs = {}

    def time(self, bar, step):
        """Return the time of a step of a bar, with swung offbeats."""
        beat, part = divmod(step / 4, 1)
        swing = self.song.swing
        part = np.interp(part, [0, 0.5, 1], [0, 0.5 + swing, 1])
        return float(self.seconds(bar * self.song.beats + beat + part))

    def play(self, name, bar, step, length, pitch, velocity, spread=0.008):
        onset = self.time(bar, step) + np.clip(self.rng.normal(0, spread), -0.02, 0.02)
        accent = 5 if step % 8 == 0 else 0
        velocity = (velocity + accent + self.rng.normal(0, 4)) * self.loudness
        end = self.time(bar, step + length) - 0.02
        add_note(self.parts[name], onset, end, pitch, velocity)

    def chord_at(self, bar, step):
        """Return the label of the chord under a step."""
        labels = self.chords[bar].split(",")
        return labels[min(step * len(labels) // self.steps, len(labels) - 1)]

    def tonic(self):
        """Return the label of the chord that the song ends on."""
        tonic, mode = self.song.key.split()
        return f"{tonic}:{'min' if mode in ('minor', 'dorian') else 'maj'}"

    def perform(self):
        """Play every section; return the MIDI and the annotations."""
        self.chords = []
        for kind, bars in self.form:
            cycle = self.song.progressions[kind].split()
            self.chords += [cycle[i % len(cycle)] for i in range(bars)]
        self.chords[-1] = self.tonic()
        self.chords.append(self.chords[-1])  # where the last bar leads
        hold = "-" * (self.steps - 1)
        ending = dict(kick="x", crash="x", bass="R" + hold, comp="x" + hold)
        start, seen, self.voicing, self.root = 0, {}, None, 36
        for kind, bars in self.form:
            repeat = seen[kind] = seen.get(kind, -1) + 1
            self.loudness = LOUDNESS[kind] * (1 + 0.03 * repeat)
            for bar in range(start, start + bars):
                rows = ending if bar + 1 == self.bars else self.groove[kind]
                last = bar == start + bars - 1
                self.play_drums(rows, kind, bar, bar == start, last, repeat)
                self.play_bass(rows["bass"], bar, repeat)
                self.play_chords(rows["comp"], bar, repeat)
                if kind != "intro":
                    self.play_lead(kind, bar, bar - start, bars, repeat)
            start += bars
        midi = new_midi()
        for part in self.parts.values():
            no_overlap(part)
            midi.instruments.append(part)
        return midi, self.annotations()

    def play_drums(self, rows, kind, bar, first, last, repeat):
        soft = kind in ("intro", "outro") or self.song.groove in ("bossa", "ballad")
        fill_from = self.steps - 8 if last and bar + 1 < self.bars else self.steps
        for name in sorted(set(rows) & set(DRUMS)):
            for step, _, hit in hits(rows[name]):
                if step >= fill_from and name not in ("kick", "shaker"):
                    continue
                # The second time round the hi-hat opens before the backbeat.
                opened = name == "hat" and repeat and step % 16 == self.steps - 2
                pitch = DRUMS["open" if opened else name]
                velocity = 58 if hit == "o" else 88
                self.play("drums", bar, step, 1, pitch, velocity, 0.005)
        if first and kind in ("chorus", "bridge"):
            self.play("drums", bar, 0, 4, DRUMS["crash"], 92, 0.005)
        if fill_from < self.steps:
            fill = self.rng.choice(FILLS["soft" if soft else "loud"])
            letters = dict(S="snare", H="high", M="mid", L="low")
            for step, hit in enumerate(fill):
                if hit in letters:
                    pitch = DRUMS[letters[hit]]
                    velocity = 78 + 2 * step
                    self.play("drums", bar, fill_from + step, 1, pitch, velocity, 0.005)

    def play_bass(self, pattern, bar, repeat):
        for step, length, hit in hits(pattern):
            root, classes = chord_pitches(self.chord_at(bar, step))
            self.root = nearest(np.clip(self.root, 34, 40), [root])
            third, fifth = (self.root + (c - root) % 12 for c in classes[1:3])
            pitch = {"3": third, "5": fifth, "8": self.root + 12}.get(hit, self.root)
            if hit == "a":  # one step below or above the next root
                goal, _ = chord_pitches(self.chord_at(bar + 1, 0))
                goal = nearest(self.root, [goal])
                scale = key_scale(self.song.key)
                pitch = max(nearest(goal + self.rng.choice([-2, 2]), scale), 28)
            elif repeat and hit == "R" and step and self.rng.random() < 0.25:
                pitch = self.rng.choice([self.root + 12, fifth])
            self.play("bass", bar, step, length, pitch, 86)

    def play_chords(self, pattern, bar, repeat):
        lowest = 52 + 3 * (repeat % 2)  # another voicing the second time
        label = None
        for step, length, hit in hits(pattern):
            if label != self.chord_at(bar, step):
                label = self.chord_at(bar, step)
                classes = chord_pitches(label)[1]
                self.voicing = voice_chord(classes, self.voicing, lowest)
            notes = self.voicing
            if hit.isdigit():
                notes = [[*notes, notes[0] + 12][int(hit) - 1]]
            elif repeat and step >= self.steps // 2 and self.rng.random() < 0.3:
                notes = notes[1:]
            for i, pitch in enumerate(notes):
                self.play("chords", bar, step, length, pitch, 68 + 2 * i, 0.006)

    def motif(self, kind, slot):
        """Return the rhythm and the contour of a section's motif, made once."""
        if (kind, slot) not in self.motifs:
            bank = RHYTHMS[self.steps]
            half = len(bank) // 2
            bank = bank[half:] if kind == "chorus" else bank[: half + 2]
            taken = [rhythm for rhythm, _ in self.motifs.values()]
            rhythm = self.rng.choice([r for r in bank if r not in taken] or bank)
            contour = [int(self.rng.integers(-1, 2))]
            for move in self.rng.choice(
                [-2, -1, -1, 1, 1, 2, 3], rhythm.count("x") - 1
            ):
                turn = abs(contour[-1] + move) > 3
                contour.append(contour[-1] + (-move if turn else move))
            self.motifs[kind, slot] = str(rhythm), contour
        return self.motifs[kind, slot]

    def play_lead(self, kind, bar, place, bars, repeat):
        """Play a bar of a four-bar phrase: a motif, its answer, the motif, a close."""
        slot = "aabc"[place % 4]
        if slot == "c" or place == bars - 1:
            rhythm, contour = ENDINGS[self.steps], [0]
        elif kind == "outro":
            rhythm, contour = ENDINGS[self.steps], [2]
        else:
            rhythm, contour = self.motif(kind, slot)
        anchor = LEAD_LOWEST[self.song.lead] + {"chorus": 13, "bridge": 10}.get(kind, 7)
        if place % 8 >= 4:
            anchor += 2  # the second phrase starts higher
        scale = key_scale(self.song.key)
        near = sorted(
            (p for p in range(anchor - 12, anchor + 15) if p % 12 in scale),
            key=lambda p: abs(p - anchor),
        )[0]
        ladder = [p for p in range(near - 14, near + 17) if p % 12 in scale]
        centre, previous = ladder.index(near), None
        for i, (step, length, _) in enumerate(hits(rhythm)):
            varied = repeat and self.rng.random() < 0.25
            _, classes = chord_pitches(self.chord_at(bar, step))
            rung = centre + contour[i] + (self.rng.choice([-1, 1]) if varied else 0)
            pitch = ladder[np.clip(rung, 0, len(ladder) - 1)]
            clash = any((pitch - c) % 12 in (1, 11) for c in classes)
            if step % 8 == 0 or length >= 4 or clash:
                pitch = nearest(pitch, classes)
            if pitch == previous and contour[i] != contour[i - 1]:
                # Keep the shape of the motif where two of its notes met.
                away = 3 if contour[i] > contour[i - 1] else -3
                pitch = nearest(pitch + away, classes)
            lowest = LEAD_LOWEST[self.song.lead]
            pitch += 12 * (pitch < lowest) - 12 * (pitch > lowest + 22)
            if varied and length >= 4:  # a held note becomes two
                self.play("lead", bar, step, length - 2, pitch, 84)
                step, length = step + length - 2, 2
                pitch = nearest(pitch + 2, classes if length > 2 else scale)
            self.play("lead", bar, step, length, pitch, 84)
            previous = pitch

    def annotations(self):
        """Return the beats, the sections and the chords, as `play_song` does."""
        beats = [
            (self.time(bar, 4 * beat), beat + 1)
            for bar in range(self.bars)
            for beat in range(self.song.beats)
        ]
        sections, bar = [], 0
        for kind, bars in self.form:
            sections.append((self.time(bar, 0), self.time(bar + bars, 0), kind))
            bar += bars
        chords = [(0.0, self.time(0, 0), "N")]
        for bar, labels in enumerate(self.chords[: self.bars]):
            labels = labels.split(",")
            edges = np.linspace(0, self.steps, len(labels) + 1)
            for start, end, label in zip(edges[:-1], edges[1:], labels, strict=True):
                chords.append((self.time(bar, start), self.time(bar, end), label))
        return beats, sections, chords


def play_song(song, rng):
    """Compose and perform a song.

    Parameters
    ----------
    song : Song
    rng : numpy.random.Generator

    Returns
    -------
    midi : pretty_midi.PrettyMIDI
        Instruments `drums`, `bass`, `chords` and `lead`.
    annotations : tuple of lists
        Beats (time, position in the bar from 1), sections and chords (start, end,
        label). Sections start at the first downbeat and end with the last bar.
    """
    return _Player(song, rng).perform()
