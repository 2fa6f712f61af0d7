// All pictures together: which are shown, where they stand, and what is drawn in them at a moment.

import { arrange, scaleWithin } from "./draw.js";
import { regionsAt } from "./geometry.js";
import { h, Backdrop, Pane, Wipe } from "./panes.js";

export class Stage {
  constructor(meta, kept = {}) {
    const { compare } = meta, panesOf = (m, clip) => { const backdrop = new Backdrop(); return m.panes.map(p => new Pane(p, m, meta.tables, clip, backdrop, meta.regions)); };
    Object.assign(this, { meta, compare, regions: meta.regions, hits: new Set(), found: [], hidden: new Set(kept.hidden), loupe: !!kept.loupe, all: !!kept.all });
    this.panes = [...panesOf(meta, 1), ...(compare ? panesOf(compare, 2) : [])];
    this.wipe = this.panes.length > 1 ? new Wipe(meta, this.panes, meta.regions) : null;
    this.pictures = [...(this.wipe ? [this.wipe] : []), ...this.panes];
    this.node = h("div", { class: "m-panes" }, ...this.panes.map(p => p.node));
    if (this.wipe && kept.wipe) { this.wipe.on = kept.wipe.on; this.wipe.choose(...kept.wipe.of); this.wipe.place(kept.wipe.share); }
    this.choose();
  }
  get state() { return { hidden: this.hidden, loupe: this.loupe, all: this.all, wipe: this.wipe && { on: this.wipe.on, share: this.wipe.share, of: [this.wipe.left.value, this.wipe.right.value] } }; }

  // Drawn are the panes in sight, and hidden ones that the wipe copies from.
  choose() {
    this.seen = this.panes.filter((_, k) => !this.hidden.has(k));
    this.active = this.wipe?.on ? this.panes.filter(p => this.seen.includes(p) || this.wipe.shown.includes(p)) : this.seen;
    this.panes.forEach((p, k) => { p.node.hidden = this.hidden.has(k); });
    if (this.wipe?.on) this.node.prepend(this.wipe.node); else this.wipe?.node.remove();
  }
  // False where nothing would be left to look at.
  toggle(k) {
    if (this.hidden.has(k)) this.hidden.delete(k);
    else if (this.seen.length > 1) this.hidden.add(k);
    else return false;
    this.choose();
    return true;
  }

  // Sizes for a width, and in full screen a height; true where something has changed.
  fit(width, room, ratio) {
    const { meta, compare } = this, count = clip => this.seen.filter(p => p.clip === clip).length;
    const a = arrange(width, [count(1) + (this.wipe?.on ? 1 : 0), count(2)], meta.w, meta.h, room), key = JSON.stringify([a, ratio, this.active.length]);
    this.node.style.setProperty("--m-columns", `repeat(${a.columns}, ${a.wide}px)`);
    const lead = this.seen.find(p => p.clip === 2), below = this.wipe?.on && a.columns > Math.max(count(1), count(2)) ? "2" : "1";     // each pane under its like
    for (const p of this.panes) p.node.style.gridColumnStart = p === lead && a.breaks && count(1) ? below : "";
    if (key === this.key) return false;
    this.key = key;
    for (const p of this.pictures) p.size(p.meta === compare ? scaleWithin(compare.w, a.wide) : a.scale, ratio, a.wide);
    return true;
  }

  // now: {entry, i} of the first clip and {entry2, j} of the second
  draw(now, view) {
    for (const p of this.active) p.clip === 2 ? p.draw(now.entry2, view.of(p.meta), now.j) : p.draw(now.entry, view.rect, now.i);
    if (this.wipe?.on) this.wipe.draw();
  }

  // A spot of the first clip in the pixels of another: the same share of its frame.
  spotIn(spot, meta) { return spot && meta !== this.meta ? { x: spot.x * meta.w / this.meta.w, y: spot.y * meta.h / this.meta.h } : spot; }
  point(spot, view, now) {
    this.found = spot && this.regions.length ? regionsAt(this.regions, Math.floor(spot.x), Math.floor(spot.y)) : [];      // of the pixel, as masks in Python
    for (const p of this.pictures) p.point(this.spotIn(spot, p.meta), view.of(p.meta));
    this.look(spot, view, now);
    const changed = this.found.length !== this.hits.size || this.found.some(r => !this.hits.has(r.name));
    if (changed) { this.hits = new Set(this.found.map(r => r.name)); this.outline(view); }
  }
  look(spot, view, now) {
    const shown = this.loupe && spot && now ? spot : null;
    if (!shown && !this.looked) return;
    this.looked = !!shown;
    for (const p of this.active) p.look(this.spotIn(shown, p.meta), view.of(p.meta), p.clip === 2 ? now?.entry2 : now?.entry);
    if (this.wipe?.on) this.wipe.look(shown, view.rect);
  }
  outline(view) { for (const p of this.pictures) p.outline(view.rect, this.hits, this.all); }
}
