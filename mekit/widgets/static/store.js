// Frames and values of a clip, held in the page: what is compressed stays so until it is wanted, and what is decoded is bounded.

import { Chunks } from "./chunks.js";

export const asBytes = v => v ? new Uint8Array(v.buffer ?? v, v.byteOffset ?? 0, v.byteLength) : new Uint8Array(0);

export const inflate = async bytes => {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(stream).arrayBuffer());
};

// Frame i of a piece -> {bitmaps: {track: ImageBitmap}, stacks: {name: Int16Array}, close}; a frame, all its tracks and values arrive together, so panes never disagree.
// piece: {first, frames, values, tracks: {name: offsets}, ranges: {stack: [[from, to] or null, ...]}, wrong: {frame: why}}
export const decodeFrame = async (piece, mimes, i) => {
  const k = i - piece.first, why = piece.wrong?.[i];
  if (why) throw new Error(why);
  const tracks = Object.entries(piece.tracks), held = Object.entries(piece.ranges).filter(([, ranges]) => ranges[k]);
  const pictures = await Promise.all(tracks.map(([name, ends]) => createImageBitmap(new Blob([piece.frames.subarray(ends[k], ends[k + 1])], { type: mimes[name] }))));
  const values = await Promise.all(held.map(([, ranges]) => inflate(piece.values.subarray(...ranges[k]))));
  const named = (entries, things) => Object.fromEntries(entries.map(([name], j) => [name, things[j]]));
  return { bitmaps: named(tracks, pictures), stacks: named(held, values), close: () => pictures.forEach(p => p.close()) };
};

const each = (table, act) => Object.fromEntries(Object.entries(table).map(([name, x]) => [name, act(x)]));
// A short clip is one piece, all of which is here.
const whole = (model, meta, which) => {
  const [frames, values] = ["frames", "values"].map(name => asBytes(model.get(which ? `${name}2` : name)));
  return { first: 0, frames, values, tracks: each(meta.tracks, t => t.offsets), ranges: each(meta.stacks, s => s.ranges), wrong: meta.wrong };
};
const decodedBytes = meta => 4 * meta.w * meta.h * Object.keys(meta.tracks).length + Object.values(meta.stacks).reduce((sum, s) => sum + 2 * s.channels * meta.grid.w * meta.grid.h, 0);

// The store of a model's clip; which: 0 the first, 1 the second beside it; roomBytes: for all that is kept.
export const openStore = (model, which, roomBytes) => {
  const meta = which ? model.get("meta").compare : model.get("meta"), mimes = each(meta.tracks, t => t.mime);
  const chunks = meta.chunk ? new Chunks(model, meta, which, 0.4 * roomBytes) : null, one = chunks ? null : whole(model, meta, which);
  const room = Math.min(2000, Math.max(24, Math.floor((chunks ? 0.6 : 1) * roomBytes / decodedBytes(meta))));
  return new FrameStore(async i => decodeFrame(one ?? await chunks.piece(i), mimes, i), meta.n, room, chunks);
};

// Least recently used entries leave first; the newest always stays.
export class FrameStore {
  constructor(decode, n, room, chunks = null) {
    Object.assign(this, { decode, n, room: Math.max(2, room), ready: new Map(), pending: new Map(), plan: 0, closed: false, chunks });
    if (chunks) chunks.onCurves = (...news) => this.onCurves?.(...news);
  }

  peek(i) {
    const entry = this.ready.get(i);
    if (entry) { this.ready.delete(i); this.ready.set(i, entry); }
    return entry;
  }

  load(i) {
    const entry = this.peek(i);
    if (entry) return Promise.resolve(entry);
    if (!this.pending.has(i)) {
      this.pending.set(i, this.decode(i).then(e => this.keep(i, e)).finally(() => this.pending.delete(i)));
    }
    else this.chunks?.urge(i);
    return this.pending.get(i);
  }

  keep(i, entry) {
    if (this.closed) { entry.close(); return entry; }
    this.ready.set(i, entry);
    for (const [old, e] of this.ready) {
      if (this.ready.size <= this.room) break;
      this.ready.delete(old); e.close();
    }
    return entry;
  }

  // Decode ahead in the direction of travel, of what has come; a newer plan ends this one.
  async ahead(i, step, count) {
    const plan = ++this.plan;
    this.chunks?.guess(i, step);
    for (let k = 1; k <= Math.min(count, this.room - 2); k++) {
      const j = i + k * step;
      if (j < 0 || j >= this.n || plan !== this.plan || this.closed || (this.chunks && !this.chunks.holds(j))) return;
      if (!this.ready.has(j)) await this.load(j).catch(() => {});
    }
  }

  // Where the whole clip fits, decode it once somebody shows interest; a long one comes as it is looked at.
  async fill(from) {
    if (this.n > this.room || this.chunks) return;
    for (let k = 0; k < this.n && !this.closed; k++) {
      const j = (from + k) % this.n;
      if (!this.ready.has(j)) await this.load(j).catch(() => {});
    }
  }

  lost() { this.chunks?.lost(); }
  close() {
    this.closed = true; this.chunks?.close();
    for (const e of this.ready.values()) e.close();
    this.ready.clear();
  }
}
