"use strict";
// The studio's server, which runs on this computer.

const server = (() => {
  const GONE = "The studio does not answer. Is it still running? Nothing that you did is lost.";
  // What the server says; whatever goes wrong is an Error of one line.
  async function ask(path, options = {}) {
    let reply;
    try {
      reply = await fetch(path, options);
    } catch {
      throw new Error(GONE);
    }
    if (reply.ok) return reply;
    const said = await reply.json().catch(() => ({}));
    throw Object.assign(new Error(said.error ?? `The studio answers ${reply.status}.`), { status: reply.status });
  }
  const json = async (path, options) => (await ask(path, options)).json();
  const post = (path, body) =>
    json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });
  const upload = (file) =>
    json(`api/recordings?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }).catch((error) => {
      throw error.status ? error : new Error(`${file.name} can't be read, or the studio does not answer. Is it still there?`);
    });
  const audio = async (path, rate) => {
    const bytes = await (await ask(path)).arrayBuffer();
    return new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  };
  const bytes = async (path) => new Uint8Array(await (await ask(path)).arrayBuffer());
  return { ask, json, post, upload, audio, bytes };
})();
