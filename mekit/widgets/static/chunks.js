// A long clip comes from Python in chunks, as they are wanted. What came is kept up to a number of bytes; nothing is asked for twice.

import { whenGone } from "./lab.js";

const SLOTS = 2, WAITING = 4, AGAIN = 2000;     // wants on the way; wants that wait for a slot; ms before a failure is asked about again

export class Chunks {
  // meta: {n, chunk: {size, key}}; clip: 0, or 1 for the second; room: bytes
  constructor(model, meta, clip, room) {
    const { size, key } = meta.chunk;
    Object.assign(this, { model, n: meta.n, size, key, clip, room, bytes: 0, sent: 0, gone: null, stop: new AbortController() });
    Object.assign(this, { held: new Map(), asked: new Map(), queue: [], likely: [], failed: new Map() });
    this.hear = (content, buffers) => this.answer(content, buffers);
    model.on("msg:custom", this.hear);
    whenGone(model, this.stop.signal, () => this.lost());
    if (typeof model.send !== "function") this.lost();
  }
  of(i) { return Math.floor(i / this.size); }
  holds(i) { return this.held.has(this.of(i)); }

  piece(i) {
    const k = this.of(i), piece = this.held.get(k), failure = this.failed.get(k);
    if (piece) { this.held.delete(k); this.held.set(k, piece); return Promise.resolve(piece); }
    if (this.gone) return Promise.reject(new Error(this.gone));
    if (failure && performance.now() - failure.at < AGAIN) return Promise.reject(new Error(failure.why));
    return this.want(k, false);
  }
  // A want joins the one that is on its way; a guess that is now wanted goes to the front.
  want(k, guess) {
    let ask = this.asked.get(k);
    if (!ask) {
      ask = { guess, sent: false }; ask.promise = new Promise((yes, no) => Object.assign(ask, { yes, no }));
      ask.promise.catch(() => {});
      this.asked.set(k, ask);
    }
    if (!guess) { ask.guess = false; this.likely = this.likely.filter(j => j !== k); if (!ask.sent) this.queue = [...this.queue.filter(j => j !== k), k]; }
    else if (!ask.sent) this.likely.push(k);
    while (this.queue.length > WAITING) this.settle(this.queue.shift(), ask => ask.no(new Error("passed by")));
    this.pump();
    return ask.promise;
  }
  urge(i) { const k = this.of(i); if (this.asked.has(k)) this.want(k, false); }
  // The chunks that come next in the direction of travel; what was guessed before and has not been sent is forgotten.
  guess(i, step) {
    for (const k of this.likely) this.settle(k, ask => ask.no(new Error("passed by")));
    this.likely = [];
    const here = this.of(i), jump = Math.abs(here - (this.at ?? here)) > 1;
    this.at = here;
    if (jump) return;           // one point has no direction
    const way = Math.sign(step) || 1, far = this.of(i + step * 2);
    for (const k of new Set([here + way, far === here ? here + 2 * way : far])) {
      if (k < 0 || k * this.size >= this.n || this.held.has(k) || this.asked.has(k) || this.failed.has(k) || this.gone) continue;
      this.want(k, true);
    }
  }

  // Newest want first; a guess only where no want waits, and one at a time.
  pump() {
    const guesses = [...this.asked.values()].filter(a => a.sent && a.guess).length;
    while (this.queue.length && this.sent - guesses < SLOTS) this.send(this.queue.pop());
    if (!this.queue.length && !guesses && this.sent < SLOTS && this.likely.length) this.send(this.likely.shift());
  }
  send(k) {
    const ask = this.asked.get(k);
    if (!ask) return;
    ask.sent = true; this.sent++;
    try { this.model.send({ kind: "want", clip: this.clip, chunk: k, key: this.key }); } catch { this.lost(); }
  }
  settle(k, act) {
    const ask = this.asked.get(k);
    if (!ask) return false;
    this.asked.delete(k);
    if (ask.sent) this.sent--;
    act(ask);
    return true;
  }

  answer(content, buffers) {
    if (content.clip !== this.clip || content.key !== this.key || !this.asked.get(content.chunk)?.sent) return;
    const k = content.chunk;
    if (content.kind === "failed") { this.failed.set(k, { why: content.why, at: performance.now() }); this.settle(k, ask => ask.no(new Error(content.why))); }
    if (content.kind === "chunk") {
      const [frames, values] = buffers.map(b => new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
      const piece = { first: k * this.size, frames, values, tracks: content.tracks, ranges: content.ranges, wrong: content.wrong };
      this.failed.delete(k); this.keep(k, piece);
      content.curves?.forEach((values, c) => this.onCurves?.(c, piece.first, values));
      this.settle(k, ask => ask.yes(piece));
    }
    this.pump();
  }
  keep(k, piece) {
    const weight = p => p.frames.byteLength + p.values.byteLength;
    this.held.set(k, piece); this.bytes += weight(piece);
    for (const [old, p] of this.held) {
      if (this.bytes <= this.room || this.held.size <= 2) break;
      this.held.delete(old); this.bytes -= weight(p);
    }
  }

  // Python has gone: what is here stays, the rest says why it does not come.
  lost() {
    this.gone ??= "it had not been loaded when the connection to Python ended; run the cell again";
    for (const k of [...this.asked.keys()]) this.settle(k, ask => ask.no(new Error(this.gone)));
    this.queue = []; this.likely = [];
  }
  close() { this.stop.abort(); this.model.off("msg:custom", this.hear); this.lost(); this.held.clear(); }
}
