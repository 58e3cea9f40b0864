"use strict";
// A factorization's components as sound: short-time Fourier transform of the recording,
// each bin times the share of the components that are to be heard, and back.

const FFT = 4096; // samples under one spectrum
const COS = Float64Array.from({ length: FFT / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / FFT));
const SIN = Float64Array.from({ length: FFT / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / FFT));

function fft(re, im, inverse) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const [a, b] = [re[i], im[i]];
    re[i] = re[j];
    im[i] = im[j];
    re[j] = a;
    im[j] = b;
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k++) {
        const c = COS[(k * FFT) / size];
        const s = inverse ? SIN[(k * FFT) / size] : -SIN[(k * FFT) / size];
        const i = start + k;
        const j = i + half;
        const a = re[j] * c - im[j] * s;
        const b = re[j] * s + im[j] * c;
        re[j] = re[i] - a;
        im[j] = im[i] - b;
        re[i] += a;
        im[i] += b;
      }
    }
  }
}

class Components {
  // bytes: a line of JSON, then levels of templates and activations, as
  // factors.pack_factors writes them; y: the excerpt's samples
  constructor(bytes, y, rate) {
    const line = bytes.indexOf(10);
    Object.assign(this, JSON.parse(new TextDecoder().decode(bytes.subarray(0, line))), { y, rate });
    const [R, F, T] = this.shape;
    const level = Float32Array.from({ length: 256 }, (_, q) => (q ? 10 ** ((q * this.step - this.floor) / 20) : 0));
    const body = bytes.subarray(line + 1);
    this.templates = Float32Array.from(body.subarray(0, R * F), (q) => level[q]);
    this.activations = Float32Array.from(body.subarray(R * F), (q) => level[q]);
    this.window = Float32Array.from({ length: FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));
    this.energy = this.names.map((_, k) => this.row(this.activations, k, T).reduce((sum, v) => sum + v, 0));
    // of each bin, which band is below it and how far it is to the next
    this.bins = Array.from({ length: FFT / 2 + 1 }, (_, b) => {
      const hz = (b * rate) / FFT;
      const above = this.frequencies.findIndex((f) => f > hz);
      if (above === 0) return [0, 0];
      if (above < 0) return [F - 2, 1];
      const [low, high] = [this.frequencies[above - 1], this.frequencies[above]];
      return [above - 1, (hz - low) / (high - low)];
    });
  }

  row(matrix, k, length) {
    return matrix.subarray(k * length, (k + 1) * length);
  }

  // The share of each band in frame t that the gains let through.
  share(t, gains) {
    const [R, F, T] = this.shape;
    const all = new Float32Array(F).fill(1e-12);
    const heard = new Float32Array(F);
    let [sum, count] = [0, 0];
    for (let k = 0; k < R; k++) {
      const h = this.activations[k * T + t];
      sum += gains[k];
      count += 1;
      if (!h) continue;
      for (let f = 0, at = k * F; f < F; f++, at++) {
        const v = h * this.templates[at];
        all[f] += v;
        heard[f] += gains[k] * v;
      }
    }
    // where no component sounds, what is there is everybody's
    return heard.map((v, f) => (all[f] < 1e-9 ? sum / count : v / all[f]));
  }

  // The recording's excerpt with a gain for each component.
  filter(gains) {
    const out = new Float32Array(this.y.length);
    const weight = new Float32Array(this.y.length);
    const [, , T] = this.shape;
    const [re, im] = [new Float32Array(FFT), new Float32Array(FFT)];
    for (let t = 0; t < T; t++) {
      const first = Math.round(t * this.frame * this.rate) - FFT / 2;
      for (let i = 0; i < FFT; i++) re[i] = (this.y[first + i] ?? 0) * this.window[i];
      im.fill(0);
      fft(re, im, false);
      const share = this.share(t, gains);
      for (let b = 0; b <= FFT / 2; b++) {
        const [low, part] = this.bins[b];
        const mask = share[low] * (1 - part) + share[low + 1] * part;
        re[b] *= mask;
        im[b] *= mask;
        if (b > 0 && b < FFT / 2) {
          re[FFT - b] *= mask;
          im[FFT - b] *= mask;
        }
      }
      fft(re, im, true);
      for (let i = Math.max(0, -first); i < FFT && first + i < out.length; i++) {
        out[first + i] += (re[i] / FFT) * this.window[i];
        weight[first + i] += this.window[i] ** 2;
      }
    }
    return out.map((v, i) => v / Math.max(weight[i], 1e-3));
  }
}
