// A clip on the page, to seek, play and mark: frames and values live here; only marks and the settled playhead go back to Python.
// Another widget builds on it by `hooks`: key(event) -> true where it took the key; root: a further class of the root element.

import { asBytes, clipLoader, FrameStore } from "./store.js";
import { MARKS, SPEEDS, clamp, columnsFor, curvePath, frameAt, indexAt, layout, levels, ms, playTimes, setMark, shareOf, signed, valueAt, viewOf, widen } from "./draw.js";
import { isLive, keepKeys, trySave, whenGone } from "./lab.js";
import { h, Pane } from "./panes.js";

const KEYS = [["\u2190 \u2192", "one frame, with shift ten"], ["home end", "first, last"], ["space", "play, pause"], [", .", "slower, faster"],
  ["o a f", "set onset, apex, offset; with shift clear"], ["1 \u2026 9", "show or hide a pane"], ["+ \u2212 0", "zoom in, out, whole frame; drag to move"],
  ["l", "loop"], ["?", "these keys"]];
const ROOM_BYTES = 160 * 2 ** 20;

export class Scrubber {
  constructor(model, el, kept = {}, hooks = {}) {
    Object.assign(this, { model, hooks, meta: model.get("meta"), stop: new AbortController(), timers: new Set(), ticket: 0, drawn: 0, shown: null,
      wanted: null, zoom: 1, spot: null, playing: false, speed: 1, loop: true, curve: 0 });
    const { n, w, h: height, grid } = this.meta, stacks = Object.values(this.meta.stacks);
    const bytes = 4 * w * height + stacks.reduce((sum, s) => sum + 2 * s.channels * grid.w * grid.h, 0);
    this.store = new FrameStore(clipLoader(this.meta, asBytes(model.get("frames")), asBytes(model.get("values"))), n,
      clamp(Math.floor(ROOM_BYTES / bytes), 24, 2000));
    Object.assign(this, playTimes(this.meta.times, n), { cx: w / 2, cy: height / 2, marks: model.get("marks") ?? {} });
    this.panes = this.meta.panes.map(p => new Pane(p, this.meta));
    this.hidden = new Set(kept.hidden);
    this.build(); el.replaceChildren(this.root); this.listen(); this.showMarks(); this.showSpeed(); this.showCurve(0); this.fit();
    this.go(clamp(kept.frame ?? model.get("frame"), 0, n - 1));
  }

  // ---- the page
  build() {
    const { meta } = this, button = (act, label, text, keys) =>
      h("button", { type: "button", "data-act": act, "aria-label": label, title: keys ? `${label} (${keys})` : label }, text);
    this.track = h("div", { "data-role": "track", role: "slider", tabindex: "0", "aria-label": "Frame", "aria-valuemin": 0, "aria-valuemax": meta.n - 1 },
      h("i", { class: "m-rail" }), h("i", { class: "m-span" }), h("i", { class: "m-thumb" }));
    this.chart = h("div", { "data-role": "curve", "aria-hidden": "true" });
    this.chart.innerHTML = `<svg viewBox="0 0 ${meta.n} 1" preserveAspectRatio="none"><path class="m-area"/><path class="m-line"/></svg><i class="m-now"></i>`;
    this.flags = Object.fromEntries(MARKS.map((m, k) => [m, h("i", { class: `m-flag m-${m}`, "data-mark": m, hidden: "" }, h("b", {}, "oaf"[k]))]));
    this.chart.append(...Object.values(this.flags));
    this.chosen = h("select", { "aria-label": "Curve" }, ...meta.curves.map((c, k) => h("option", { value: k }, c.name)));
    this.range = h("span", { class: "m-note" });
    this.play = button("play", "Play", "", "space"); this.pace = h("span", { class: "m-pace" }); this.scaleText = h("span", { class: "m-pace" }, "whole");
    this.marker = Object.fromEntries(MARKS.map((m, k) => [m, button(m, `Set ${m}`, "", "oaf"[k])]));
    this.toggles = this.panes.map((p, k) => button(`pane:${k}`, `${k + 1} ${p.pane.name}: show or hide this pane`, `${k + 1} ${p.pane.name}`, k + 1));
    this.looper = button("loop", "Loop", "loop", "l");
    this.time = h("output", { class: "m-when", "aria-live": "off" }); this.values = h("output", { class: "m-values", "aria-live": "off" });
    this.status = h("p", { class: "m-status", role: "status" });
    this.help = h("dl", { class: "m-help", hidden: "" }, ...KEYS.flatMap(([k, what]) => [h("dt", {}, k), h("dd", {}, what)]));
    this.lost = h("p", { class: "m-banner", role: "alert", "data-role": "lost", hidden: "" });
    this.stage = h("div", { class: "m-panes" }, ...this.panes.map(p => p.node));
    this.root = h("div", { class: `mekit-scrubber ${this.hooks.root ?? ""}`.trim(), tabindex: "0", role: "group", "aria-roledescription": "frame scrubber", "data-frames": meta.n,
      "aria-label": `${meta.title}: ${meta.n} frames. Press question mark for keys` },
    h("header", {}, h("b", {}, meta.title), h("span", { class: "m-note" }, meta.subtitle), button("help", "Keys", "?", "?")),
    ...meta.banners.map(text => h("p", { class: "m-banner", role: "note" }, text)), this.lost, this.help, this.stage,
    h("div", { class: "m-line-above" }, h("label", {}, this.chosen), this.range), this.chart, this.track,
    h("div", { class: "m-bar" }, h("span", { class: "m-group" }, button("back", "Previous frame", "\u2039", "left"), this.play, button("next", "Next frame", "\u203a", "right")),
      h("span", { class: "m-group" }, button("slower", "Slower", "\u2212", ","), this.pace, button("faster", "Faster", "+", "."), this.looper),
      h("span", { class: "m-group" }, ...MARKS.map(m => this.marker[m])),
      h("span", { class: "m-group" }, button("out", "Zoom out", "\u2296", "-"), this.scaleText, button("in", "Zoom in", "\u2295", "+")),
      this.panes.length > 1 ? h("span", { class: "m-group" }, ...this.toggles) : null, this.status),
    h("div", { class: "m-read" }, this.time, this.values));
  }

  listen() {
    const on = (node, event, act, more = {}) => node.addEventListener(event, act, { signal: this.stop.signal, ...more });
    on(this.root, "keydown", e => this.key(e));
    keepKeys(this.root, this.stop.signal);
    whenGone(this.model, this.stop.signal, () => this.alone());
    if (typeof this.model.send === "function" && !isLive(this.model, this.root)) this.alone();
    on(this.root, "click", e => { const b = e.target.closest("button[data-act]"); if (b) { this.act(b.dataset.act, e.shiftKey); this.settleSoon(); } });
    on(this.root, "pointerenter", () => this.warm()); on(this.root, "focusin", () => this.warm());
    on(this.chosen, "change", () => this.showCurve(Number(this.chosen.value)));
    for (const bar of [this.track, this.chart]) {
      const seek = e => { const box = bar.getBoundingClientRect(); this.go(frameAt(e.clientX - box.left, box.width, this.meta.n)); };
      on(bar, "pointerdown", e => { if (e.button) return; e.preventDefault(); bar.setPointerCapture(e.pointerId); this.pause(); this.track.focus({ preventScroll: true }); seek(e); });
      on(bar, "pointermove", e => { if (bar.hasPointerCapture(e.pointerId)) seek(e); });
      for (const end of ["pointerup", "pointercancel"]) on(bar, end, () => this.settle());
    }
    for (const p of this.panes) this.listenPane(p, on);
    this.watch = new ResizeObserver(() => this.fit()); this.watch.observe(this.root);
    this.changes = { "change:frame": () => { if (this.model.get("frame") !== this.wanted) { this.pause(true); this.go(clamp(this.model.get("frame"), 0, this.meta.n - 1)); } },
      "change:marks": () => { this.marks = this.model.get("marks") ?? {}; this.showMarks(); } };
    for (const [event, act] of Object.entries(this.changes)) this.model.on(event, act);
  }

  listenPane(pane, on) {
    const at = e => { const box = pane.canvas.getBoundingClientRect(), v = this.view();
      return { x: v.x + (e.clientX - box.left) / box.width * v.w, y: v.y + (e.clientY - box.top) / box.height * v.h, k: v.w / box.width }; };
    on(pane.canvas, "pointerdown", e => { if (this.zoom > 1 && !e.button) { pane.canvas.setPointerCapture(e.pointerId); this.grip = { id: e.pointerId, ...at(e) }; e.preventDefault(); } this.root.focus({ preventScroll: true }); });
    on(pane.canvas, "pointermove", e => {
      const p = at(e);
      if (this.grip?.id === e.pointerId) { const v = this.view(); this.cx = v.x + v.w / 2 - (p.x - this.grip.x); this.cy = v.y + v.h / 2 - (p.y - this.grip.y); this.redraw(); }
      else { this.spot = { x: p.x, y: p.y }; this.showSpot(); }
    });
    for (const end of ["pointerup", "pointercancel"]) on(pane.canvas, end, () => { this.grip = null; });
    on(pane.canvas, "pointerleave", () => { this.spot = null; this.showSpot(); });
    on(pane.canvas, "wheel", e => { if (!e.ctrlKey) return; e.preventDefault(); this.zoomBy(e.deltaY < 0 ? 1 : -1, at(e)); }, { passive: false });
  }

  // ---- seeking: the newest request wins, and the frame is named only once it is drawn
  go(i) {
    if (i === this.wanted && i === this.shown) return;
    const step = i - (this.shown ?? i - 1), ticket = ++this.ticket;
    this.wanted = i;
    const entry = this.store.peek(i);
    if (entry) this.show(i, entry, ticket);
    else this.store.load(i).then(e => this.show(i, this.store.peek(i) ?? e, ticket))
      .catch(error => { if (!this.stop.signal.aborted && ticket === this.ticket) this.say(`frame ${i} could not be decoded: ${error.message}`); });
    this.store.ahead(i, Math.abs(step) > 8 ? Math.sign(step) : step || 1, 12);
  }

  show(i, entry, ticket) {
    if (ticket < this.drawn || this.stop.signal.aborted) return;
    this.drawn = ticket;
    const view = this.view();
    for (const p of this.visible()) p.draw(entry, view, i);
    this.shown = i; this.entry = entry;
    this.root.dataset.frame = i;
    this.showPlace(i); this.showSpot();
    this.root.dispatchEvent(new CustomEvent("mekit:drawn", { detail: { frame: i }, bubbles: true }));
  }

  redraw() {
    if (this.shown === null) return;
    const entry = this.store.peek(this.shown), i = this.shown;
    if (entry) { for (const p of this.visible()) p.draw(entry, this.view(), i); this.showSpot(); }
    else this.store.load(i).then(() => { if (this.shown === i) this.redraw(); }).catch(() => {});
  }

  warm() { if (!this.warmed) { this.warmed = true; this.store.fill(this.wanted); } }
  view() { return viewOf(this.meta.w, this.meta.h, this.zoom, this.cx, this.cy); }
  visible() { return this.panes.filter((_, k) => !this.hidden.has(k)); }
  step(d) { this.pause(); this.go(clamp(this.wanted + d, 0, this.meta.n - 1)); }

  // ---- to Python: marks at once, the playhead when it has come to rest
  settle() {
    if (this.playing || this.model.get("frame") === this.wanted) return;
    this.model.set("frame", this.wanted); this.save();
  }
  settleSoon() { this.later("settle", 180, () => this.settle()); }
  later(name, wait, act) {
    clearTimeout(this[name + "Timer"]); this.timers.delete(this[name + "Timer"]);
    this.timers.add(this[name + "Timer"] = setTimeout(act, wait));
  }
  mark(name, clear) {
    const { marks, problem } = setMark(this.marks, name, clear ? null : this.wanted);
    if (problem) return this.say(problem);
    this.marks = marks; this.model.set("marks", marks); this.save(); this.showMarks();
    this.say(clear ? `${name} cleared` : `${name} at frame ${this.wanted}`);
  }

  // ---- playing by the clip's own times
  toggle() { this.playing ? this.pause() : this.start(); }
  start() {
    this.warm(); this.playing = true; this.showPlaying();
    if (!this.loop && this.wanted === this.meta.n - 1) this.go(0);
    this.anchor(performance.now(), this.times[this.wanted]); this.beat = requestAnimationFrame(t => this.tick(t));
  }
  anchor(now, time) { this.clock = { now, time }; }
  tick(now) {
    if (!this.playing) return;
    let time = this.clock.time + Math.max(0, now - this.clock.now) * this.speed;
    if (time >= this.end) {
      if (!this.loop) { this.go(this.meta.n - 1); return this.pause(); }
      time = this.times[0]; this.anchor(now, time);
    }
    const i = indexAt(this.times, time);
    if (i !== this.wanted) this.go(i);
    this.beat = requestAnimationFrame(t => this.tick(t));
  }
  pause(silent) {
    if (!this.playing) return;
    this.playing = false; cancelAnimationFrame(this.beat); this.showPlaying();
    if (!silent) this.settle();
  }
  pacing(d) {
    this.speed = SPEEDS[clamp(SPEEDS.indexOf(this.speed) + d, 0, SPEEDS.length - 1)]; this.showSpeed();
    if (this.playing) this.anchor(performance.now(), this.times[this.wanted]);
  }

  zoomBy(d, at) {
    const v = this.view(), zoom = clamp(d === 0 ? 1 : this.zoom * (d > 0 ? 2 : 0.5), 1, 16), spot = at ?? this.spot ?? { x: v.x + v.w / 2, y: v.y + v.h / 2 };
    const k = this.zoom / zoom;
    this.cx = spot.x + (v.x + v.w / 2 - spot.x) * k; this.cy = spot.y + (v.y + v.h / 2 - spot.y) * k; this.zoom = zoom;
    this.scaleText.textContent = zoom > 1 ? `${zoom}\u00d7` : "whole";
    this.root.classList.toggle("m-zoomed", zoom > 1); this.redraw();
  }

  // ---- keys and buttons are names of the same acts
  key(e) {
    if (this.hooks.key?.(e)) { e.preventDefault(); e.stopPropagation(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const own = e.target.closest("select, button"), k = e.key;
    if (e.target.closest("select") || (own && (k === " " || k === "Enter"))) { e.stopPropagation(); return; }
    const name = { " ": "play", ",": "slower", ".": "faster", "+": "in", "=": "in", "-": "out", 0: "whole", l: "loop", "?": "help", Home: "first", End: "last",
      ArrowLeft: "back", ArrowDown: "back", ArrowRight: "next", ArrowUp: "next", o: "onset", a: "apex", f: "offset", O: "onset", A: "apex", F: "offset" }[k]
      ?? (/^[1-9]$/.test(k) ? `pane:${k - 1}` : k === "Escape" && !this.help.hidden ? "help" : null);
    if (!name) return;
    e.preventDefault(); e.stopPropagation();
    this.act(name, e.shiftKey); this.settleSoon();
  }
  act(name, shift) {
    const steps = { back: -1, next: 1 }, acts = { play: () => this.toggle(), slower: () => this.pacing(-1), faster: () => this.pacing(1), in: () => this.zoomBy(1),
      out: () => this.zoomBy(-1), whole: () => this.zoomBy(0), first: () => this.step(-this.meta.n), last: () => this.step(this.meta.n),
      loop: () => { this.loop = !this.loop; this.showPlaying(); }, help: () => { this.help.hidden = !this.help.hidden; } };
    if (name in steps) this.step(steps[name] * (shift ? 10 : 1));
    else if (MARKS.includes(name)) this.mark(name, shift);
    else if (name.startsWith("pane:")) this.togglePane(Number(name.slice(5)));
    else acts[name]();
  }
  togglePane(k) {
    if (k >= this.panes.length) return;
    if (this.hidden.has(k)) this.hidden.delete(k);
    else if (this.visible().length > 1) this.hidden.add(k);
    else return this.say("the last pane stays");
    this.fit(true);
  }

  // ---- what is written on the page
  fit(force) {
    const width = this.stage.clientWidth, ratio = Math.max(1, Math.round(devicePixelRatio));
    const scale = layout(width || 640, this.visible().length, this.meta.w, this.meta.h);
    this.panes.forEach((p, k) => { p.node.hidden = this.hidden.has(k); this.toggles[k].setAttribute("aria-pressed", !this.hidden.has(k)); });
    const drawn = Math.round(this.meta.w * scale), columns = columnsFor(width || 640, this.visible().length, drawn);
    const wide = widen(width || 640, columns, drawn, this.meta.h * scale);
    this.stage.style.setProperty("--m-columns", `repeat(${columns}, ${wide}px)`);
    this.showFlags();
    if (!force && scale === this.scale && ratio === this.ratio && wide === this.wide) return;
    Object.assign(this, { scale, ratio, wide });
    for (const p of this.panes) p.size(scale, ratio, wide);
    this.redraw();
  }
  alone() {
    this.gone = true; this.lost.hidden = false;
    this.lost.textContent = "not connected to Python: marks stay in this page only";
  }
  save() { if (!this.gone && !trySave(this.model)) this.alone(); }
  say(text) { this.status.textContent = text; this.later("quiet", 5000, () => { this.status.textContent = ""; }); }
  when(i) { return this.meta.times ? ms(this.meta.times[i]) : "no times"; }
  showPlace(i) {
    const { n, numbers, times } = this.meta, place = `${100 * shareOf(i, n)}%`;
    this.root.style.setProperty("--m-place", place);
    this.track.setAttribute("aria-valuenow", i); this.track.setAttribute("aria-valuetext", `frame ${i}, ${this.when(i)}`);
    this.time.textContent = `frame ${i} / ${n - 1}` + (numbers[i] === i ? "" : ` · no. ${numbers[i]}`) + (times ? ` · ${ms(times[i])}` : " · no times");
    const c = this.meta.curves[this.curve], y = c?.values[i];
    this.range.textContent = c ? `${y == null ? "none" : y.toPrecision(3)} ${c.unit} here · ${c.low.toPrecision(2)} to ${c.high.toPrecision(2)} ${c.unit}` : "";
  }
  showSpot() {
    const s = this.spot, v = this.view(), parts = [], { stacks, grid } = this.meta;
    for (const p of this.panes) p.point(s, v);
    if (s) {
      parts.push(`x ${Math.floor(s.x)} y ${Math.floor(s.y)}`);
      for (const stack of Object.values(stacks)) {
        const data = this.entry?.stacks[Object.keys(stacks).find(k => stacks[k] === stack)];
        stack.parts.forEach((part, c) => {
          const x = valueAt(stack, data, grid, s.x, s.y, c);
          if (x !== null) parts.push(`${part} ${stack.channels > 1 || stack.signed ? signed(x * stack.factor, stack.digits) : (x * stack.factor).toFixed(stack.digits)} ${stack.unit}` + (stack.second ? ` (${signed(x * stack.factor * stack.second.factor, 2)} ${stack.second.unit})` : ""));
        });
      }
    }
    this.values.textContent = s ? parts.join("   ") + (Object.keys(stacks).length ? `   ${this.meta.precision}` : "") : Object.keys(stacks).length ? "point at a pane to read its values" : "";
  }
  showMarks() {
    const n = this.meta.n;
    MARKS.forEach((m, k) => {
      const i = this.marks[m], flag = this.flags[m];
      flag.hidden = i == null; if (i != null) flag.style.left = `${100 * shareOf(i, n)}%`;
      this.marker[m].textContent = `${m} ${i ?? "\u2013"}`; this.marker[m].classList.toggle("m-set", i != null);
      this.marker[m].setAttribute("aria-label", `Set ${m}, ${i == null ? "not set" : `now at frame ${i}`}`);
      this.marker[m].title = `Set ${m} here (${"oaf"[k]}), clear with shift` + (i != null && this.meta.times ? `; at ${ms(this.meta.times[i])}` : "");
    });
    this.showFlags();
    const { onset, offset, apex } = this.marks, span = this.track.querySelector(".m-span"), last = offset ?? apex;
    span.hidden = onset == null || last == null;
    if (!span.hidden) { span.style.left = `${100 * onset / n}%`; span.style.width = `${100 * (last - onset + 1) / n}%`; }
  }
  showFlags() {
    const set = MARKS.filter(m => this.marks[m] != null), width = this.chart.clientWidth || 640;
    const places = set.map(m => width * shareOf(this.marks[m], this.meta.n));
    levels(places).forEach((level, k) => this.flags[set[k]].style.setProperty("--m-level", level));
  }
  showSpeed() { this.pace.textContent = `${this.speed}\u00d7`; this.showPlaying(); }
  showPlaying() {
    this.play.textContent = this.playing ? "pause" : "play"; this.play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.looper.setAttribute("aria-pressed", this.loop);
  }
  showCurve(k) {
    const c = this.meta.curves[this.curve = k], n = this.meta.n;
    this.chart.hidden = !c; this.root.querySelector(".m-line-above").hidden = !c;
    if (!c) return;
    const line = curvePath(c.values, c.low, c.high), whole = c.values.every(v => v != null);
    this.chart.querySelector(".m-line").setAttribute("d", line);
    this.chart.querySelector(".m-area").setAttribute("d", whole ? `${line}L${n - 0.5} 1L0.5 1Z` : "");
    if (this.shown !== null) this.showPlace(this.shown);
  }

  close() {
    this.playing = false; cancelAnimationFrame(this.beat);
    this.stop.abort(); this.watch.disconnect();
    for (const timer of this.timers) clearTimeout(timer);
    for (const [event, act] of Object.entries(this.changes)) this.model.off(event, act);
    this.store.close(); this.root.remove();
    return { frame: this.wanted, hidden: this.hidden };
  }
}
