"use strict";
// What is heard of an answer: recording, notes, stems, and components.

const RATE = 22050; // Hz, of everything that plays here
const LONG = 900; // s: from here on, a page decodes no more than it plays

class Listening {
  // recording: {id, duration}; onTime(time, playing); say(text) tells what can't be heard
  constructor(recording, onTime, say) {
    Object.assign(this, { recording, onTime, say, url: `api/recordings/${recording.id}` });
  }

  get long() {
    return this.recording.duration >= LONG;
  }

  now() {
    return this.player?.start + this.player?.now() || 0;
  }

  // From a time on, s.
  seek(time, play = false) {
    this.player?.seek(time);
    if (play && !this.player?.playing) this.player?.play();
  }

  toggle() {
    const heard = Mixer.heard?.playing ? Mixer.heard : this.player;
    heard?.toggle();
  }

  // What the server gives of an address, which takes more parameters: all, or parts of it.
  async sound(url) {
    if (!this.long) return server.audio(url, RATE);
    const part = (start, end) => server.audio(`${url}start=${start}&end=${end}`, RATE);
    return new InParts(this.recording.duration, part, this.say);
  }

  notes(notes) {
    const { duration } = this.recording;
    if (!this.long) return synthesise(notes, duration, RATE);
    const within = (start, end) => notes.filter((n) => n[0] < end && n[1] + 1 > start).map(([on, off, pitch]) => [on - start, off - start, pitch]);
    return new InParts(duration, async (start, end) => synthesise(within(start, end), end - start, RATE), this.say);
  }

  // The channels of an answer; those that are there already stay as they are.
  async show(answer) {
    const token = (this.token = {});
    this.original ??= await this.sound(`${this.url}/audio?`);
    const channels = [{ name: "Recording", buffer: this.original }];
    if (answer?.question === "notes") channels.push({ name: "Notes", buffer: this.notes(answer.notes) });
    if (answer?.question === "stems") {
      channels[0].muted = true;
      const stems = answer.stems.map(async ({ name, audio }) => ({ name, buffer: await this.sound(`${audio}&`) }));
      channels.push(...(await Promise.all(stems)));
    }
    if (token !== this.token) return;
    const names = channels.map((c) => c.name).join("\n");
    if (this.names === names) {
      for (const { name, buffer } of channels.slice(1)) this.player.replace(name, buffer);
      return;
    }
    this.names = names;
    const at = this.now();
    this.player?.pause();
    this.player = new Mixer($("#player .mixer"), channels, 0, (time) => this.onTime(time, this.player?.playing));
    this.player.seek(at);
  }

  stop() {
    this.token = null;
    this.player?.pause();
    this.parts?.pause();
    $("#player .mixer").replaceChildren();
    $("#factors .mixer").replaceChildren();
    if (Mixer.heard === this.player || Mixer.heard === this.parts) Mixer.heard = null;
  }

  // ---- components

  // The components of an answer to steer, in #factors; change(change) tells the server.
  components(answer, change) {
    // of drums and the like, how high it sounds tells the hi-hat from the bass drum
    const height = (hz) => (hz < 1000 ? `${Math.round(hz / 10) * 10} Hz` : `${(hz / 1000).toFixed(1)} kHz`);
    const components = answer.components.map(({ index, merged, name, gain, loudness, stem, centre }) =>
      ({ name, gain, loudness, parts: [index, ...merged], about: stem && height(centre) }));
    const of = `${answer.question} ${answer.model}`;
    const before = this.of === of ? this.steering : null; // else they are other ones
    this.of = of;
    const told = (rows) => JSON.stringify(rows.map(({ name, gain, parts }) => [name, gain, parts]));
    if (before && told(before.rows) === told(components)) return;
    const focused = before?.focused();
    this.steering = new Steering($("#factors .components"), components, {
      hear: (_, now) => this.mix(now),
      set: (rows, { gain, name }) => {
        const which = rows.map((row) => row.parts[0]);
        change(name === undefined ? { component: which, gain } : { component: which[0], name });
      },
      merge: (chosen, name) => change({ merge: chosen.map((row) => row.parts[0]), name }),
      split: (row) => change({ unmerge: row.parts[0] }),
    });
    if (before) this.steering.follow(before, focused);
  }

  // Of the rows as they are now: those that asked may have been shown anew since.
  async mix(play) {
    const token = (this.mixing = {});
    const { steering } = this;
    const gains = steering.gains();
    const said = Object.fromEntries(steering.rows.flatMap((row) => row.parts.map((k) => [k, Number(gains[k].toFixed(2))])));
    said.rest = steering.alone ? 0 : 1;
    steering.said.textContent = "One moment …";
    try {
      const buffer = await this.sound(`${this.url}/components?gains=${encodeURIComponent(JSON.stringify(said))}&`);
      if (token !== this.mixing) return;
      if (this.parts) this.parts.replace("Components", buffer);
      else {
        const at = this.now();
        this.parts = new Mixer($("#factors .mixer"), [{ name: "Components", buffer }], 0, this.onTime);
        this.parts.seek(at);
      }
      steering.mark();
      if (play && !this.parts.playing) this.parts.play();
    } catch (error) {
      steering.mark();
      this.say(error.message);
    }
  }
}

// The spectrogram's picture in the page's colours: {url, frequencies, start, end}.
async function picture(id, duration) {
  const reply = await server.ask(`api/recordings/${id}/spectrogram`);
  const { frequencies, frame } = JSON.parse(reply.headers.get("X-Axes"));
  const image = await createImageBitmap(await reply.blob());
  const canvas = make("canvas", { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  const colours = Array.from({ length: 256 }, (_, level) => {
    const i = Math.max(1, MAGMA.findIndex(([at]) => at >= level / 255));
    const [[from, low], [to, high]] = [MAGMA[i - 1], MAGMA[i]];
    const share = (level / 255 - from) / (to - from);
    return [0, 1, 2].map((k) => part(low, k) + share * (part(high, k) - part(low, k)));
  });
  for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set(colours[pixels.data[i]], i);
  context.putImageData(pixels, 0, 0);
  return { url: canvas.toDataURL(), frequencies, start: 0, end: Math.min(duration, image.width * frame) };
}
