// The part of the picture that all panes show, and the spot they point at: by pointer, touch and keyboard.

import { clamp, viewOf } from "./draw.js";
import { ZOOMS, isDouble, pinched, zoomAbout } from "./geometry.js";

// Zoom and centre in pixels of the first clip; another clip shows the same share of its own frame.
export class View {
  constructor({ w, h }, { zoom = 1, cx = w / 2, cy = h / 2 } = {}) { Object.assign(this, { w, h, kept: new Map() }); this.set(zoom, cx, cy); }
  set(zoom, cx, cy) {
    this.zoom = clamp(zoom, ZOOMS.least, ZOOMS.most); this.kept.clear();
    const r = viewOf(this.w, this.h, this.zoom, cx, cy);
    this.cx = r.x + r.w / 2; this.cy = r.y + r.h / 2; this.rect = r;
  }
  of({ w, h }) {
    if (w === this.w && h === this.h) return this.rect;
    const key = `${w} ${h}`, kx = w / this.w, ky = h / this.h, r = this.rect;
    if (!this.kept.has(key)) this.kept.set(key, { x: r.x * kx, y: r.y * ky, w: r.w * kx, h: r.h * ky });
    return this.kept.get(key);
  }
  by(factor, spot) {
    const zoom = factor ? clamp(this.zoom * factor, ZOOMS.least, ZOOMS.most) : 1, { cx, cy } = zoomAbout(this.rect, spot, this.zoom, zoom);
    this.set(zoom, cx, cy);
  }
  centre() { return { x: this.cx, y: this.cy }; }
  // Just enough to have a spot well in the picture.
  follow({ x, y }) {
    const r = this.rect, edge = size => Math.min(8, 0.1 * size);
    const reach = (at, from, size) => at < from + edge(size) ? at - from - edge(size) : at > from + size - edge(size) ? at - from - size + edge(size) : 0, dx = reach(x, r.x, r.w), dy = reach(y, r.y, r.h);
    if (!dx && !dy) return false;
    this.set(this.zoom, this.cx + dx, this.cy + dy);
    return this.rect.x !== r.x || this.rect.y !== r.y;
  }
  get state() { return { zoom: this.zoom, cx: this.cx, cy: this.cy }; }
}

export const MOVED = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

// Everything a pointer or a finger does on the panes. `host`: view, point(spot or null), pin(spot), redraw(), zoomed().
export class Hands {
  constructor(host) { Object.assign(this, { host, down: new Map(), grip: null, pinch: null, tap: null }); }

  listen(canvas, on) {
    on(canvas, "pointerdown", e => this.press(canvas, e));
    on(canvas, "pointermove", e => this.move(canvas, e));
    for (const end of ["pointerup", "pointercancel"]) on(canvas, end, e => this.lift(canvas, e));
    on(canvas, "pointerleave", e => { if (e.pointerType === "mouse" && !this.grip) this.host.point(null); });
    on(canvas, "wheel", e => { if (!e.ctrlKey && !e.metaKey) return; e.preventDefault(); this.host.view.by(2 ** clamp(-e.deltaY / 120, -1, 1), this.at(canvas, e)); this.host.zoomed(); }, { passive: false });
    on(canvas, "touchstart", e => { if (e.touches.length > 1 && e.cancelable) e.preventDefault(); }, { passive: false });     // two fingers are ours, one may scroll the page
  }

  share(canvas, e) { const box = canvas.getBoundingClientRect(); return { x: (e.clientX - box.left) / box.width, y: (e.clientY - box.top) / box.height }; }
  at(canvas, e) { const s = this.share(canvas, e), r = this.host.view.rect; return { x: r.x + s.x * r.w, y: r.y + s.y * r.h }; }

  press(canvas, e) {
    if (e.button) return;
    this.down.set(e.pointerId, this.share(canvas, e));
    const now = { t: e.timeStamp, x: e.clientX, y: e.clientY };
    if (this.down.size === 2) return this.spread(canvas);
    if (isDouble(this.tap, now)) { this.tap = null; this.grip = null; this.host.view.set(1, 0, 0); e.preventDefault(); return this.host.zoomed(); }
    this.tap = now;
    if (this.host.view.zoom > 1) { canvas.setPointerCapture(e.pointerId); this.grip = { id: e.pointerId, ...this.at(canvas, e) }; e.preventDefault(); }
    this.host.focus();
  }
  spread(canvas) {
    const [a, b] = this.down.values(), r = this.host.view.rect, box = canvas.getBoundingClientRect();
    this.grip = null; this.tap = null;
    for (const id of this.down.keys()) canvas.setPointerCapture(id);
    this.pinch = { canvas, zoom: this.host.view.zoom, spread: Math.hypot((a.x - b.x) * this.host.view.w, (a.y - b.y) * this.host.view.h),
      held: { x: r.x + (a.x + b.x) / 2 * r.w, y: r.y + (a.y + b.y) / 2 * r.h }, box };
  }
  move(canvas, e) {
    const { host } = this;
    if (this.down.has(e.pointerId)) this.down.set(e.pointerId, this.share(canvas, e));
    if (this.pinch && this.down.size === 2) {
      const [a, b] = this.down.values(), { zoom, cx, cy } = pinched(this.pinch.held, a, b, this.pinch.zoom, this.pinch.spread, host.view.w, host.view.h);
      host.view.set(zoom, cx, cy); return host.zoomed();
    }
    const p = this.at(canvas, e);
    if (this.grip?.id !== e.pointerId) return e.pointerType === "mouse" || this.down.has(e.pointerId) ? host.point(p) : undefined;
    host.view.set(host.view.zoom, host.view.cx - (p.x - this.grip.x), host.view.cy - (p.y - this.grip.y));
    host.redraw();
  }
  lift(canvas, e) {
    const short = this.tap && e.type === "pointerup" && Math.hypot(e.clientX - this.tap.x, e.clientY - this.tap.y) < 12;
    if (short && e.pointerType !== "mouse" && !this.pinch) this.host.pin(this.at(canvas, e));
    this.down.delete(e.pointerId);
    if (this.grip?.id === e.pointerId) this.grip = null;
    if (this.down.size < 2) this.pinch = null;
  }
}
