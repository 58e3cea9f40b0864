"""The songs and what they are made of: grooves, rhythms, forms, progressions.

A song is a form (sections of so many bars), a progression a section and a groove.
A groove gives each kind of section its patterns, one character a sixteenth:
`x` a hit, `o` a soft hit, `-` a note held, `.` a rest; in a bass pattern R, 3, 5
and 8 are degrees of the chord and `a` a note that leads to the next root; in a
comp pattern 1 to 4 are single voices of the chord, from the lowest.
"""

from dataclasses import dataclass

PROGRAMS = {
    "piano": 0,
    "electric-piano": 4,
    "organ": 16,
    "nylon-guitar": 24,
    "steel-guitar": 25,
    "clean-guitar": 27,
    "distorted-guitar": 30,
    "finger-bass": 33,
    "picked-bass": 34,
    "synth-bass": 38,
    "strings": 48,
    "trumpet": 56,
    "flute": 73,
    "synth-lead": 81,
    "synth-pad": 89,
}
LOWEST = {  # the lowest note of those who sing or play a melody
    "flute": 65,
    "trumpet": 57,
    "synth-lead": 60,
    "distorted-guitar": 55,
    "steel-guitar": 57,
    "baritone": 43,
    "tenor": 47,
    "alto": 54,
    "soprano": 59,
}
LOUDNESS = dict(intro=0.92, verse=0.92, chorus=1.03, bridge=0.95, outro=0.92)
LIKE = dict(prechorus="bridge", solo="chorus", refrain="chorus", interlude="intro")

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
    "punk": """
intro   hat x...x...x...x...
        bass ................ comp x-x-x-x-x-x-x-x-
verse   hat x.x.x.x.x.x.x.x. kick x...x.x.x...x... snare ..x...x...x...x.
        bass R-R-R-R-R-R-R-R- comp x-x-x-x-x-x-x-x-
chorus  crash x...x...x...x... kick x.x...x.x.x...x. snare ....x.......x...
        bass R-R-R-R-R-R-5-a- comp x---x-x-x---x-x-
bridge  low x.x.x.x.x.x.x.x. kick x.......x.......
        bass R--------------- comp x---------------""",
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
    "downtempo": """
intro   hat x.oxx.o.x.oxx.o.
        bass ................ comp x---------------
verse   hat x.o.x.oxx.o.x.ox kick x..x......x..... clap ....x.......x...
        bass R--R------R-5--- comp ..x-----..x-----
chorus  hat xooxxooxxooxxoox kick x..x..x...x..x.. snare ....x.......x..o
        bass R--R--8-..R-5-a- comp x--x----x--x----
bridge  shaker x.o.x.o.x.o.x.o. stick ........x.......
        bass R-----------5--- comp 1-2-3-4-3-2-1---""",
    "shuffle": """
intro   ride x...x.o.x...x.o. stick ....x.......x...
        bass R---3---5---a--- comp ................
verse   ride x...x.o.x...x.o. kick x.......x....... snare ....x.......x...
        bass R---3---5---a--- comp ..x-......x-....
chorus  ride x.o.x.o.x.o.x.o. kick x...x...x...x... snare ....x..o....x..o
        bass R-R-3-3-5-5-8-a- comp x---..x-x---..x-
bridge  hat ....x.......x... kick x.......x.......
        bass R-------8------- comp x---------------""",
    "jig": """
intro   shaker x.o.o.x.o.o.
        bass ............ comp 1-2-3-4-3-2-
verse   shaker x.o.o.x.o.o. kick x.....o.....
        bass R-----5----- comp x---x-x---x-
chorus  shaker x.o.x.x.o.x. kick x.....x..... snare ....o.....x.
        bass R---R-5---a- comp x---x-x-x-x-
bridge  hat x.....x.....
        bass R----------- comp x-----------""",
    "soul": """
intro   hat x.o.o.x.o.o.
        bass ............ comp 1-2-3-4-3-2-
verse   hat x.x.x.x.x.x. kick x.....o..... stick ......x.....
        bass R-----R---5- comp x-----x-x-x-
chorus  ride x.x.x.x.x.x. kick x...x.....x. snare ......x.....
        bass R---R-8-5-a- comp x-x-x-x-x-x-
bridge  shaker x.o.o.x.o.o. kick x...........
        bass R-----5----- comp 1-2-3-4-3-2-""",
}
# Melody rhythms by steps in a bar: quiet ones first, busy ones last.
RHYTHMS = {
    "4/4": [
        "x-------x-----x-", "x---x---x-------", "....x---x---x---",
        "x-----x-----x---", "x---x-x-x-------", "..x-x-x-x---x---",
        "x-x-x---x-x-x---", "x-x-x-x-x---....", "x-----x-x-x-x-x-",
        "..x-x-x---x-x---",
    ],
    "3/4": [
        "x-------x---", "x-----x-x---", "x---x---x---", "x-------x-x-",
        "x-x-x-x-x---", "x---x-x-x-x-", "....x---x---", "x-x-x---x---",
    ],
    "6/8": [
        "x-----x-----", "x---x-x-----", "x-----x---x-", "....x-x---x-",
        "x-x-x-x-----", "x---x-x-x-x-", "x-x-x-x---x-", "..x-x-x-x-x-",
    ],
}  # fmt: skip
ENDINGS = {"4/4": "x-----------....", "3/4": "x-------....", "6/8": "x-------...."}
STRUMS = {"4/4": "x---x-o---o-x-o-", "3/4": "x---x-o-x-o-", "6/8": "x---o-x-o-o-"}
FILLS = {  # two beats: Snare, High, Mid and Low tom, Kick
    "loud": ["S.SSHHMM", "S.S.HHLL", "HHMMLLSS", "S.SS.SLL"],
    "soft": ["......S.", "....H.L.", "....S.SS"],
}


@dataclass(frozen=True)
class Song:
    """Everything that tells a song from the others.

    `other` gives the instruments of that stem and how each plays: it comps or chops in
    the groove's rhythm, strums or picks a guitar's chords, plays power chords, or holds
    a pad. `solo` plays the melody where nobody sings.
    """

    title: str
    split: str
    key: str
    meter: str
    bpm: float
    groove: str
    voice: str
    bass: str
    other: dict
    form: str
    progressions: dict
    solo: str = ""
    swing: float = 0.0


SONGS = {
    "harbour-lights": Song(
        "Harbour Lights", "test", "A minor", "4/4", 120, "rock", "tenor",
        "finger-bass", {"distorted-guitar": "power", "organ": "pad"},
        "intro 4, verse 8, chorus 8, verse 8, solo 4, chorus 8, outro 4",
        dict(
            verse="A:min A:min F:maj G:maj A:min C:maj F:maj E:7",
            chorus="F:maj G:maj A:min C:maj F:maj G:maj C:maj E:7",
            solo="D:min F:maj B:hdim7 E:7",
            intro="A:min F:maj",
            outro="F:maj G:maj A:min A:min",
        ),
        solo="distorted-guitar",
    ),
    "salt-and-wind": Song(
        "Salt and Wind", "test", "F major", "4/4", 144, "bossa", "alto",
        "finger-bass", {"nylon-guitar": "comp"},
        "verse 8, verse 8, bridge 8, verse 8, solo 8, bridge 8",
        dict(
            verse="F:maj7 F:maj7 G:7 G:7 G:min7 C:7 F:maj7 G:min7,C:7",
            solo="F:maj7 F:maj7 G:7 G:7 G:min7 C:7 F:maj7 F:7",
            bridge="Bb:maj7 A:min7 D:min7 G:7 G:min7 C:7 F:maj7 C:7",
        ),
        solo="flute",
    ),
    "brass-pocket": Song(
        "Brass Pocket", "test", "E dorian", "4/4", 106, "funk", "soprano",
        "synth-bass", {"clean-guitar": "chop", "electric-piano": "pad"},
        "intro 4, verse 8, chorus 4, verse 8, solo 4, chorus 4",
        dict(
            verse="E:min7 E:min7 A:7 A:7",
            chorus="C:maj7 B:min7 A:7 B:sus4,B:7",
            solo="E:min7 A:7",
            intro="E:min7",
        ),
        solo="trumpet",
    ),
    "turning-wheel": Song(
        "Turning Wheel", "test", "G major", "3/4", 160, "waltz", "baritone",
        "finger-bass", {"steel-guitar": "strum", "piano": "comp"},
        "intro 8, verse 16, refrain 8, verse 16, interlude 4, refrain 8, outro 4",
        dict(
            verse="G:maj B:min C:maj G:maj E:min A:min D:7 G:maj",
            refrain="C:maj D:7 B:min E:min A:min D:7 G:maj D:7",
            interlude="E:min B:7 A:min D:7",
            intro="G:maj D:7",
            outro="A:min D:7 G:maj G:maj",
        ),
    ),
    "lantern-hill": Song(
        "Lantern Hill", "test", "D mixolydian", "6/8", 60, "jig", "alto",
        "finger-bass", {"steel-guitar": "pick", "strings": "pad"},
        "verse 8, refrain 4, verse 8, refrain 4, bridge 6, refrain 4",
        dict(
            verse="D:maj C:maj G:maj D:maj B:min C:maj G:maj A:sus4,A:maj",
            refrain="G:maj D:maj C:maj A:maj",
            bridge="E:min G:maj B:min C:maj A:sus4 A:maj",
        ),
    ),
    "tin-roof": Song(
        "Tin Roof", "test", "E minor", "4/4", 180, "punk", "tenor",
        "picked-bass", {"distorted-guitar": "power"},
        "intro 4, verse 8, chorus 8, verse 8, chorus 8, bridge 4, solo 8, chorus 8",
        dict(
            verse="E:min G:maj D:maj A:maj E:min G:maj C:maj D:maj",
            chorus="C:maj G:maj D:maj E:min C:maj G:maj A:maj B:maj",
            bridge="A:min C:maj E:min B:maj",
            solo="E:min G:maj D:maj A:maj",
            intro="E:min E:min G:maj A:maj",
        ),
        solo="distorted-guitar",
    ),
    "half-light": Song(
        "Half Light", "test", "C minor", "4/4", 68, "downtempo", "soprano",
        "synth-bass", {"electric-piano": "comp", "synth-pad": "pad"},
        "verse 4, prechorus 4, chorus 4, verse 4, chorus 4",
        dict(
            verse="C:min7 Ab:maj7 F:min7 G:7",
            prechorus="Ab:maj7 Bb:maj",
            chorus="F:min7 Bb:7 Eb:maj7 Ab:maj7,G:7",
        ),
    ),
    "slow-river": Song(
        "Slow River", "train", "C major", "4/4", 76, "ballad", "soprano",
        "finger-bass", {"piano": "comp", "strings": "pad"},
        "intro 4, verse 4, chorus 4, verse 4, chorus 4",
        dict(
            verse="C:maj A:min7 D:min7 G:sus4,G:maj",
            chorus="F:maj G:maj,E:7 A:min F:maj,G:maj",
            intro="C:maj7 F:maj7",
        ),
    ),
    "market-day": Song(
        "Market Day", "train", "Bb mixolydian", "4/4", 138, "shuffle", "baritone",
        "finger-bass", {"clean-guitar": "chop", "organ": "comp"},
        "intro 4, verse 12, verse 12, solo 12",
        dict(
            intro="Bb:7 F:7",
            verse="Bb:7 Eb:7 Bb:7 Bb:7 Eb:7 Eb:7 Bb:7 G:7 C:min7 F:7 Bb:7 F:7",
            solo="Bb:7 Eb:7 Bb:7 Bb:7 Eb:7 Eb:7 Bb:7 G:7 C:min7 F:7 Bb:7 F:7",
        ),
        solo="trumpet",
        swing=0.16,
    ),
    "paper-boats": Song(
        "Paper Boats", "train", "D minor", "3/4", 108, "waltz", "soprano",
        "finger-bass", {"nylon-guitar": "pick"},
        "verse 8, chorus 8, verse 8, solo 4, chorus 8",
        dict(
            verse="D:min G:min A:7 D:min Bb:maj F:maj G:min A:7",
            chorus="F:maj C:maj Bb:maj F:maj G:min D:min A:7 D:min",
            solo="Bb:maj C:maj A:sus4 A:7",
        ),
        solo="flute",
    ),
    "iron-gate": Song(
        "Iron Gate", "train", "B minor", "4/4", 168, "punk", "tenor",
        "picked-bass", {"distorted-guitar": "power", "organ": "pad"},
        "intro 4, verse 8, chorus 8, verse 8, solo 4, chorus 8",
        dict(
            verse="B:min A:maj G:maj A:maj",
            chorus="G:maj D:maj A:maj B:min G:maj D:maj E:min F#:maj",
            solo="E:min G:maj A:maj F#:maj",
            intro="B:min G:maj",
        ),
        solo="distorted-guitar",
    ),
    "long-road": Song(
        "Long Road", "train", "A major", "6/8", 62, "soul", "tenor",
        "finger-bass", {"steel-guitar": "strum", "organ": "pad"},
        "intro 4, verse 8, chorus 4, verse 8, chorus 4",
        dict(
            verse="A:maj F#:min D:maj E:7 A:maj C#:min D:maj E:7",
            chorus="D:maj A:maj B:min E:7",
            intro="A:maj D:maj",
        ),
    ),
}  # fmt: skip
