"""The published site in a headless Chromium, at desktop and phone widths."""

import contextlib
import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
from published_site import EVIL, HIGH, LOW, make_site

playwright = pytest.importorskip("playwright.sync_api")
PAGES = (
    *("index.html", "solvers/nmf.html", "benchmarks/amt.html"),
    *("benchmarks/loss.html", "tracks/tiny-one.html", "tracks/tiny-two.html"),
    "reports/amt.html",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("browsed"))


@contextlib.contextmanager
def opened(chromium, width):
    """A page that collects what goes wrong; nothing may."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: m.type == "error" and wrong.append(m.text))

    def here(url):
        return url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))

    page.on("request", lambda r: here(r.url) or wrong.append(r.url))
    yield page
    assert wrong == []
    context.close()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def tab(request, chromium):
    with opened(chromium, request.param) as page:
        yield page


@pytest.fixture
def desktop(chromium):
    with opened(chromium, 1280) as page:
        yield page


@pytest.fixture(scope="session")
def server(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def settle(tab, url):
    tab.goto(url)
    if "/tracks/" in url:
        tab.wait_for_selector("#player .play")


def solvers_shown(tab):
    return tab.locator("#matrix tbody tr:visible th a").all_inner_texts()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_from_the_file_system_and_fits_the_width(tab, site, page):
    settle(tab, f"{site.as_uri()}/{page}")
    if page.startswith(("index", "solvers")):
        tab.wait_for_selector(".chart .main-svg")
    if not page.startswith("reports"):  # those are benchopt's own
        overflow = "document.documentElement.scrollWidth - window.innerWidth"
        assert tab.evaluate(overflow) <= 0
        assert tab.locator("h1").count() == 1


def test_a_static_host_serves_it_too(desktop, server):
    settle(desktop, f"{server}/index.html")
    desktop.wait_for_selector("#cost-chart .main-svg")
    settle(desktop, f"{server}/tracks/tiny-one.html")
    desktop.wait_for_selector(".component")


def test_the_matrix_sorts_by_mouse_and_keyboard_and_the_address_keeps_it(tab, site):
    settle(tab, f"{site.as_uri()}/index.html")
    best_first = ["nmf β=1 fixed", "network", "nmf β=2 blind", "ideal", "silence"]
    worst_first = [*best_first[2::-1], *best_first[:2:-1]]  # floors and oracles below
    assert solvers_shown(tab) == best_first
    heading = tab.locator("#matrix thead tr:last-child th:visible button").nth(1)
    heading.click()
    assert solvers_shown(tab) == worst_first
    assert "sort=1" in tab.url
    heading.focus()
    tab.keyboard.press("Enter")
    assert solvers_shown(tab) == best_first
    heading.click()
    tab.reload()
    assert solvers_shown(tab) == worst_first


def test_the_matrix_filters_and_the_address_keeps_it(tab, site):
    settle(tab, f"{site.as_uri()}/index.html")
    tab.select_option("select[name=kind]", "low-rank")
    assert solvers_shown(tab) == ["nmf β=1 fixed", "nmf β=2 blind"]
    tab.select_option("select[name=beta]", "2")
    assert solvers_shown(tab) == ["nmf β=2 blind"]
    tab.select_option("select[name=task]", "msa")
    assert tab.locator("#matrix thead tr:last-child th:visible").count() == 2
    tab.reload()
    assert solvers_shown(tab) == ["nmf β=2 blind"]
    tab.click("button[type=reset]")
    tab.wait_for_function("document.querySelector('#count').innerText.startsWith('5')")


def test_the_theme_turns_and_stays(desktop, site):
    settle(desktop, f"{site.as_uri()}/index.html")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = desktop.evaluate(colour)
    desktop.click("#theme")
    dark = desktop.evaluate(colour)
    assert dark != light
    settle(desktop, f"{site.as_uri()}/benchmarks/amt.html")
    assert desktop.evaluate(colour) == dark


def test_what_the_chart_of_costs_shows_is_said_beneath(desktop, site):
    settle(desktop, f"{site.as_uri()}/index.html")
    desktop.wait_for_selector("#cost-chart .main-svg")
    told = json.loads(desktop.locator("#told").text_content())
    for corpus in desktop.locator("#cost-form [name=corpus] option").all():
        chosen = corpus.get_attribute("value")
        desktop.select_option("#cost-form [name=corpus]", chosen)
        for option in desktop.locator("#cost-form option:enabled").all():
            cost = option.get_attribute("value")
            if cost in told[chosen]:
                desktop.select_option("#cost-form [name=cost]", cost)
                assert desktop.locator("#cost-told").inner_text() == told[chosen][cost]
    assert "No solver is better and cheaper than" in told["amt|tiny a"]["time_predict"]


def test_a_cost_that_no_solver_has_is_not_offered(desktop, site):
    settle(desktop, f"{site.as_uri()}/index.html")
    points = json.loads(desktop.locator("#points").text_content())
    for corpus in desktop.locator("#cost-form [name=corpus] option").all():
        chosen = corpus.get_attribute("value")
        desktop.select_option("#cost-form [name=corpus]", chosen)
        here = [p for p in points if f"{p['task']}|{p['corpus']}" == chosen]
        offered = {
            cost: any(p[cost] for p in here)
            for cost in ("time_predict", "time_fit", "time", "memory", "parameters")
        }
        assert offered["time"] != offered["time_predict"]  # a curve has the former
        for cost, is_offered in offered.items():
            option = desktop.locator(f"#cost-form [name=cost] [value={cost}]")
            assert option.is_enabled() == is_offered
        assert offered[desktop.locator("#cost-form [name=cost]").input_value()]


def test_a_figure_can_be_had_as_csv(desktop, site):
    settle(desktop, f"{site.as_uri()}/index.html")
    desktop.wait_for_selector("#cost-chart .main-svg")
    with desktop.expect_download() as download:
        desktop.click("#cost .csv, #cost ~ .csv")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0].startswith("series,point,x,y")
    assert "nmf β=1 fixed" in text
    assert "Pareto front" in text


def test_losses_of_each_network_are_drawn_and_can_be_had(desktop, site):
    settle(desktop, f"{site.as_uri()}/solvers/network.html")
    desktop.wait_for_selector("#training-chart .main-svg")
    with desktop.expect_download() as download:
        desktop.click("#training ~ .csv")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()[1:]
    drawn = [line.split(",")[0] for line in lines]
    assert drawn == ["training 1"] * 3 + ["held out 1"] * 3 + ["training 2"]


def level(tab, section, sounds):
    """Wait until a mixer's meter is at rest, or is not."""
    tab.wait_for_function(
        """([section, sounds]) =>
        (document.querySelector(`${section} meter`).value > 0.01) === sounds""",
        arg=[section, sounds],
    )


def test_the_recording_plays_and_the_mixer_mutes(tab, site):
    settle(tab, f"{site.as_uri()}/tracks/tiny-one.html")
    tab.click("#player .play")
    level(tab, "#player", True)
    tab.click("button[aria-label='Mute Recording']")
    level(tab, "#player", False)
    tab.click("button[aria-label='Solo Estimated notes']")
    level(tab, "#player", True)
    tab.locator("#player .play").focus()
    tab.keyboard.press("Space")
    assert tab.get_attribute("#player .play", "aria-label") == "Play"


def test_stems_play_in_step_and_each_can_be_muted(tab, site):
    settle(tab, f"{site.as_uri()}/tracks/tiny-one.html")
    tab.select_option("select[name=answer]", "mss-tiny-a-network-0")
    tab.wait_for_selector("#stems .play")
    tab.click("#stems .play")
    level(tab, "#stems", True)
    for stem in ("drums", "vocals"):
        tab.click(f"button[aria-label='Mute {stem}']")
    level(tab, "#stems", False)
    tab.reload()
    tab.wait_for_selector("#stems .play")


def test_a_section_is_listened_to_by_a_click(desktop, site):
    settle(desktop, f"{site.as_uri()}/tracks/tiny-one.html")
    desktop.select_option("select[name=answer]", "msa-tiny-a-silence-0")
    desktop.wait_for_selector("#waveform .main-svg")
    desktop.click(".sections button:has-text('0:07 B')")
    assert desktop.inner_text("#player .clock").startswith("0:07.0")


def test_components_are_the_sounds_of_their_templates_and_sum_to_the_recording(
    desktop, site
):
    settle(desktop, f"{site.as_uri()}/tracks/tiny-one.html")
    desktop.wait_for_selector(".component")
    assert desktop.locator(".component button").all_inner_texts() == ["C4", "A5"]
    desktop.evaluate(
        """async () => {
          const answer = track.answers.find((a) => a.factors);
          const bytes = await packed.bytes(`../data/${answer.factors}`);
          const all = (await sound(track.recording)).getChannelData(0);
          const first = Math.round(track.excerpt * RATE);
          window.y = all.slice(first, first + EXCERPT * RATE);
          window.model = new Components(bytes, y, RATE);
          window.rms = (x) => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);
          window.at = (x, hz) => Math.hypot(...[Math.cos, Math.sin].map((f) => x.reduce(
            (s, v, i) => s + v * f(2 * Math.PI * hz * i / RATE), 0) / x.length));
        }"""
    )
    error = "rms(model.filter([1, 1]).map((v, i) => v - y[i])) / rms(y)"
    assert desktop.evaluate(error) < 1e-3
    for gains, loud, quiet in (([1, 0], LOW, HIGH), ([0, 1], HIGH, LOW)):
        ratio = f"((x) => at(x, {loud}) / at(x, {quiet}))(model.filter({gains}))"
        assert desktop.evaluate(ratio) > 30
    # what the templates are made of, without the one that never sounds
    desktop.wait_for_selector("#factors .layers .main-svg")
    shares = desktop.evaluate("document.querySelector('.layers .chart').traces[0].z")
    assert shares == [[0.9, 0.4], [0.1, 0.6]]
    half = desktop.evaluate("rms(model.filter([0.5, 0.5])) / rms(y)")
    assert half == pytest.approx(0.5, abs=1e-3)


def test_a_component_is_heard_alone_and_a_slider_steers_it(desktop, site):
    settle(desktop, f"{site.as_uri()}/tracks/tiny-one.html")
    desktop.click("button[aria-label='Hear C4, component 1 alone']")
    level(desktop, "#factors", True)
    desktop.click("button[aria-label='Hear C4, component 1 alone']")
    desktop.click("text=All off")
    level(desktop, "#factors", False)
    slider = desktop.locator("input[aria-label='Gain of A5, component 2']")
    slider.fill("1")
    level(desktop, "#factors", True)


def test_components_are_merged_into_one_that_has_a_name(tab, site):
    settle(tab, f"{site.as_uri()}/tracks/tiny-one.html")
    for row in ("C4, component 1", "A5, component 2"):
        tab.check(f"input[aria-label='Choose {row}, to merge or name it']")
    tab.focus("#factors input[type=text]")
    tab.keyboard.type("the chord")
    tab.keyboard.press("Enter")
    names = tab.locator(".component button")
    assert names.all_inner_texts() == ["the chord"]
    to_be_heard = """mixers.factors.channels[0].buffer.getChannelData(0)
        .some((v) => Math.abs(v) > 0.01)"""
    tab.check("input[aria-label='Mute the chord, 2 components']")
    tab.wait_for_function(f"!{to_be_heard}")
    tab.uncheck("input[aria-label='Mute the chord, 2 components']")
    tab.wait_for_function(to_be_heard)
    tab.check("input[aria-label='Choose the chord, 2 components, to merge or name it']")
    tab.click("#factors button:has-text('Split')")
    assert names.all_inner_texts() == ["C4", "A5"]


def test_stems_are_merged_into_one_that_has_a_name(tab, site):
    settle(tab, f"{site.as_uri()}/tracks/tiny-one.html")
    tab.select_option("select[name=answer]", "mss-tiny-a-network-0")
    tab.wait_for_selector("#stems .play")
    assert tab.locator("#stems .tools button").is_disabled()
    for stem in ("drums", "vocals"):
        tab.check(f"#stems label:has-text('{stem}') input")
    tab.focus("#stems input[type=text]")
    tab.keyboard.type("the band")
    tab.click("#stems button:has-text('Merge')")
    assert tab.locator("#stems .channel label").all_inner_texts() == ["the band"]
    tab.click("#stems .play")
    level(tab, "#stems", True)
    tab.click("button[aria-label='Mute the band']")
    level(tab, "#stems", False)


def test_a_recording_called_script_is_text(desktop, site):
    settle(desktop, f"{site.as_uri()}/index.html")
    desktop.on("dialog", lambda dialog: pytest.fail("a script ran"))
    desktop.click(f"text={EVIL}")
    desktop.wait_for_selector("#player .play")
    assert desktop.inner_text("h1") == EVIL


def test_a_report_shows_its_plot_and_sorts_its_table(desktop, site):
    settle(desktop, f"{site.as_uri()}/reports/amt.html")
    desktop.wait_for_selector("#plot .main-svg")
    assert "A title" in desktop.text_content("#plot .g-gtitle, #plot .infolayer")
    assert desktop.is_visible("#brand")  # choices of "scores" are none of "score"
    # the table is drawn again when it sorts: for a moment it has no cell
    first = "document.querySelector('tbody td')?.innerText === '{}'"
    desktop.wait_for_function(first.format("b"))
    desktop.click("th:has-text('solver')")
    desktop.wait_for_function(first.format("a"))


def test_what_can_be_clicked_has_a_name_and_can_be_reached_by_tab(desktop, site):
    for page in ("index.html", "tracks/tiny-one.html"):
        settle(desktop, f"{site.as_uri()}/{page}")
        nameless = desktop.evaluate(
            """[...document.querySelectorAll("button, a, input, select, meter")]
            .filter((e) => !(e.ariaLabel || e.innerText.trim() || e.textContent.trim()
              || e.closest("label"))).map((e) => e.outerHTML)"""
        )
        assert nameless == []
        desktop.keyboard.press("Tab")
        assert desktop.evaluate("document.activeElement.className") == "skip"
        scopeless = "table:not(.gridjs-table) th:not([scope])"
        assert desktop.locator(scopeless).count() == 0
