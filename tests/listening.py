"""Notes and stems for a user to listen to."""

from musaic_core.data.notes import Notes

SR = 8000


def notes(*rows):
    """Of onset, offset, pitch and, if it is not 64, velocity."""
    return Notes.from_rows([(*(*row, 64)[:4], "") for row in rows])


def leaking(stems, leak):
    """Stems that have a share of the others."""
    mixture = sum(stems.values())
    return {n: (1 - leak) * y + leak * (mixture - y) for n, y in stems.items()}
