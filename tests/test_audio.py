"""What a player plays is read: whatever its header says, to its end."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from musaic_core.data.audio import (
    audio_files,
    describe_audio,
    mixed_down,
    read_audio,
)
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track

SR = 44100
N = 3 * SR + 137
FRAME = 1152  # samples of an MP3 frame


@pytest.fixture(scope="module")
def sound():
    """A tone, then noise, so that bit rates vary; (samples, channels)."""
    rng = np.random.default_rng(0)
    time = np.arange(N) / SR
    tone = 0.3 * np.sin(2 * np.pi * 440 * time) * (time < 2)
    noise = 0.1 * rng.standard_normal(N) * (time >= 2)
    return np.stack([tone + noise, tone - noise], axis=1).astype(np.float32)


@pytest.fixture
def written(sound, tmp_path):
    """Write the sound in a format of libsndfile; give the file and its bytes."""

    def write(name, **how):
        file = tmp_path / name
        with soundfile.SoundFile(file, "w", SR, 2, **how) as opened:
            opened.write(sound)
        return file, file.read_bytes()

    return write


def encoded(file, y, codec, video=False):
    """Write stereo sound as FFmpeg does, with a picture that stays black."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream(
            codec, rate=48000 if codec == "libopus" else SR, layout="stereo"
        )
        stream.bit_rate = 128_000
        if video:
            picture = container.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for _ in range(int(10 * len(y) / SR)):
                black = np.zeros((64, 64, 3), np.uint8)
                container.mux(picture.encode(av.VideoFrame.from_ndarray(black)))
            container.mux(picture.encode())
        samples = np.ascontiguousarray(y.T)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SR, 0, Fraction(1, SR)
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format, "stereo", stream.rate, size)
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(converted))
        container.mux(stream.encode())


# what libsndfile reads


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff"])
def test_samples_without_loss_are_exact(written, sound, name):
    file, _ = written(name, subtype="PCM_24")
    y, sr = read_audio(file)
    assert sr == SR
    np.testing.assert_allclose(y.T, sound, atol=2**-23)


def test_the_middle_is_what_lies_amid_the_whole(written):
    for name in ("x.flac", "x.mp3"):
        file, _ = written(name)
        whole, _ = read_audio(file)
        start = (whole.shape[1] - SR) // 2
        middle, _ = read_audio(file, 1.0)
        np.testing.assert_array_equal(middle, whole[:, start : start + SR])


# WAV


SIZES = [0x7FFFF000, 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFDB, 0, 4 * N + 16]


@pytest.mark.parametrize("size", SIZES, ids=hex)
def test_streamed_wav_is_read_to_its_end(written, sound, size, capsys):
    file, data = written("x.wav")
    at = data.index(b"data") + 4
    file.write_bytes(data[:at] + struct.pack("<I", size) + data[at + 4 :])
    y, _ = read_audio(file)
    np.testing.assert_allclose(y.T, sound, atol=2**-15)
    assert describe_audio(file).frames == N
    assert capsys.readouterr().out == ""


# FLAC


@pytest.mark.parametrize("total", [0, 2**36 - 1, 2**33, SR, N - 1])
def test_streamed_flac_is_read_to_its_end(written, sound, total, capsys):
    file, data = written("x.flac")
    data = bytearray(data)
    data[21] = (data[21] & 0xF0) | total >> 32
    data[22:26] = (total & 0xFFFFFFFF).to_bytes(4)
    file.write_bytes(data)
    y, _ = read_audio(file)
    np.testing.assert_allclose(y.T, sound, atol=2**-15)
    assert Track("x", {"mixture": file}).duration == N / SR
    assert capsys.readouterr().out == ""


def test_a_flac_that_is_damaged_amid_is_read_and_told(written, sound, capsys):
    file, data = written("x.flac")
    middle = len(data) // 2
    file.write_bytes(data[:middle] + bytes(5000) + data[middle + 5000 :])
    y, _ = read_audio(file)
    assert y.shape == (2, N)
    np.testing.assert_allclose(y[:, :SR].T, sound[:SR], atol=2**-15)
    assert capsys.readouterr().out.count("s of it are damaged and left out") == 1


# Ogg


def test_ogg_streams_one_after_the_other_are_read_as_they_are_played(
    written, sound, capsys
):
    file, first = written("x.ogg")
    _, second = written("y.ogg")  # of another serial number
    alone, _ = read_audio(file)
    file.write_bytes(first + second)
    y, _ = read_audio(file)
    assert y.shape[1] == pytest.approx(2 * N, abs=1024)
    np.testing.assert_allclose(y[:, : N - 2048], alone[:, : N - 2048], atol=1e-4)
    assert np.corrcoef(y[0, -N:], alone[0])[0, 1] > 0.99
    assert capsys.readouterr().out == ""


# MP3


def without_header(data):
    """The first frame, which only carries the header, left out."""
    return data[second_frame(data) :]


def second_frame(data):
    kbps = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    return 144_000 * kbps[data[2] >> 4] // SR + (data[2] >> 1 & 1)


def with_frame_count(count):
    """The header with another number of frames."""

    def change(data):
        at = max(data.find(b"Xing"), data.find(b"Info")) + 8
        return data[:at] + struct.pack(">I", count) + data[at + 4 :]

    change.__name__ = f"with_{count}_frames"
    return change


def with_vbri(data):
    """Fraunhofer's header in place of Xing's."""
    header = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(data), N // FRAME + 1)
    end = second_frame(data)
    return data[:36] + header.ljust(end - 36, b"\0") + data[end:]


def with_cover(data):
    """A picture of 40 kB in front."""
    picture = b"\0image/jpeg\0\3\0" + bytes(range(256)) * 160
    size = len(picture) + 10
    digits = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    return b"ID3\3\0\0" + digits + frame + data


def with_tag_behind(data):
    return data + b"APETAGEX" + b"lyrics " * 3000 + b"TAG" + bytes(125)


def with_zeros_behind(data):
    return data + bytes(50_000)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(
    "change",
    [
        bytes,
        without_header,
        with_vbri,
        with_frame_count(0),
        with_frame_count(10),
        with_frame_count(1000),
        with_cover,
        with_tag_behind,
        with_zeros_behind,
    ],
    ids=lambda change: change.__name__,
)
def test_mp3_is_read_to_its_end_whatever_its_header(
    written, sound, change, mode, capfd
):
    file, data = written("x.mp3", bitrate_mode=mode, compression_level=0.5)
    whole, _ = read_audio(file)
    file.write_bytes(change(data))
    y, sr = read_audio(file)
    assert sr == SR
    # without its header, silence that the encoder adds, of a frame or two, is heard
    delay = next(d for d in range(3 * FRAME) if abs(y[0, d] - whole[0, 0]) < 1e-5)
    assert 0 <= y.shape[1] - N - delay < 2 * FRAME
    np.testing.assert_allclose(y[:, delay : delay + N], whole, atol=1e-4)
    assert capfd.readouterr() == ("", "")


def test_mp3_with_a_whole_header_has_no_padding(written, sound):
    file, _ = written("x.mp3")
    y, _ = read_audio(file)
    assert y.shape == (2, N)
    by_libsndfile, _ = soundfile.read(file, dtype="float32")
    np.testing.assert_allclose(y.T, by_libsndfile, atol=1e-5)


# other formats


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("x.m4a", "aac"),
        ("x.aac", "aac"),
        ("x.opus", "libopus"),
        ("x.wma", "wmav2"),
        ("x.ac3", "ac3"),
        ("x.webm", "libopus"),
        ("x.flv", "aac"),
        ("x.m2ts", "aac"),
    ],
)
def test_other_formats_are_read(sound, tmp_path, name, codec):
    encoded(tmp_path / name, sound, codec)
    (file,) = audio_files(tmp_path)
    y, sr = read_audio(file)
    assert len(y) == 2
    assert y.shape[1] / sr == pytest.approx(N / SR, abs=0.1)
    # the tone, at its pitch
    hz = np.fft.rfftfreq(sr, 1 / sr)[np.abs(np.fft.rfft(y[0, :sr])).argmax()]
    assert hz == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["x.m4a", "x.mov", "x.mp4"])
def test_mp4_has_no_padding_at_its_end(sound, tmp_path, name):
    encoded(tmp_path / name, sound, "aac")
    y, _ = read_audio(tmp_path / name)
    assert y.shape[1] == pytest.approx(N, abs=SR / 1000)  # such files count in ms
    assert np.corrcoef(y[0, :SR], sound[:SR, 0])[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "codec"),
    [("x.mp4", "aac"), ("x.mkv", "flac"), ("x.avi", "mp3"), ("x.mov", "pcm_s16le")],
)
def test_the_sound_of_a_video_is_read(sound, tmp_path, name, codec):
    encoded(tmp_path / name, sound, codec, video=True)
    (file,) = audio_files(tmp_path)
    y, sr = read_audio(file)
    assert y.shape[1] / sr == pytest.approx(N / SR, abs=0.1)
    assert np.abs(y[:, : 2 * sr]).max() == pytest.approx(0.3, abs=0.1)


# files whose end is missing


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_of_a_cut_file_what_is_there_is_read_and_the_rest_told(
    written, sound, suffix, capfd
):
    file, data = written(f"x.{suffix}")
    whole, _ = read_audio(file)
    file.write_bytes(data[: len(data) // 2])
    y, _ = read_audio(file)
    assert 0.1 * N < y.shape[1] < 0.9 * N
    np.testing.assert_allclose(y[:, : SR // 2], whole[:, : SR // 2], atol=1e-5)
    read_audio(file)
    printed = capfd.readouterr()
    assert printed.out.startswith(f"! {file}: ")
    assert printed.out.count("copy it again") == printed.out.count("\n") == 1
    assert printed.err == ""


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a", "flac"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"These are words, not a recording.\n" * 99,
        b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.mp3\n#EXT-X-ENDLIST\n",
        b"\0\0\0\x20ftypM4A " + bytes(5000),
    ],
    ids=["empty", "text", "playlist", "half_a_header"],
)
def test_what_is_no_sound_is_refused_by_name(tmp_path, suffix, content):
    file = tmp_path / f"x.{suffix}"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.{suffix}: no sound can be read"):
        read_audio(file)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "aiff", "mp3"])
def test_a_file_cut_amid_its_header_is_read_or_refused_in_plain_words(tmp_path, suffix):
    soundfile.write(tmp_path / f"whole.{suffix}", np.ones(SR) / 2, SR)
    data = (tmp_path / f"whole.{suffix}").read_bytes()
    reasons = set()
    for size in range(0, min(len(data), 4500), 100):
        file = tmp_path / f"{size}.{suffix}"
        file.write_bytes(data[:size])
        try:
            read_audio(file)
        except InputError as error:
            reasons.add(str(error).removeprefix(f"{file}: "))
    assert reasons <= {
        "no sound can be read from it; copy it again, or convert it to WAV",
        "the recording is empty; export it again",
    }


def test_what_can_not_be_opened_is_told_as_what_it_is(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.wav")  # which would be waited for
    with pytest.raises(InputError, match=r"pipe\.wav: not a file that can be read"):
        read_audio(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    with pytest.raises(InputError, match=r"loop\.wav: no such file"):
        read_audio(tmp_path / "loop.wav")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "shut.wav").touch()
    monkeypatch.setattr(Path, "open", refuse)
    told = r"shut\.wav: it can't be opened \(Permission denied\); allow it to be read"
    with pytest.raises(InputError, match=told):
        read_audio(tmp_path / "shut.wav")


# channels and rates


@pytest.mark.parametrize("sr", [8000, 11025, 96000, 192000, 384000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels_is_read(tmp_path, sr, channels):
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (sr, channels))
    soundfile.write(tmp_path / "x.wav", y, sr, subtype="FLOAT")
    read, read_sr = read_audio(tmp_path / "x.wav")
    assert read_sr == sr
    np.testing.assert_array_equal(read.T, y.astype(np.float32))


def test_channels_that_agree_are_mixed_to_their_mean():
    rng = np.random.default_rng(0)
    for n_channels in (1, 2, 6):
        common = rng.standard_normal(1000)
        y = common + 0.5 * rng.standard_normal((n_channels, 1000))
        y = y.astype(np.float32)
        np.testing.assert_array_equal(mixed_down(y), y.mean(0))


def test_channels_in_opposite_phase_are_not_mixed_to_silence():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(1000).astype(np.float32)
    np.testing.assert_allclose(mixed_down(np.stack([y, -y])), y, rtol=1e-6)
    np.testing.assert_allclose(mixed_down(np.stack([0.5 * -y, y])), 0.75 * y, rtol=1e-5)


def test_a_silent_channel_is_mixed_in():
    y = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    stereo = np.stack([y, 0 * y])
    np.testing.assert_array_equal(mixed_down(stereo), stereo.mean(0))
