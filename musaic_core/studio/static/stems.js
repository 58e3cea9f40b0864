"use strict";
// Stretches and regions of a recording of which a user says whose they are.

const OVER = [0.72, 0.68]; // where on the board the waveform begins, the spectrogram ends
const HZ = [250, 500, 1000, 2000, 4000, 8000];

class StemEditor {
  // picture: {url, frequencies, start, end}, the spectrogram's bands from the lowest
  constructor(line, { change, say, seek, now, peaks, picture, labels }) {
    Object.assign(this, { line, change, say, seek, now, peaks, picture, chosen: null, hints: [] });
    const number = (label) => make("input", {
      type: "number", min: 0, step: 0.1, max: line.duration.toFixed(1), "aria-label": label, onchange: () => this.typed(),
    });
    [this.from, this.to] = [number("From, s"), number("To, s")];
    this.stem = make("select", { "aria-label": "Stem", onchange: () => this.words() }, ...labels.map((l) => make("option", {}, l)));
    this.alone = make("button", { type: "button", onclick: () => this.tell(true) });
    this.silent = make("button", { type: "button", onclick: () => this.tell(false) });
    this.gone = make("button", { type: "button", title: "Take the mark away (Delete)", onclick: () => this.remove() }, "✕ Delete mark");
    this.tools = [make("span", {}, "From"), this.from, make("span", {}, "to"), this.to, make("span", {}, "s:"), this.stem, this.alone, this.silent, this.gone];
    this.brush = make("div", { class: "brush" });
    this.gestures = "Drag over the waveform for a stretch, or over the spectrogram to paint a region, then say whose it is. " +
      "Click a mark to choose it. Keys: I and O set where the stretch begins and ends to the playhead, Delete takes a mark away.";
    this.words();
  }

  // ---- what is seen

  show(answer, hints) {
    this.hints = hints;
    this.line.render = (chart, range) => this.render(chart, range);
    if (this.chosen?.index === undefined) this.lay(); // and what is being typed stays
    else this.choose(null);
    return this.line.draw();
  }

  band(hz) { // a frequency's place among the spectrogram's bands
    const { frequencies } = this.picture;
    const above = frequencies.findIndex((f) => f > hz);
    if (above === 0) return 0;
    if (above < 0) return frequencies.length - 1;
    const [low, high] = [frequencies[above - 1], frequencies[above]];
    return above - 1 + (hz - low) / (high - low);
  }

  hz(band) {
    const { frequencies } = this.picture;
    const at = Math.min(frequencies.length - 1, Math.max(0, band));
    const low = Math.floor(at);
    const next = frequencies[Math.min(low + 1, frequencies.length - 1)];
    return frequencies[low] + (at - low) * (next - frequencies[low]);
  }

  axis(frame) {
    return frame.yaxis2;
  }

  render(chart, range) {
    const { picture, line } = this;
    const n = picture.frequencies.length;
    const ticks = HZ.filter((f) => f < picture.frequencies[n - 1]);
    const image = {
      source: picture.url, xref: "x", yref: "y2", x: picture.start, y: n - 0.5, sizex: picture.end - picture.start, sizey: n,
      sizing: "stretch", layer: "below",
    };
    const nothing = { x: [0], y: [0], yaxis: "y2", mode: "markers", opacity: 0, showlegend: false, hoverinfo: "skip" };
    return draw(chart, [waveform(this.peaks, line.duration), nothing], {
      images: [image], showlegend: false, xaxis: { title: { text: "time (s)" }, anchor: "y2", range, showgrid: false },
      yaxis: { domain: [OVER[0], 1], showticklabels: false, range: [0, 100], fixedrange: true },
      yaxis2: {
        domain: [0, OVER[1]], range: [-0.5, n - 0.5], showgrid: false, automargin: true, title: { text: "Hz" },
        tickvals: ticks.map((f) => this.band(f)), ticktext: ticks.map((f) => (f < 1000 ? `${f}` : `${f / 1000}k`)),
      },
    });
  }

  // What the buttons say, and whether there is something to say it of.
  words() {
    const { chosen } = this;
    const region = chosen?.low !== undefined;
    const stem = this.stem.value;
    this.alone.textContent = region ? `is ${stem} alone` : `${stem} is alone`;
    this.silent.textContent = region ? `has no ${stem}` : `${stem} is silent`;
    this.alone.disabled = this.silent.disabled = !chosen || chosen.index !== undefined;
    this.gone.disabled = chosen?.index === undefined;
    keepFocus();
    this.from.value = chosen ? chosen.start.toFixed(2) : "";
    this.to.value = chosen ? chosen.end.toFixed(2) : "";
  }

  choose(chosen) {
    this.chosen = chosen;
    if (chosen?.label) this.stem.value = chosen.label;
    this.lay();
    this.words();
  }

  short({ label, sounds, low, high }) {
    if (sounds) return `${label} alone`;
    return low === undefined && high === undefined ? `${label} silent` : `no ${label}`;
  }

  text({ label, start, end, low, high, sounds }) {
    const region = low !== undefined || high !== undefined;
    const where = `${start.toFixed(1)} to ${end.toFixed(1)} s${region ? `, ${Math.round(low ?? 0)} to ${Math.round(high ?? 0)} Hz` : ""}`;
    return label ? `${where}: ${label} ${sounds ? "alone" : region ? "has no part" : "silent"}` : where;
  }

  mine() {
    return this.hints.map((hint, index) => ({ ...hint, index })).filter((h) => [...this.stem.options].some((o) => o.value === h.label));
  }

  bands(mark) {
    if (mark.low === undefined && mark.high === undefined) return {};
    const top = this.picture.frequencies.length - 1;
    return { low: this.band(mark.low ?? 0), high: mark.high === undefined ? top : this.band(mark.high) };
  }

  lay() {
    const { chosen } = this;
    const marks = this.mine().map((hint) => {
      const kind = hint.sounds ? "alone" : "silent";
      const now = chosen?.index === hint.index ? " now" : "";
      const element = make("div", { class: `mark ${kind}${now}` }, make("span", {}, this.short(hint)));
      return { element, start: hint.start, end: hint.end, ...this.bands(hint) };
    });
    if (chosen && chosen.index === undefined) marks.push({ element: this.brush, start: chosen.start, end: chosen.end, ...this.bands(chosen) });
    this.line.mark(marks);
  }

  // ---- what is said of it

  tell(sounds) {
    const { start, end, low, high } = this.chosen;
    const round = (v) => Number(v.toFixed(3));
    const hint = { label: this.stem.value, start: round(start), end: round(end), sounds };
    if (low !== undefined) Object.assign(hint, { low: Math.round(low), high: Math.round(high) });
    const known = this.hints.some((h) => ["label", "start", "end", "sounds", "low", "high"].every((k) => h[k] === hint[k]));
    this.say(this.text(hint));
    if (!known) this.hints = [...this.hints, hint];
    this.choose(null);
    if (!known) this.change({ hint: [hint], unhint: [] });
  }

  remove() {
    const index = this.chosen?.index;
    if (index === undefined) return;
    this.say(`${this.text(this.chosen)}: taken away`);
    this.hints = this.hints.filter((_, i) => i !== index);
    this.choose(null);
    this.change({ hint: [], unhint: [index] });
  }

  typed() {
    const [start, end] = [this.from, this.to].map((input) => Math.min(this.line.duration, Math.max(0, Number(input.value) || 0)));
    if (this.from.value === "" || this.to.value === "") return;
    if (end <= start) return this.say("It has to end after it begins.");
    const { low, high } = this.chosen ?? {};
    this.choose({ start, end, ...(low === undefined ? {} : { low, high }) });
    this.say(this.text(this.chosen));
  }

  stop() {}

  // ---- gestures

  painted(point) { // whether it is on the spectrogram
    return point.value < this.picture.frequencies.length + 1;
  }

  takes(point) {
    return this.painted(point);
  }

  cursor() {
    return "crosshair";
  }

  press(point) {
    this.before = this.chosen;
    this.region = this.painted(point);
    return true;
  }

  stretch(point, from) {
    const [start, end] = [Math.min(from.time, point.time), Math.max(from.time, point.time)];
    if (!this.region) return { start, end };
    const [low, high] = [Math.min(from.value, point.value), Math.max(from.value, point.value)].map((band) => this.hz(band));
    return { start, end, low, high };
  }

  drag(point, from) {
    this.choose(this.stretch(point, from));
  }

  drop(point, from) {
    const stretch = this.stretch(point, from);
    if (stretch.end - stretch.start < 0.05) return this.choose(null);
    this.choose(stretch);
    this.say(`${this.text(stretch)}: whose is it?`);
  }

  cancel() {
    this.choose(this.before);
  }

  tap(point) {
    const inBand = (h) => h.low === undefined || (point.value >= this.band(h.low) && point.value <= this.band(h.high));
    const hint = this.mine().find((h) => h.start <= point.time && point.time <= h.end && inBand(h));
    this.choose(hint ?? null);
    if (hint) this.say(this.text(hint));
    this.seek(point.time);
  }

  twice() {}

  key({ key }) {
    const now = this.now();
    const { start = 0, end = this.line.duration, ...band } = this.chosen?.index === undefined ? this.chosen ?? {} : {};
    if (key === "Delete" || key === "Backspace") return (this.remove(), true);
    if (key === "Escape") return (this.choose(null), true);
    if (key === "i" || key === "I") return (this.choose({ start: now, end: Math.max(end, now + 0.1), ...band }), true);
    if (key === "o" || key === "O") return (this.choose({ start: Math.min(start, now - 0.1), end: now, ...band }), true);
    if (key !== "ArrowLeft" && key !== "ArrowRight") return false;
    const time = Math.min(this.line.duration, Math.max(0, now + (key === "ArrowRight" ? 1 : -1)));
    this.line.reveal(time);
    this.seek(time);
    return true;
  }
}
