"""MIDI files as mido reads them: with what makes notes, and nothing else.

mido refuses files for events that no player minds, such as a key signature of eight
flats, and where it does not know a kind of event it forgets the time before it.
"""

from collections.abc import Iterator

_TEXT, _NAME, _END, _TEMPO = 0x01, 0x03, 0x2F, 0x51  # kinds of meta events
_IGNORED = bytes([0xFF, _TEXT, 0])
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # bytes of data; others have none


def playable(data: bytes) -> bytes:
    """Write a MIDI file again, without what neither sounds nor tells a time or name.

    Chunks of other kinds than tracks are left out, and what comes after a track's end.
    The header then says how many tracks there are: some headers are wrong.

    Parameters
    ----------
    data : bytes
        May begin with the header of a RIFF file, or of the old Mac, that it lies in.

    Returns
    -------
    bytes
        The same where there are no tracks: mido says what is wrong.

    Raises
    ------
    ValueError
        A track ends amid an event, or begins without saying what its data are.
    """
    data = data[max(0, data.find(b"MThd")) :]
    chunks, at = [], 0
    while at + 8 <= len(data):
        size = 8 + int.from_bytes(data[at + 4 : at + 8])
        chunks.append(data[at : at + size])
        at += size
    header, *others = chunks or [data]
    tracks = [chunk for chunk in others if chunk.startswith(b"MTrk")]
    if not tracks:
        return data
    written = header[:10] + len(tracks).to_bytes(2) + header[12:]
    for track in tracks:
        try:
            events = b"".join(_events(track))
        except IndexError:
            raise ValueError("its end is missing") from None
        written += b"MTrk" + len(events).to_bytes(4) + events
    return written


def _events(chunk) -> Iterator[bytes]:
    """Events of a track, each with its status; an empty text in place of others."""
    track, at, running = chunk[8:], 0, 0
    while at < len(track):
        begin = at
        _, at = _number(track, at)
        time, status = track[begin:at], track[at]
        if status < 0xF0:  # a message to a channel, which may be that of the last one
            if status >= 0x80:
                running, at = status, at + 1
            elif not running:
                raise ValueError("a track begins amid a message")
            end = at + (1 if running >> 4 in (0xC, 0xD) else 2)
            event = bytes([running]) + track[at:end]
        elif status == 0xFF:
            kind = track[at + 1]
            size, text = _number(track, at + 2)
            end = text + size
            kept = kind in (_NAME, _END) or (kind == _TEMPO and size == 3)
            event = track[at:end] if kept else _IGNORED
        else:
            size, data = _SYSTEM.get(status, 0), at + 1
            if status in (0xF0, 0xF7):
                size, data = _number(track, data)
            end, event = data + size, _IGNORED
        if end > len(track):
            raise IndexError
        yield time + event
        if status == 0xFF and kind == _END:
            return
        at = end
    if len(track) < int.from_bytes(chunk[4:8]):
        raise IndexError


def _number(data, at):
    """A number of seven bits a byte, the last of which is below 128, and its end."""
    number = 0
    while data[at] >= 0x80:
        number, at = number << 7 | data[at] & 0x7F, at + 1
    return number << 7 | data[at], at + 1
