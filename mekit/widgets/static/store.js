// Frames and values of a clip, held in the page: what is compressed stays so until it is wanted, and what is decoded is bounded.

export const asBytes = v => v ? new Uint8Array(v.buffer ?? v, v.byteOffset ?? 0, v.byteLength) : new Uint8Array(0);

export const inflate = async bytes => {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(stream).arrayBuffer());
};

// i -> {bitmap, stacks: {name: Int16Array}, close}; a frame and all its values arrive together, so panes never disagree.
export const clipLoader = (meta, frames, values) => async i => {
  const picture = new Blob([frames.subarray(meta.offsets[i], meta.offsets[i + 1])], { type: meta.mime });
  const held = Object.entries(meta.stacks).filter(([, s]) => s.ranges[i]);
  const [bitmap, ...arrays] = await Promise.all([
    createImageBitmap(picture), ...held.map(([, s]) => inflate(values.subarray(...s.ranges[i])))]);
  return { bitmap, stacks: Object.fromEntries(held.map(([name], k) => [name, arrays[k]])), close: () => bitmap.close() };
};

// Least recently used entries leave first; the newest always stays.
export class FrameStore {
  constructor(decode, n, room) {
    Object.assign(this, { decode, n, room: Math.max(2, room), ready: new Map(), pending: new Map(), plan: 0, closed: false });
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

  // Decode ahead in the direction of travel; a newer plan ends this one.
  async ahead(i, step, count) {
    const plan = ++this.plan;
    for (let k = 1; k <= Math.min(count, this.room - 2); k++) {
      const j = i + k * step;
      if (j < 0 || j >= this.n || plan !== this.plan || this.closed) return;
      if (!this.ready.has(j)) await this.load(j).catch(() => {});
    }
  }

  // Where the whole clip fits, decode it once somebody shows interest.
  async fill(from) {
    if (this.n > this.room) return;
    for (let k = 0; k < this.n && !this.closed; k++) {
      const j = (from + k) % this.n;
      if (!this.ready.has(j)) await this.load(j).catch(() => {});
    }
  }

  close() {
    this.closed = true;
    for (const e of this.ready.values()) e.close();
    this.ready.clear();
  }
}
