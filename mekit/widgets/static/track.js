// The line to drag on: linear in frames, a slider to a screen reader, and the wheel goes a frame a notch.

import { frameAt, notches, shareOf } from "./draw.js";
import { isNear } from "./geometry.js";
import { h } from "./panes.js";

export class Track {
  // `host`: n, go(i), step(d), settle(), settleSoon(), player, chart
  constructor(host) {
    Object.assign(this, { host, n: host.n, rolled: 0, scrolled: null });
    this.span = h("i", { class: "m-span", hidden: "" }); this.thumb = h("i", { class: "m-thumb" });
    this.node = h("div", { "data-role": "track", role: "slider", tabindex: "0", "aria-label": "Frame", "aria-valuemin": 0, "aria-valuemax": this.n - 1 }, h("i", { class: "m-rail" }), this.span, this.thumb);
  }

  // The curves are dragged on like the track.
  listen(on) {
    const { host } = this, { box } = host.chart;
    for (const bar of [this.node, box]) {
      const seek = e => { const at = bar.getBoundingClientRect(); host.go(frameAt(e.clientX - at.left, at.width, this.n)); };
      on(bar, "pointerdown", e => { if (e.button) return; e.preventDefault(); bar.setPointerCapture(e.pointerId); host.player.pause(); this.node.focus({ preventScroll: true }); seek(e); });
      on(bar, "pointermove", e => { if (bar.hasPointerCapture(e.pointerId)) seek(e); });
      for (const end of ["pointerup", "pointercancel"]) on(bar, end, () => host.settle());
      on(bar, "wheel", e => this.roll(e), { passive: false });
    }
    on(window, "wheel", e => { if (!this.node.contains(e.target) && !box.contains(e.target)) this.scrolled = e; }, { capture: true, passive: true });
    on(box, "pointermove", e => { if (e.pointerType === "mouse") { const at = box.getBoundingClientRect(); host.chart.point(e.clientX - at.left, at.width); } });
    on(box, "pointerleave", () => host.chart.point(null));
  }
  // A wheel that has scrolled the page until we came under it goes on scrolling, until the pointer is moved.
  roll(e) {
    if (e.ctrlKey || e.metaKey || (this.scrolled && isNear(this.scrolled, e, 12))) return;
    this.scrolled = null;
    e.preventDefault();
    const { left, frames } = notches(this.rolled, e);
    this.rolled = left;
    if (frames) { this.host.step(frames * (e.shiftKey ? 10 : 1)); this.host.settleSoon(); }
  }

  place(i) { this.thumb.style.left = `${100 * shareOf(i, this.n)}%`; }
  aloud(i, when) { this.node.setAttribute("aria-valuenow", i); this.node.setAttribute("aria-valuetext", `frame ${i}, ${when}`); }
  showMarks({ onset, apex, offset }) {
    const last = offset ?? apex;
    this.span.hidden = onset == null || last == null;
    if (!this.span.hidden) { this.span.style.left = `${100 * onset / this.n}%`; this.span.style.width = `${100 * (last - onset + 1) / this.n}%`; }
  }
}
