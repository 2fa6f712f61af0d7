// A clip on the page, to seek, play and mark: frames and values live here; only marks and the settled playhead go back to Python.
// Another widget builds on it by `hooks`: key(event) -> true where it took the key; root: a further class of the root element.

import { openStore } from "./store.js";
import { clamp, ms, playTimes } from "./draw.js";
import { clipSide, offWords, partner, stepWords, stepsOf } from "./compare.js";
import { Acts } from "./acts.js";
import { Chart } from "./chart.js";
import { Controls, helpButton } from "./controls.js";
import { Hands, View } from "./view.js";
import { History, changeWords, markBeyond, setMark } from "./marks.js";
import { isLive, keepKeys, trySave, whenGone } from "./lab.js";
import { KEYS, actOf } from "./keys.js";
import { h, write } from "./panes.js";
import { Player } from "./player.js";
import { Readout } from "./readout.js";
import { Stage } from "./stage.js";
import { Track } from "./track.js";

const ROOM_BYTES = 160 * 2 ** 20;

export class Scrubber {
  constructor(model, el, kept = {}, hooks = {}) {
    const meta = model.get("meta"), { n, compare } = meta, alike = kept.like?.n === n && kept.like?.w === meta.w && kept.like?.h === meta.h;
    Object.assign(this, { model, hooks, meta, n, compare, stop: new AbortController(), timers: new Map(), ticket: 0, drawn: 0, shown: null, wanted: null, failed: null, spot: null, cross: (alike && kept.cross) || null });
    this.spot = this.cross;
    this.marks = model.get("marks") ?? {};
    this.history = alike && kept.history ? kept.history : new History(this.marks);
    this.history.put(this.marks);
    this.openStores();
    const { times, end } = playTimes(meta.times, n);
    this.player = new Player(this, times, end);
    Object.assign(this.player, kept.pace);
    this.view = new View(meta, alike ? kept.view : {});
    this.stage = new Stage(meta, kept.stage);
    this.chart = new Chart(this, meta.curves, meta.curves.length === kept.curves ? kept.curvesHidden : []);
    this.store.onCurves = (k, from, values) => this.chart.arrived(k, from, values);
    this.build(); el.replaceChildren(this.root); this.listen();
    this.showMarks(); this.playingChanged(); this.showTools(); this.fit();
    this.go(clamp(kept.frame ?? model.get("frame"), 0, n - 1));
  }

  openStores() {
    const { compare } = this, room = compare ? ROOM_BYTES / 2 : ROOM_BYTES;
    this.store = openStore(this.model, 0, room);
    if (!compare) return;
    this.second = openStore(this.model, 1, room);
    this.sides = [clipSide({ ...this.meta, marks: this.marks }), clipSide(compare)];
    const ways = stepsOf(...this.sides), wished = compare.sync === "mark" ? "mark" : ways[0];
    this.way = wished;
  }

  // ---- the page
  build() {
    const { meta, compare, stage } = this;
    this.rail = new Track(this); this.track = this.rail.node;
    this.controls = new Controls(stage.panes, { regions: stage.regions.some(r => r.polygon.length), two: !!stage.wipe });
    this.status = this.controls.status;
    this.readout = new Readout(meta, "", { regions: stage.regions, beside: [this.controls.rate, this.status], notes: [Object.keys(meta.stacks).length ? meta.precision : "", stage.regions.length && meta.regions_how ? `AU regions ${meta.regions_how}, on ${meta.regions_frame === null ? "a frame that is not here" : `frame ${meta.regions_frame}`}` : ""] });
    this.readout2 = compare ? new Readout(compare, "clip 2: ", {}) : null;
    this.help = h("dl", { class: "m-help", hidden: "" }, ...KEYS.flatMap(([k, what]) => [h("dt", {}, k), h("dd", {}, what)]));
    this.lost = h("p", { class: "m-banner", role: "alert", "data-role": "lost", hidden: "" });
    this.live = h("p", { class: "m-aloud", "aria-live": "polite" });
    this.inStep = h("span", { class: "m-step" }); this.stepButton = h("button", { type: "button", "data-act": "sync", "aria-label": "Choose how the clips go in step", title: "Choose how the clips go in step (s)" });
    this.root = h("div", { class: `mekit-scrubber ${this.hooks.root ?? ""}`.trim(), tabindex: "0", role: "group", "aria-roledescription": "frame scrubber", "data-frames": meta.n,
      "aria-label": `${meta.title}: ${meta.n} frames. Press question mark for keys` },
    h("header", {}, h("b", {}, meta.title), h("span", { class: "m-note" }, meta.subtitle), helpButton()),
    ...meta.banners.map(text => h("p", { class: "m-banner", role: "note" }, text)), this.lost, this.help,
    compare ? h("p", { class: "m-second" }, h("b", {}, `clip 2: ${compare.title}`), h("span", { class: "m-note" }, compare.subtitle), this.inStep, this.stepButton) : null, stage.node,
    this.chart.legend, this.chart.box, this.track, this.controls.node, this.readout.node, this.readout2?.node, this.live);
  }

  listen() {
    const on = (node, event, act, more = {}) => node.addEventListener(event, act, { signal: this.stop.signal, ...more });
    const acts = new Acts(this);
    on(this.root, "keydown", e => acts.key(e)); on(this.root, "click", e => acts.clicked(e));
    keepKeys(this.root, this.stop.signal, e => !e.target.closest("input, textarea") && actOf(e) !== null);
    whenGone(this.model, this.stop.signal, () => this.alone());
    if (typeof this.model.send === "function" && !isLive(this.model, this.root)) this.alone();
    on(this.root, "pointerenter", () => this.warm()); on(this.root, "focusin", () => this.warm());
    on(document, "fullscreenchange", () => { const full = document.fullscreenElement === this.root; this.root.classList.toggle("m-full", full); this.controls.showTool("full", full); this.fit(); });
    this.rail.listen(on);
    this.hands = new Hands(this);
    for (const p of this.stage.pictures) this.hands.listen(p.canvas, on);
    this.stage.wipe?.listen(on, { slide: share => this.slide(share), chosen: () => { this.stage.choose(); this.fit(true); }, done: () => this.focus() });
    this.watch = new ResizeObserver(() => this.fit()); this.watch.observe(this.root);
    this.changes = { "change:frame": () => { if (this.model.get("frame") !== this.wanted) { this.player.pause(true); this.go(clamp(this.model.get("frame"), 0, this.n - 1)); } },
      "change:marks": () => { this.marks = this.model.get("marks") ?? {}; this.history.put(this.marks); this.showMarks(); } };
    for (const [event, act] of Object.entries(this.changes)) this.model.on(event, act);
  }
  slide(share) { this.stage.wipe.place(share); this.stage.wipe.draw(); this.showSpot(); }

  // ---- seeking: the newest request wins, and the frame is named only once it is drawn
  go(i) {
    if (i === this.wanted && i === this.shown) return;
    const step = i - (this.shown ?? i - 1), ticket = ++this.ticket, pair = this.pairOf(i), j = pair?.j;
    this.wanted = i; this.failed = null;
    const entry = this.store.peek(i), entry2 = pair && this.second.peek(j);
    if (entry && (!pair || entry2)) this.show({ entry, i, entry2, j, pair }, ticket);
    else this.bring(i, pair, ticket);
    const stride = Math.abs(step) > 8 ? Math.sign(step) : step || 1;
    this.store.ahead(i, stride, 12);
    if (pair) this.second.ahead(j, Math.sign(stride), 12);
  }
  async bring(i, pair, ticket) {
    if (this.meta.chunk) this.later("slow", 700, () => { if (this.wanted !== this.shown) { this.waiting = true; this.say("waiting for Python", true); } });
    try {
      const [a, b] = await Promise.all([this.store.load(i), pair && this.second.load(pair.j)]);
      this.show({ entry: this.store.peek(i) ?? a, i, entry2: pair && (this.second.peek(pair.j) ?? b), j: pair?.j, pair }, ticket);
    } catch (error) {
      if (this.stop.signal.aborted || ticket !== this.ticket) return;
      this.failed = i; this.say(this.meta.chunk ? `frame ${i} did not come: ${error.message}` : `frame ${i} could not be decoded: ${error.message}`);
    }
  }
  pairOf(i) { return this.second ? partner(i, ...this.sides, this.way) : null; }

  show(now, ticket) {
    if (ticket < this.drawn || this.stop.signal.aborted) return;
    this.drawn = ticket;
    this.stage.draw(now, this.view);
    this.shown = now.i; this.now = now;
    this.root.dataset.frame = now.i;
    if (now.pair) this.root.dataset.frame2 = now.j;
    if (this.waiting) { this.waiting = false; this.say(""); }
    this.showPlace(now);
    if (this.spot) this.showSpot();
    this.root.dispatchEvent(new CustomEvent("mekit:drawn", { detail: { frame: now.i }, bubbles: true }));
  }

  // What is on the screen, drawn once more: from what is held, or after it has been decoded again.
  redraw() {
    const now = this.held();
    if (now) { this.stage.draw(now, this.view); this.showSpot(); }
    else if (this.now) this.reload(this.now);
  }
  held() {
    if (!this.now) return null;
    const { i, j, pair } = this.now, entry = this.store.peek(i), entry2 = pair && this.second.peek(j);
    return entry && (!pair || entry2) ? (this.now = { entry, i, entry2, j, pair }) : null;
  }
  reload(now) {
    Promise.all([this.store.load(now.i), now.pair && this.second.load(now.j)]).then(() => { if (this.now === now && this.held()) this.redraw(); }).catch(() => {});
  }

  warm() { if (!this.warmed) { this.warmed = true; this.store.fill(this.wanted); this.second?.fill(this.now?.j ?? 0); } }
  step(d) { this.player.pause(); this.go(clamp(this.wanted + d, 0, this.n - 1)); }

  // ---- to Python: marks at once, the playhead when it has come to rest
  settle() {
    if (this.player.playing) return;
    if (this.wanted !== this.told) { this.told = this.wanted; if (document.activeElement !== this.track) this.live.textContent = `frame ${this.wanted}, ${this.when(this.wanted)}`; }
    if (this.model.get("frame") === this.wanted) return;
    this.model.set("frame", this.wanted); this.save();
  }
  settleSoon() { this.later("settle", 180, () => this.settle()); }
  later(name, wait, act) {
    clearTimeout(this.timers.get(name));
    this.timers.set(name, setTimeout(() => { this.timers.delete(name); act(); }, wait));
  }
  // A mark goes on a frame that has been seen: while playing, or where a frame cannot be shown, the one on the screen.
  mark(name, clear) {
    if (!clear && this.shown !== this.wanted) {
      if (this.waiting) return this.say(`frame ${this.wanted} is not here yet: ${name} not set`, true);
      if (this.shown !== null && (this.player.playing || this.failed === this.wanted)) this.go(this.shown);
    }
    const { marks, problem } = setMark(this.marks, name, clear ? null : this.wanted);
    if (problem) return this.say(problem);
    this.history.put(marks); this.remark(marks);
    this.say(clear ? `${name} cleared` : `${name} at frame ${this.wanted}`);
  }
  remark(marks) { this.marks = marks; this.model.set("marks", marks); this.save(); this.showMarks(); }
  travel(way) {
    const before = this.marks, marks = this.history[way]();
    if (!marks) return this.say(`nothing to ${way}`);
    this.remark(marks); this.say(`${way === "undo" ? "undone" : "redone"}: ${changeWords(before, marks)}`);
  }
  jump(direction) {
    const found = markBeyond(this.marks, this.wanted, direction);
    if (!found) return this.say(`no mark ${direction < 0 ? "before" : "after"} frame ${this.wanted}`);
    this.step(found.frame - this.wanted); this.say(`${found.names.join(", ")} at frame ${found.frame}`);
  }

  // ---- the part of the picture, and the spot
  zoomBy(factor) { this.view.by(factor, this.spot ?? this.view.centre()); this.zoomed(); }
  zoomed() { this.controls.showZoom(this.view.zoom); this.root.classList.toggle("m-zoomed", this.view.zoom > 1); this.stage.outline(this.view); this.redraw(); }
  moveBy(dx, dy, far) {
    if (this.cross) return this.pin({ x: clamp(this.cross.x + dx * (far ? 10 : 1), 0, this.meta.w - 1), y: clamp(this.cross.y + dy * (far ? 10 : 1), 0, this.meta.h - 1) }, true);
    if (this.view.zoom === 1) return this.say("the whole picture is shown; + zooms in, x sets a reading cross");
    const d = far ? 0.5 : 0.125;
    this.view.set(this.view.zoom, this.view.cx + dx * d * this.view.rect.w, this.view.cy + dy * d * this.view.rect.h); this.zoomed();
  }
  toggleCross() { this.cross ? this.pin(null) : this.pin(this.spot ?? { x: Math.floor(this.view.cx), y: Math.floor(this.view.cy) }, true); }
  pin(spot, aloud) {
    this.cross = spot; this.spot = spot; this.showTools();
    if (spot && this.view.follow(spot)) this.zoomed(); else this.showSpot();
    if (aloud) this.later("aloud", 300, () => { this.live.textContent = this.readout.sentence; });
  }
  point(spot) { this.spot = spot ?? this.cross; this.showSpot(); }
  focus() { this.root.focus({ preventScroll: true }); }

  // ---- what is written on the page
  fit(force) {
    const full = this.root.classList.contains("m-full"), { node } = this.stage, last = (this.readout2 ?? this.readout).node;
    const others = full ? last.getBoundingClientRect().bottom - this.root.getBoundingClientRect().top + this.root.scrollTop - node.offsetHeight + 12 : 0;
    const within = room => this.stage.fit(node.clientWidth || 640, room, Math.max(1, Math.round(devicePixelRatio))), room = full ? Math.max(160, innerHeight - others) : null;
    let changed = within(room);
    const over = full ? this.root.scrollHeight - this.root.clientHeight : 0;       // captions that have wrapped
    if (over > 0) changed = within(Math.max(160, room - over - 4)) || changed;
    this.chart.showMarks(this.marks); this.controls.showPanes(this.stage.hidden);
    if (changed || force) { this.stage.outline(this.view); this.redraw(); }
  }
  alone() {
    this.gone = true; this.lost.hidden = false; this.store.lost(); this.second?.lost();
    this.lost.textContent = "not connected to Python: marks stay in this page only";
  }
  save() { if (!this.gone && !trySave(this.model)) this.alone(); }
  say(text, stays) { this.status.textContent = text; if (!stays) this.later("quiet", 5000, () => { this.status.textContent = ""; }); }
  when(i) { return this.meta.times ? ms(this.meta.times[i]) : "no times"; }
  showPlace({ i, j, pair }) {
    this.rail.place(i); this.chart.place(i); this.readout.place(i, this.marks.onset);
    if (pair) this.readout2.place(j, this.compare.marks.onset, offWords(pair));
    if (!this.player.playing) this.showAloud(i);
  }
  showAloud(i) { this.chart.aloud(); this.rail.aloud(i, this.when(i)); }
  showSpot() {
    const { spot, stage } = this, now = stage.loupe && spot ? this.held() : this.now;
    stage.point(spot, this.view, now);
    if (stage.loupe && spot && !now && this.now) this.reload(this.now);
    this.readout.read(spot, this.now?.entry, stage.found);
    this.readout2?.read(spot && stage.spotIn(spot, this.compare), this.now?.entry2, []);
  }
  showMarks() {
    const { marks } = this;
    this.controls.showMarks(marks, this.meta.times, this.history); this.chart.showMarks(marks); this.rail.showMarks(marks);
    this.playingChanged();
    if (this.second) { this.sides[0].marks = marks; this.again(); }
    if (this.now) this.showPlace(this.now);
  }
  // The second clip's frame for the one on the screen, after what pairs them has changed.
  again() {
    write(this.inStep, stepWords(...this.sides, this.way));
    write(this.stepButton, this.way === "mark" ? (this.meta.times && this.compare.times ? "go by time" : "go by frames") : "go by marks");
    if (this.shown !== null) { const i = this.wanted; this.wanted = null; this.go(i); }
  }
  showTools() {
    const { controls, stage } = this;
    controls.showTool("cross", this.cross); controls.showTool("loupe", stage.loupe); controls.showTool("regions", stage.all); controls.showTool("wipe", stage.wipe?.on); controls.showTool("full", document.fullscreenElement === this.root);
    controls.showZoom(this.view.zoom); this.root.classList.toggle("m-zoomed", this.view.zoom > 1); this.root.classList.toggle("m-loupe-on", stage.loupe);
  }
  playingChanged() { this.controls.showPlaying(this.player); if (this.shown !== null && !this.player.playing) this.showAloud(this.shown); }
  rateChanged(text) { this.controls.showRate(text); }
  stopped() { this.settle(); }

  close() {
    this.player.pause(true); this.chart.close();
    this.stop.abort(); this.watch.disconnect();
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const [event, act] of Object.entries(this.changes)) this.model.off(event, act);
    this.store.close(); this.second?.close(); this.root.remove();
    const { speed, loop } = this.player, { n, w, h: height } = this.meta;
    return { like: { n, w, h: height }, frame: this.wanted, view: this.view.state, stage: this.stage.state, curves: this.chart.curves.length, curvesHidden: this.chart.hidden, history: this.history, pace: { speed, loop }, cross: this.cross };
  }
}
