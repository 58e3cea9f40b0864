"""The scores that are played, all of composers who died long ago."""

# Chorales by BWV number and their tempo, quarter notes a minute. None is one of
# the ten of Bach10, and no melody is in both splits.
CHORALES = {
    "test": {
        "269": 84, "153.5": 66, "267": 72, "302": 76, "245.3": 62,
        "386": 80, "26.6": 78,
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
