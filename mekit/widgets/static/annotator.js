// The annotator: a queue of clips, coded by keyboard. It lays its own keys and panel over a scrubber; coding.js decides, Python saves.

import { CODING_STEPS, MARK_STEPS, askedOf, chooseAu, clipNow, codeOf, codingKey, framesOf, isChange, keysNow, kindText, lengthOf, lookedOf, lookingKey, markSet, marksMoved, noteOf, noteWritten, notCoding, queueText, savedText, unsavedText } from "./coding.js";
import { isLive, trySave, whenGone } from "./lab.js";
import { ms } from "./draw.js";
import { h, write } from "./panes.js";
import { Scrubber } from "./scrubbing.js";

const ANNOTATED = ["queue", "position", "events", "others", "clip_verdict", "saved", "aus"];
const SIDE_BY_SIDE = 700;               // px of width from which the questions stand beside the picture instead of above it
const LOOKING_WORDS = [["\u2191 \u2193", "show the marks of an event; escape leaves it"]];
const CODING_WORDS = [["digits, enter", "AU, then its marks, intensity, side"], ["enter", "this mark is here (or o, a, f)"], ["x", "while coding: not seen, not graded"], ["backspace, esc", "one step back; leave the event"],
  ["0 enter", "no AU in this clip"], ["n p", "next clip (this one is done), previous"], ["s", "skip the clip"], ["\u2191 \u2193", "choose an event; enter changes, delete removes"],
  ["u", "not certain: the event, else the clip"], ["t", "note"], ["z, ctrl z", "undo the last change"]];
const OVERRULED = /^(1 |u y|s$)/;      // keys of the scrubber that mean something else here

class Annotator {
  constructor(model, el) {
    this.looking = typeof model.send !== "function";        // a saved page: there is no Python, and never was
    Object.assign(this, { model, el, stop: new AbortController(), state: notCoding(), pending: [], sent: 0, told: "", token: Math.random().toString(36).slice(2, 10) });
    this.build();
    this.start({});
    this.changes = Object.fromEntries(ANNOTATED.map(name => [`change:${name}`, () => this.later()]));
    el.addEventListener("mekit:drawn", () => this.drawHere(), { signal: this.stop.signal });
    this.watch = new ResizeObserver(() => this.arrange()); this.watch.observe(el);
    this.changes["change:meta"] = () => this.restart();
    this.changes["change:marks"] = () => this.marksChanged();
    this.changes["change:saved"] = () => this.heard();
    this.changes["change:position"] = () => { this.state = notCoding(); this.tell(""); this.going = false; this.closeNote(); this.later(); };
    for (const [event, act] of Object.entries(this.changes)) model.on(event, act);
    whenGone(model, this.stop.signal, () => this.lost());
    if (!this.looking && !isLive(model, el)) this.lost();
  }

  // ---- the page
  build() {
    const part = (role, tag = "div", more = {}) => this[role] = h(tag, { "data-role": role, class: `a-${role}`, ...more });
    part("progress"); part("dots"); part("saving", "p", { role: "status" });
    part("file", "p"); part("steps", "ol"); part("here", "b"); part("asked", "p", { role: "status" }); part("keys"); part("units"); this.toldLine = h("p", { "data-role": "told", class: "a-told", role: "status", "aria-live": "assertive" });
    part("note", "div", { hidden: "" }); part("list", "ul", { "aria-label": "Events of this clip" }); part("unsaved", "div", { hidden: "" }); part("trouble", "p", { role: "alert", hidden: "" });
    this.noteField = h("input", { type: "text", "data-role": "note-text", "aria-label": "Note", placeholder: "a note; Enter keeps it, Escape does not" });
    this.note.append(this.noteField);
    this.unsavedNote = h("p", {}); this.unsavedField = h("textarea", { readonly: "", rows: 4, spellcheck: "false", "aria-label": "Changes that are not saved" });
    this.copier = h("button", { type: "button", "data-copy": "" }, "Copy");
    this.unsaved.append(this.unsavedNote, this.unsavedField, this.copier);
    this.jump = h("input", { type: "number", min: 1, "data-role": "jump", "aria-label": "Go to clip number" });
    this.again = h("button", { type: "button", "data-retry": "", hidden: "" }, "Try again");
    this.ways = h("span", { class: "a-ways" }, this.way("p", "\u2039 previous"), this.jump, this.way("n", "next \u203a"));
    this.top = h("section", { class: "a-top", "aria-label": "Coding" }, h("div", { class: "a-queue" }, this.progress, this.dots, this.ways, h("span", { class: "a-saved" }, this.saving, this.again)), this.trouble, this.unsaved,
      h("div", { class: "a-ask" }, this.asked, this.toldLine), this.steps, this.here, this.keys, this.units, this.note, this.list, this.file);
    for (const node of this.looking ? [this.steps, this.keys, this.units, this.dots, this.ways] : []) node.remove();
    this.listen();
  }
  way(key, text) { return h("button", { type: "button", "data-press": key, title: key }, text); }

  listen() {
    const on = (node, event, act) => node.addEventListener(event, act, { signal: this.stop.signal });
    on(this.top, "click", e => this.clicked(e));
    on(this.again, "click", () => this.send({ op: "retry" }));
    on(this.noteField, "keydown", e => {
      e.stopPropagation();
      if (e.key !== "Enter" && e.key !== "Escape") return;
      e.preventDefault();
      if (e.key === "Enter") this.follow(noteWritten(this.state, this.noteField.value.trim(), this.context()));
      this.closeNote(); this.refocus();
    });
    on(this.jump, "keydown", e => { e.stopPropagation(); if (e.key === "Enter") { this.toClip(Number(this.jump.value) - 1); this.refocus(); } });
    on(this.unsavedField, "keydown", e => e.stopPropagation());
    on(this.copier, "click", () => this.copy());
  }
  clicked(e) {
    const at = e.target.closest("[data-press], [data-au], [data-step], [data-event], [data-clip]")?.dataset;
    if (!at) return;
    if (at.press) for (const key of at.press.split(" ")) this.press(key);
    else if (at.au) this.follow(chooseAu(this.state, Number(at.au), this.context()));
    else if (at.clip) this.toClip(Number(at.clip));
    else if (at.event && this.state.step === "browse") { const k = Number(at.event); this.state = { ...this.state, selected: k ? k - 1 : null }; this.press("ArrowDown"); }
    else if (at.step && this.state.draft && at.step !== "au") { this.state = { ...this.state, step: at.step, left: this.state.left.filter(x => x !== at.step) }; this.draw(); }
    if (this.note.hidden) this.refocus();
  }
  refocus() { this.scrubber.root.focus({ preventScroll: true }); }

  // ---- the scrubber inside: a new one for each clip, the panel stays
  start(kept) {
    this.scrubber = new Scrubber(this.model, this.el, kept, { key: e => this.key(e), root: "mekit-annotator" });
    this.place = this.model.get("position"); this.known = { ...this.scrubber.marks };
    this.scrubber.root.querySelector("header").after(this.top);
    this.beside = null; this.arrange();
    this.explain(this.scrubber.root.querySelector("dl.m-help"));
    this.draw();
  }
  // New contents of the same clip keep place and view; another clip begins at its first frame.
  restart() {
    const inside = this.scrubber.root.contains(document.activeElement) || document.activeElement === document.body;
    const kept = this.scrubber.close(), here = this.model.get("position"), same = here === this.place;
    this.start(same ? kept : { frame: 0 });
    if (inside && this.note.hidden) this.refocus();
  }

  explain(help) {
    const pairs = [...(help?.querySelectorAll("dt") ?? [])].map(dt => [dt, dt.nextElementSibling]);
    if (!this.looking) for (const pair of pairs) if (OVERRULED.test(pair[0].textContent)) pair.forEach(node => node.remove());
    if (!this.looking) for (const [dt] of pairs) dt.textContent = dt.textContent.replace(/^\+ \u2212 0$/, "+ \u2212");       // 0 begins a number here
    help?.prepend(...(this.looking ? LOOKING_WORDS : CODING_WORDS).flatMap(([k, what]) => [h("dt", {}, k), h("dd", {}, what)]));
  }

  context() {
    const get = name => this.model.get(name), position = get("position");
    return { marks: this.scrubber.marks, position, aus: get("aus"), ...clipNow(get("events"), get("clip_verdict"), this.pending, position) };
  }

  // ---- keys and what follows from them
  key(e) {
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "z") return this.press(this.state.step === "browse" ? "z" : "Backspace");
    if (e.ctrlKey || e.metaKey || e.altKey) return false;
    const own = e.target.closest?.("button, select, summary, a");
    if (own && (e.key === " " || e.key === "Enter")) return false;
    if (e.target.closest?.("[role=slider]") && /^Arrow(Up|Down)$/.test(e.key)) return false;
    if (e.repeat && e.key === "Enter") return true;             // a key held down is one answer, not three
    return this.press(e.key);
  }
  press(key) {
    if (this.going) return true;
    const result = (this.looking ? lookingKey : codingKey)(this.state, key, this.context());
    if (!result) return false;
    this.tell(""); this.follow(result);
    return true;
  }
  tell(text, kind = "no") { this.told = text; this.toldLine.dataset.kind = kind; }
  follow({ state, effects }) {
    this.state = state;
    for (const [what, value, kind] of effects) {
      if (what === "say") this.tell(value, kind);
      else if (what === "go") this.scrubber.go(value);
      else if (what === "send") this.send(value);
      else if (what === "clip") this.toClip(value);
      else if (what === "note") this.openNote();
      else if (what === "marks") this.putMarks(value);
      else if (what === "clear") { if (this.scrubber.marks[value] != null) { this.quiet = true; this.scrubber.mark(value, true); this.quiet = false; this.known = { ...this.scrubber.marks }; } }
      else if (what === "mark") return this.markHere(value);
    }
    this.draw();
  }
  markHere(name) {
    this.quiet = true; this.scrubber.mark(name); this.quiet = false;
    this.known = { ...this.scrubber.marks };
    if (this.scrubber.marks[name] === this.scrubber.wanted) this.follow(markSet(this.state, name, this.scrubber.marks));
    else { this.tell(this.scrubber.status.textContent); this.draw(); }
  }
  putMarks(marks) {
    this.quiet = true; this.model.set("marks", marks); this.quiet = false;
    this.known = { ...marks };
    if (!this.gone && !trySave(this.model)) this.lost();
  }
  // A mark set by the scrubber's own key or button counts as the answer, where it is the one asked for.
  marksChanged() {
    if (this.quiet) return;
    const now = this.model.get("marks") ?? {}, moved = MARK_STEPS.filter(m => now[m] != null && now[m] !== this.known[m]);
    this.known = { ...now };
    this.follow(marksMoved(this.state, now, moved));
  }

  openNote() { this.note.hidden = false; this.noteField.value = noteOf(this.state, this.context()) ?? ""; this.noteField.focus(); }
  closeNote() { this.note.hidden = true; }

  toClip(k) {
    const queue = this.model.get("queue"), last = queue.length - 1, here = this.model.get("position"), judged = this.context().clip.kind !== "open";
    if (this.state.draft) { this.tell("Finish this event first, or Escape"); return this.draw(); }
    if (k < 0 || Number.isNaN(k)) { this.tell("This is the first clip"); return this.draw(); }
    if (k > last) k = queue.findIndex((q, i) => i === here ? !judged : q.kind === "open");       // beyond the end: what was left open
    if (k < 0) { this.tell("This was the last clip, and all are judged", "done"); return this.draw(); }
    if (k === here) return this.draw();
    // Where Python is busy the notebook holds saves back, but not messages: a place or a mark saved now may arrive after the next clip has, so it must be right for that one.
    if (!this.gone) { this.model.set("frame", 0); this.putMarks({}); }
    if (this.gone) { this.tell("Python is gone: run the cell again to go on"); return this.draw(); }
    this.going = true; this.send({ op: "go", to: k }); this.draw();
  }

  // ---- to Python: every change is a numbered message, kept here until Python has said that it is saved
  send(change) {
    const clip = this.model.get("position"), message = { kind: "code", id: `${this.token}:${++this.sent}`, clip, key: this.model.get("queue")[clip].key, ...change };
    this.pending.push(message);
    if (this.gone) return this.draw();
    try { this.model.send(message); } catch { this.lost(); }
    clearTimeout(this.slow); this.late = false; this.slow = setTimeout(() => { this.late = true; this.draw(); }, 2000);
  }
  heard() {
    const { id: last = "", done } = this.model.get("saved"), [token, id] = last.split(":");
    if (token === this.token && done) this.tell(done, "done");
    if (token === this.token) this.pending = this.pending.filter(p => Number(p.id.split(":")[1]) > Number(id));
    if (!this.pending.length) { clearTimeout(this.slow); this.late = false; }
    this.later();
  }
  lost() { this.gone = true; this.going = false; this.draw(); }
  async copy() {
    try { await navigator.clipboard.writeText(this.unsavedField.value); this.copier.textContent = "Copied"; }
    catch { this.unsavedField.focus(); this.unsavedField.select(); this.copier.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C"; }
  }

  // ---- what is written on the page
  later() { if (!this.queued) this.queued = requestAnimationFrame(() => { this.queued = 0; this.draw(); }); }
  draw() {
    if (!this.scrubber) return;
    const c = this.context(), s = this.state, queue = this.model.get("queue"), { coder, file } = this.model.get("home");
    const changes = this.pending.filter(isChange), saved = this.looking ? { kind: "page", text: `for looking only: no Python here; coded by ${coder}` } : savedText(this.model.get("saved"), changes.length, this.gone, this.late);
    write(this.progress, `clip ${c.position + 1} of ${queue.length}${this.looking ? "" : ` \u00b7 ${queueText(queue)}`}`);
    write(this.saving, saved.text); this.saving.dataset.kind = saved.kind; this.again.hidden = saved.kind !== "problem";
    write(this.file, this.looking ? "" : `${coder}, in ${file}`);
    write(this.asked, this.going ? "opening \u2026" : this.looking ? lookedOf(s, c) : askedOf(s, c)); write(this.toldLine, this.told);
    this.drawDots(queue, c.position); this.drawSteps(s, c); this.drawKeys(s, c); this.drawEvents(s, c); this.drawUnsaved(changes, s, c);
    this.jump.max = queue.length; if (document.activeElement !== this.jump) this.jump.value = c.position + 1;
    const trouble = queue[c.position]?.problem; this.trouble.hidden = !trouble; write(this.trouble, trouble ?? "");
    Object.assign(this.scrubber.root.dataset, { step: s.step, clip: c.position, events: c.events.length, saving: saved.kind });
  }
  drawHere() {
    const i = this.scrubber?.shown, { times } = this.model.get("meta");
    if (i != null) write(this.here, `frame ${i}${times ? ` \u00b7 ${ms(times[i])}` : ""}`);
  }
  // Beside the picture where there is room, so that face, curve and question are seen at once; and the picture never taller than the window lets it be.
  arrange() {
    const { root } = this.scrubber, wide = root.clientWidth >= SIDE_BY_SIDE, { w, h: height, panes } = this.model.get("meta");
    root.style.setProperty("--a-shape", panes.length * w / height);
    if (root.classList.toggle("a-beside", wide) !== this.beside) { this.beside = wide; this.scrubber.fit(true); }
  }
  drawDots(queue, position) {
    const shown = queue.length <= 60;
    this.dots.hidden = !shown;
    if (!shown) return;
    const nodes = queue.map((q, k) => h("button", { type: "button", "data-clip": k, "data-kind": q.kind, tabindex: "-1", "aria-current": k === position ? "true" : null,
      "aria-label": `clip ${k + 1}: ${kindText(q.kind)}`, title: `${q.name}: ${kindText(q.kind)}${q.certain ? "" : ", not certain"}, ${q.events} events` }, q.certain ? "" : "?"));
    this.dots.replaceChildren(...nodes);
  }
  drawSteps(s, c) {
    const e = s.draft ?? (s.selected == null ? null : c.events[s.selected]), values = e && { au: e.number && `AU${e.number}${e.certain ? "" : "?"}`, intensity: e.intensity, side: e.side };
    const value = step => MARK_STEPS.includes(step) ? c.marks[step] ?? (s.left.includes(step) ? "not seen" : null) : step === "au" && s.step === "au" ? s.typed : values?.[step];
    this.steps.replaceChildren(...CODING_STEPS.map(step => h("li", { class: `a-step m-${step}`, "data-step": step, "aria-current": s.step === step ? "step" : null }, h("span", {}, step === "au" ? "AU" : step), h("b", {}, String(value(step) ?? "\u2013")))));
  }
  drawKeys(s, c) {
    const held = this.keys.contains(document.activeElement) ? document.activeElement.dataset.press : null;
    this.keys.replaceChildren(...keysNow(s, c).map(([key, text]) => h("button", { type: "button", "data-press": key, "aria-keyshortcuts": key }, h("kbd", {}, key.replace("Enter", "\u23ce").replace("Backspace", "\u232b").replace("Escape", "esc").replace("Delete", "del")), ` ${text}`)));
    if (held) this.keys.querySelector(`[data-press="${held}"]`)?.focus();
    const offered = s.step === "browse" && s.selected == null || s.step === "au";
    this.units.style.visibility = offered ? "" : "hidden";
    if (!this.units.childElementCount) this.units.append(...this.model.get("shown").map(n => h("button", { type: "button", "data-au": n, title: c.aus[n], "aria-label": `AU ${n}, ${c.aus[n]}` }, h("b", {}, `${n}`), h("span", {}, c.aus[n]))));
  }
  drawEvents(s, c) {
    const { times } = this.model.get("meta");
    const cells = e => [h("b", {}, codeOf(e)), h("span", {}, framesOf(e)), lengthOf(e, times) && h("span", { class: "m-note" }, lengthOf(e, times)), e.by || e.note ? h("span", { class: "m-note" }, [e.by, e.note].filter(Boolean).join(": ")) : null].filter(Boolean);
    const said = e => `${codeOf(e)}${c.aus[e.number] ? `, ${c.aus[e.number]}` : ""}; onset, apex, offset ${framesOf(e)}${e.ms ? `; ${e.ms}` : ""}${e.note ? `; ${e.note}` : ""}`;
    const own = c.events.map((e, k) => h("li", {}, h("button", { type: "button", "data-event": k, "aria-pressed": String(s.selected === k), title: said(e), "aria-label": said(e) }, ...cells(e))));
    const others = (this.model.get("others") ?? []).map(e => h("li", { class: "a-other", title: said(e) }, ...cells(e)));
    const verdict = c.clip.kind !== "open" || c.clip.note || !c.clip.certain ? [h("li", { class: "a-verdict" }, `clip: ${kindText(c.clip.kind)}${c.clip.certain ? "" : ", not certain"}${c.clip.note ? ` \u00b7 ${c.clip.note}` : ""}`)] : [];
    this.list.replaceChildren(...(own.length ? own : c.clip.kind === "open" ? [h("li", { class: "m-note" }, "no event coded in this clip yet")] : []), ...verdict, ...others);
  }
  drawUnsaved(changes, s, c) {
    const text = this.gone ? unsavedText(changes, s, c.marks, c.position, this.model.get("queue")[c.position].key) : "";
    this.unsaved.hidden = text === "";
    if (this.unsavedField.value !== text) { this.unsavedField.value = text; this.copier.textContent = "Copy"; }
    this.unsavedNote.textContent = "Run the cell again: it goes on where this stopped. These lines are not saved; copy them, and give them to recover(\u2026) of the new widget:";
  }

  close() {
    cancelAnimationFrame(this.queued); clearTimeout(this.slow);
    this.stop.abort(); this.watch.disconnect();
    for (const [event, act] of Object.entries(this.changes)) this.model.off(event, act);
    this.scrubber.close();
  }
}

export default {
  render({ model, el }) {
    const annotator = new Annotator(model, el);
    return () => annotator.close();
  },
};
