"""What published pages carry: audio, factors and reports, small and always the same."""

import base64
import gzip
import io
import json

import numpy as np
import pytest
import soundfile
from PIL import Image
from published_site import FRAME, FREQUENCIES, RATE, factors, recording, unpacked

from musaic_core.publish.audio import encode_audio, with_serial
from musaic_core.publish.factors import pack_factors
from musaic_core.publish.pack import write_once
from musaic_core.publish.report import LARGEST, write_report
from musaic_core.results.saved import save_factors


def test_audio_keeps_its_length_and_its_place():
    y = np.stack([recording(), recording()]) * np.linspace(0, 1, len(recording()))
    decoded, sr = soundfile.read(io.BytesIO(encode_audio(y, RATE)))
    assert len(decoded) / sr == pytest.approx(y.shape[1] / RATE, abs=0.001)
    times = np.arange(len(decoded)) / sr
    expected = np.interp(times, np.arange(y.shape[1]) / RATE, y[0])
    assert np.corrcoef(decoded, expected)[0, 1] > 0.98


def test_audio_comes_out_the_same_each_time_and_can_still_be_read():
    y = recording()[None]
    assert encode_audio(y, RATE) == encode_audio(y, RATE)
    other = with_serial(encode_audio(y, RATE), 0x12345678)
    assert other != encode_audio(y, RATE)
    # libogg leaves out pages whose checksum is wrong
    decoded = [soundfile.read(io.BytesIO(a))[0] for a in (other, encode_audio(y, RATE))]
    np.testing.assert_array_equal(*decoded)
    assert len(decoded[0]) == pytest.approx(24000 * len(y[0]) / RATE, abs=24)


def test_an_ogg_page_has_the_checksum_that_libogg_gives_it():
    file = io.BytesIO()
    soundfile.write(file, recording(), RATE, format="OGG", subtype="VORBIS")
    ogg = file.getvalue()
    serial = int.from_bytes(ogg[14:18], "little")
    assert with_serial(ogg, serial) == ogg


def test_equal_data_is_one_file(tmp_path):
    names = {write_once(data, tmp_path, bytes.upper) for data in (b"a", b"b", b"a")}
    assert len(names) == len(list(tmp_path.iterdir())) == 2
    assert {unpacked(tmp_path / name) for name in names} == {b"A", b"B"}


def test_factors_are_kept_to_two_decibels_without_what_is_silent(tmp_path):
    file = tmp_path / "factors.npz"
    save_factors(factors(), ["low", "high", "no"], FREQUENCIES, FRAME, file)
    line, body = pack_factors(file, 1.0, 0.5).split(b"\n", 1)
    header = json.loads(line)
    R, F, T = header["shape"]
    assert header["names"] == ["high", "low"]
    assert round(0.5 / FRAME) == T
    W = np.frombuffer(body, np.uint8)[: R * F].reshape(R, F).astype(float)
    true = factors().templates[:, [1, 0]].T
    level = 30 + 10 * np.log10(true / true.max(1, keepdims=True))
    assert np.abs(W - level.clip(0))[level > 1].max() <= 0.6
    assert len(body) == R * F + R * T


def test_a_report_asks_no_other_machine_and_its_pictures_shrink(tmp_path):
    picture = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8)
    Image.fromarray(noise).save(picture, "PNG")
    encoded = base64.b64encode(picture.getvalue()).decode()
    source = tmp_path / "source.html"
    source.write_text(
        '<html><head><link href="https://a.org/a.css" rel="stylesheet">'
        '<script src="https://a.org/a.js"></script></head>'
        f'<img src="data:image/png;base64,{encoded}"><a href="x_1.parquet">data</a>',
        encoding="utf-8",
    )
    write_report(source, tmp_path / "amt.html", "amt.parquet")
    text = gzip.decompress(unpacked(tmp_path / "amt.js")).decode()
    assert "a.org" not in text
    assert 'href="amt.parquet"' in text
    assert "data:image/webp;base64," in text
    assert len(text) < len(encoded) / 4


def test_figures_that_make_a_report_large_are_left_out(tmp_path):
    plots = {"small": {"a": {"data": [1]}}, "large": {"a": {"data": [0] * LARGEST}}}
    options = "".join(f'<option value="{name}">{name}</option>' for name in plots)
    source = tmp_path / "source.html"
    source.write_text(
        f"<html><head></head>{options}<script>window._plots = {json.dumps(plots)};"
        f"</script>{options}</html>",
        encoding="utf-8",
    )
    write_report(source, tmp_path / "amt.html", "amt.parquet")
    text = gzip.decompress(unpacked(tmp_path / "amt.js")).decode()
    assert text.count('value="small"') == 2
    assert "large" not in text
