"use strict";
// Data that a page under file:// can read: it may not request files, but it may load
// scripts, and a packed file is a script that calls unpack with its content.

const packed = (() => {
  const found = {};
  const load = (url) =>
    (found[url] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.resolve = resolve;
      script.onerror = () => reject(new Error(`${url} is not there`));
      script.src = url;
      document.head.append(script);
    }));
  const gunzip = async (bytes) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const bytes = async (url) => gunzip(await load(url));
  const text = async (url) => new TextDecoder().decode(await bytes(url));
  const json = async (url) => JSON.parse(await text(url));
  let code;
  const plotly = async (root) =>
    window.Plotly ?? (code ??= text(`${root}data/plotly.js`).then((script) => {
      (0, eval)(script);
      return window.Plotly;
    }));
  return { load, bytes, text, json, plotly };
})();

function unpack(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  document.currentScript.resolve(bytes);
}
