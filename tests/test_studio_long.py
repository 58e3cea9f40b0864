"""A recording too long to be decoded at once is heard in parts, which are the whole."""

import re

import pytest
from conftest import ROOT
from studio_pages import dropped, one_width

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = [pytest.mark.slow, one_width]

STATIC = ROOT / "musaic_core" / "studio" / "static"
# {start of each channel's part: samples of it that differ from the whole's}
DIFFERENCES = """async () => {
  const { listening } = opened, { player } = listening;
  const wholes = [await server.audio(`${listening.url}/audio`, RATE)];
  if (opened.answer.question === "notes")
    wholes.push(synthesise(opened.answer.notes, opened.duration, RATE));
  for (const { audio } of opened.answer.stems)
    wholes.push(await server.audio(audio, RATE));
  let [most, loudest] = [0, 0];
  for (const [k, whole] of wholes.entries()) {
    const y = whole.getChannelData(0);
    const sound = player.channels[k].buffer;
    for (let i = 0; i * PART < opened.duration; i++) {
      const { buffer, start } = await sound.part(i), part = buffer.getChannelData(0);
      const end = Math.min(y.length, (i + 1) * PART * RATE);
      for (let n = i * PART * RATE; n < end; n++) {
        most = Math.max(most, Math.abs(y[n] - part[n - Math.round(start * RATE)]));
        loudest = Math.max(loudest, Math.abs(y[n]));
      }
    }
  }
  return { channels: wholes.length, most, loudest };
}"""
# the level at the output, every 20 ms for some seconds
LEVELS = """(seconds) => new Promise((done) => {
  const { analyser } = Mixer.heard, wave = new Float32Array(2048), levels = [];
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(wave);
    levels.push(Math.max(...wave.map(Math.abs)));
  }, 20);
  setTimeout(() => (clearInterval(timer), done(levels)), 1000 * seconds);
})"""


@pytest.fixture
def long(tab):
    """A page to which 5 s are long, and whose parts are of 2 s."""

    def shorter(route):
        name = route.request.url.rsplit("/", 1)[1]
        text = (STATIC / name).read_text("utf-8")
        text = re.sub(r"const (LONG|PART) = \d+", _shorter, text)
        route.fulfill(body=text, content_type="text/javascript")

    tab.route(re.compile("/static/(listen|parts)[.]js"), shorter)
    tab.reload()
    tab.wait_for_selector(".cards label")
    return tab


def _shorter(found):
    return f"const {found[1]} = {dict(LONG=5, PART=2)[found[1]]}"


@pytest.mark.parametrize(("question", "channels"), [("notes", 2), ("stems", 5)])
def test_parts_of_all_that_is_heard_are_the_whole(long, question, channels):
    dropped(long, question)
    found = long.evaluate(DIFFERENCES)
    assert found["channels"] == channels
    assert found["loudest"] > 0.1
    assert found["most"] < 1e-3


def test_notes_of_a_long_recording_play_from_part_to_part_to_the_end(long):
    dropped(long)
    assert "export" not in long.inner_text("#changed")
    long.click("button[aria-label='Solo Notes']")
    long.evaluate("opened.listening.seek(3.2)")
    long.click("#player .play")
    long.wait_for_function("() => Mixer.heard.sources", polling=20)
    levels = long.evaluate(LEVELS, 3)  # over the parts' ends at 4 and 6 s
    assert max(levels) > 0.05
    silent = [level < 1e-3 for level in levels[10:]]
    assert sum(silent) / len(silent) < 0.3  # between two notes there are 50 ms
    long.wait_for_selector("#player .play[aria-label=Play]")
    now = long.evaluate("opened.listening.now()")
    assert now == pytest.approx(long.evaluate("opened.duration"), abs=0.1)


def test_who_plays_a_long_recording_from_elsewhere_hears_it_there(long):
    dropped(long)
    long.click("#player .play")
    long.evaluate("opened.listening.seek(6.6)")
    long.wait_for_function("() => Mixer.heard.sources", polling=20)
    assert long.evaluate("opened.listening.now()") == pytest.approx(6.6, abs=0.3)
    assert max(long.evaluate(LEVELS, 0.8)) > 0.02
    long.click("#player .play")
    assert long.evaluate("!Mixer.heard.playing && Mixer.heard.sources === null")


def test_a_component_of_a_long_recording_is_heard_alone(long):
    dropped(long)
    long.click("#factors summary")
    long.evaluate("opened.listening.seek(4.5)")
    long.locator(".component button").first.click()
    long.wait_for_function("() => Mixer.heard?.sources", polling=20)
    assert long.evaluate("opened.listening.parts.now()") == pytest.approx(4.5, abs=0.3)
    assert max(long.evaluate(LEVELS, 2)) > 0.005
