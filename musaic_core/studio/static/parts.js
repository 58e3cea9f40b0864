"use strict";
// Sound that is too long to be decoded at once: parts of it are made as it plays.

const PART = 20; // s
const AROUND = 0.1; // s before and after a part that are decoded with it, and not heard
const AHEAD = 8; // s before it begins in which a part is made

class InParts {
  // make(start, end) promises an AudioBuffer of that stretch; fail(error) tells why there is none
  constructor(duration, make, fail) {
    Object.assign(this, { duration, make, fail, parts: new Map() });
  }

  // {buffer, start} of the part that a number tells; its neighbours are kept, and no others.
  part(i) {
    const start = Math.max(0, i * PART - AROUND);
    for (const other of this.parts.keys()) if (Math.abs(other - i) > 1) this.parts.delete(other);
    if (!this.parts.has(i)) {
      const made = this.make(start, Math.min(this.duration, (i + 1) * PART + AROUND));
      const part = made.then((buffer) => ((part.there = true), { buffer, start }));
      part.catch((error) => (this.parts.delete(i), this.fail(error)));
      this.parts.set(i, part);
    }
    return this.parts.get(i);
  }

  // A promise that it can be played from a time on; nothing where it can already.
  ready(time) {
    const i = (this.wanted = this.number(time));
    if (this.parts.get(i)?.there) return;
    const rest = new Promise((done) => setTimeout(done, 100)); // who drags passes by many
    return rest.then(() => this.wanted === i && this.part(i));
  }

  number(time) {
    return Math.floor(Math.min(time, this.duration - 0.001) / PART);
  }

  // What plays part after part, like a node that plays one buffer.
  source(context) {
    const nodes = new Set();
    let [to, timer, first] = [null, null, 0];
    const play = async (i, zero) => { // zero: when the beginning of all would have been heard
      const part = await this.part(i).catch(() => null);
      if (!part || !to) return;
      const now = context.currentTime;
      const from = Math.max(i * PART, first, now - zero);
      const end = Math.min(this.duration, (i + 1) * PART);
      if (from < end) {
        const node = new AudioBufferSourceNode(context, { buffer: part.buffer });
        node.connect(to);
        node.start(zero + from, from - part.start, end - from);
        node.onended = () => nodes.delete(node);
        nodes.add(node);
      }
      if (end < this.duration) timer = setTimeout(() => play(i + 1, zero), 1000 * (zero + end - AHEAD - now));
    };
    return {
      connect: (node) => (to = node),
      start: (at, offset) => ((first = offset), play(this.number(offset), at - offset)),
      stop: () => {
        to = null;
        clearTimeout(timer);
        for (const node of nodes) node.stop();
      },
    };
  }
}
