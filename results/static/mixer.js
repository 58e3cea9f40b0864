"use strict";
// Channels that play in step, in the browser's own audio: solo, mute, volume.

class Mixer {
  // channels: [{name, buffer, muted}], a buffer being an AudioBuffer, or what has its duration, ready(offset) and source(context); start: where in the recording they begin, s;
  // merges: whether channels that a user ticks can become one
  constructor(place, channels, start, onTime, merges = false) {
    Object.assign(this, { channels, start, onTime, position: 0, playing: false });
    this.duration = Math.max(0.1, ...channels.map((c) => c.buffer.duration));
    this.button = make("button", { type: "button", class: "play", "aria-label": "Play", onclick: () => this.toggle() }, "▶");
    this.slider = make("input", {
      type: "range", min: 0, max: this.duration, step: 0.01, value: 0, "aria-label": "Position",
      oninput: () => this.seek(this.start + Number(this.slider.value)),
    });
    this.clock = make("span", { class: "clock" });
    this.meter = make("meter", { min: 0, max: 0.5, value: 0, "aria-label": "Level" });
    this.merges = merges && channels.length > 1;
    this.rows = make("div", { class: "channels" }, ...channels.map((channel) => this.row(channel)));
    place.replaceChildren(
      make("div", { class: "transport" }, this.button, this.slider, this.clock, this.meter),
      this.rows,
      ...(this.merges ? [this.merger()] : []),
    );
    this.show();
  }

  row(channel) {
    Object.assign(channel, { volume: 1, muted: Boolean(channel.muted), solo: false });
    const toggle = (key, text, label) => {
      const button = make("button", { type: "button", "aria-label": `${label} ${channel.name}`, "aria-pressed": channel[key] }, text);
      button.onclick = () => {
        channel[key] = !channel[key];
        button.setAttribute("aria-pressed", channel[key]);
        this.levels();
      };
      return button;
    };
    const volume = make("input", {
      type: "range", min: 0, max: 1.5, step: 0.05, value: 1, "aria-label": `Volume of ${channel.name}`,
      oninput: () => ((channel.volume = Number(volume.value)), this.levels()),
    });
    const name = make("label", {}, channel.name);
    if (this.merges) {
      const tick = make("input", { type: "checkbox", onchange: () => ((channel.ticked = tick.checked), this.mark()) });
      name.prepend(tick);
    }
    channel.row = make("div", { class: "channel" }, name, toggle("solo", "Solo", "Solo"), toggle("muted", "Mute", "Mute"), volume);
    return channel.row;
  }

  merger() {
    this.name = make("input", { type: "text", maxlength: 60, placeholder: "name", "aria-label": "Name of the merged" });
    this.join = make("button", { type: "button", onclick: () => this.merge() }, "Merge");
    this.mark();
    return make("div", { class: "tools" }, this.name, this.join);
  }

  mark() {
    this.join.disabled = this.name.disabled = this.channels.filter((c) => c.ticked).length < 2;
  }

  // The ticked channels become one, each as loud as it was.
  merge() {
    const ticked = this.channels.filter((c) => c.ticked);
    const now = this.now();
    const playing = this.playing;
    this.pause();
    const sum = new Float32Array(Math.max(...ticked.map((c) => c.buffer.length)));
    for (const { buffer, volume } of ticked) {
      buffer.getChannelData(0).forEach((v, i) => (sum[i] += volume * v));
    }
    const name = this.name.value.trim() || ticked.map((c) => c.name).join(" + ");
    const merged = { name, buffer: toBuffer(sum, ticked[0].buffer.sampleRate) };
    ticked[0].row.before(this.row(merged));
    for (const { row } of ticked) row.remove();
    this.channels = this.channels.flatMap((c) => (c === ticked[0] ? [merged] : c.ticked ? [] : [c]));
    [this.name.value, this.position] = ["", now];
    this.mark();
    $("button", merged.row).focus();
    if (playing) this.play();
  }

  levels() {
    const soloed = this.channels.some((c) => c.solo);
    for (const c of this.channels) {
      const heard = soloed ? c.solo : !c.muted;
      if (c.gain) c.gain.gain.value = heard ? c.volume : 0;
    }
  }

  toggle() {
    this.playing ? this.pause() : this.play();
  }

  play() {
    if (Mixer.heard !== this) Mixer.heard?.pause(); // one at a time
    Mixer.heard = this;
    this.context = Mixer.context ??= new AudioContext();
    this.context.resume();
    this.analyser ??= new AnalyserNode(this.context, { fftSize: 2048 });
    this.analyser.connect(this.context.destination);
    if (this.position >= this.duration) this.position = 0;
    this.silence();
    this.playing = true;
    const token = (this.token = {});
    const waits = this.channels.map(({ buffer }) => buffer.ready?.(this.position)).filter(Boolean);
    if (!waits.length) this.begin();
    else Promise.all(waits).then(() => token === this.token && this.begin(), () => token === this.token && this.pause());
    this.tick();
  }

  begin() {
    const at = this.context.currentTime + 0.05; // one moment for all: in step
    this.sources = this.channels.map((channel) => {
      const { buffer } = channel;
      const source = buffer.source?.(this.context) ?? new AudioBufferSourceNode(this.context, { buffer });
      channel.gain = new GainNode(this.context);
      source.connect(channel.gain).connect(this.analyser);
      source.start(at, Math.min(this.position, buffer.duration));
      return source;
    });
    this.levels();
    this.began = at - this.position;
  }

  silence() {
    this.sources?.forEach((source) => source.stop());
    this.sources = this.token = null;
  }

  pause() {
    if (!this.playing) return;
    this.position = this.now();
    this.silence();
    this.playing = false;
    this.show();
  }

  now() {
    if (!this.sources) return this.position;
    return Math.min(this.duration, Math.max(this.position, this.context.currentTime - this.began));
  }

  // to a time of the recording, s
  seek(time) {
    const playing = this.playing;
    if (playing) this.pause();
    this.position = Math.min(this.duration, Math.max(0, time - this.start));
    playing ? this.play() : this.show();
  }

  // another sound in a channel, at the same position
  replace(name, buffer) {
    this.channels.find((c) => c.name === name).buffer = buffer;
    if (this.playing) {
      this.position = this.now();
      this.play();
    }
  }

  tick() {
    if (!this.playing) return;
    if (this.now() >= this.duration) return this.pause();
    this.show();
    requestAnimationFrame(() => this.tick());
  }

  show() {
    const now = this.now();
    this.slider.value = now;
    const time = (s) => `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
    this.clock.textContent = `${time(this.start + now)} / ${time(this.start + this.duration)}`;
    this.button.textContent = this.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    let level = 0;
    if (this.playing) {
      const wave = new Float32Array(this.analyser.fftSize);
      this.analyser.getFloatTimeDomainData(wave);
      level = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
    }
    this.meter.value = level;
    this.onTime(this.start + now);
  }

}

// Audio of a packed file, mono, at a sampling rate.
async function decode(url, rate) {
  const bytes = await packed.load(url);
  return new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice().buffer);
}

// Notes [[onset, offset, pitch], …] as decaying tones of a few harmonics.
function synthesise(notes, duration, rate) {
  const y = new Float32Array(Math.ceil(duration * rate));
  const size = 2048;
  const waves = [0, 1, 2, 3, 4, 5, 6].map((harmonics) =>
    Float32Array.from({ length: size }, (_, i) => {
      let v = 0;
      for (let h = 1; h <= harmonics; h++) v += Math.sin((2 * Math.PI * h * i) / size) * 0.6 ** h;
      return v;
    }));
  for (const [onset, offset, pitch] of notes) {
    const hz = 440 * 2 ** ((pitch - 69) / 12);
    const wave = waves[Math.min(6, Math.floor(rate / 2 / hz))];
    const [first, last] = [Math.floor(onset * rate), Math.floor(offset * rate)];
    const release = 0.05 * rate;
    for (let i = 0; i < last - first + release && first + i < y.length; i++) {
      const rise = Math.min(1, i / (0.005 * rate));
      const fall = Math.min(1, Math.max(0, (last - first + release - i) / release));
      y[first + i] += 0.2 * rise * fall * Math.exp(-i / rate) * wave[Math.floor((i * hz * size) / rate) % size];
    }
  }
  const peak = y.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
  return toBuffer(y.map((v) => v / peak), rate);
}

function toBuffer(samples, sampleRate) {
  const buffer = new AudioBuffer({ length: Math.max(1, samples.length), sampleRate });
  buffer.copyToChannel(samples, 0);
  return buffer;
}
