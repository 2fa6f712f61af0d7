// Controls of the workbench: what to explain (target, layer), the apex, Run, the state as code.
// Python computes; this file only asks. Pure helpers are exported for tests.

import { isLive, keepKeys, trySave, whenGone } from "./lab.js";

export function typedApex(value, marks, n) {
  // The frame a typed apex becomes, and what to say where it is not the one typed; frame null where it is no number
  const typed = Math.round(Number(value)), low = marks.onset ?? 0, high = marks.offset ?? n - 1;
  if (value === "" || value === null || Number.isNaN(typed)) return { frame: null, note: "" };
  if (typed >= low && typed <= high) return { frame: typed, note: "" };
  const frame = typed > high ? high : Math.min(high, low + 1);        // the onset itself would be compared with itself
  const between = `${marks.onset == null ? "the first frame, 0," : `onset ${low}`} to ${marks.offset == null ? `the last, ${high}` : `offset ${high}`}`;
  return { frame, note: `frame ${typed} is outside ${between}; ${frame} taken` };
}

export function when(frame, times) {
  // "frame 31, 155.0 ms", or the frame alone where the clip has no times
  if (frame === null || frame === undefined || frame < 0) return "not marked";
  return times && times.length > frame ? `frame ${frame}, ${times[frame].toFixed(1)} ms` : `frame ${frame}`;
}

export function message({ live, gone, busy, error, stale, status, note }) {
  // One line: the most urgent thing first
  if (gone) return { kind: "error", text: "The kernel is gone: run the cell again." };
  if (!live) return { kind: "page", text: "Read only: running again needs a kernel. The clip above still scrubs." };
  if (busy) return { kind: "busy", text: "running …" };
  const say = (text) => (note ? `${note}\n${text}` : text);
  if (error) return { kind: "error", text: say(error) };
  if (stale) return { kind: "stale", text: say(`${stale} (the last run is still shown)`) };
  return { kind: "done", text: say(status) };
}

export function asksToRun(event) {
  // "r" runs from anywhere in the workbench, except while typing
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (event.target?.closest?.("input, select, textarea")) return false;
  return event.key === "r" || event.key === "R";
}

const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

const fill = (select, options, chosen) => {
  const same = select.options.length === options.length && options.every((o, k) => select.options[k].value === o);
  if (!same) select.replaceChildren(...options.map((o) => h("option", { value: o }, o)));
  select.value = chosen;
};

const WATCHED = ["targets", "target", "layers", "layer", "marks", "times", "frames", "busy", "status", "error", "stale", "code", "title", "runs"];

class Controls {
  constructor(model, el) {
    Object.assign(this, { model, stop: new AbortController(), queued: 0, note: "", gone: typeof model.send === "function" && !isLive(model, el) });
    this.target = h("select", { "data-role": "target" });
    this.layer = h("select", { "data-role": "layer" });
    this.apex = h("input", { "data-role": "apex", type: "number", min: 0, step: 1 });
    this.time = h("span", { class: "mekit-bench-time" });
    this.run = h("button", { type: "button", "data-role": "run", title: "Recompute prediction and attribution (r)", "aria-keyshortcuts": "r" }, "Run");
    this.line = h("p", { class: "mekit-bench-status", role: "status", "data-role": "status" });
    this.code = h("textarea", { "data-role": "code", readonly: "", rows: 9, spellcheck: "false", "aria-label": "The state as code" });
    this.copy = h("button", { type: "button", "data-role": "copy" }, "Copy");
    this.title = h("div", { class: "mekit-bench-title" });
    this.root = h("div", { class: "mekit-bench-controls", role: "group", "aria-label": "Workbench" }, this.title,
      h("div", { class: "mekit-bench-row" }, h("label", {}, "target", this.target), h("label", {}, "layer", this.layer),
        h("label", { title: "Type a frame, or press a in the scrubber" }, "apex", this.apex), this.time, this.run),
      this.line,
      h("details", {}, h("summary", { "data-role": "as-code" }, "Copy as code"), this.code, this.copy));
    el.append(this.root);
    this.listen();
    this.draw();
  }

  listen() {
    const on = (node, event, act) => node.addEventListener(event, act, { signal: this.stop.signal });
    const put = (name, value) => { this.model.set(name, value); this.save(); };
    keepKeys(this.root, this.stop.signal);
    whenGone(this.model, this.stop.signal, () => this.lost());
    on(this.target, "change", () => put("target", this.target.value));
    on(this.layer, "change", () => put("layer", this.layer.value));
    on(this.apex, "change", () => this.setApex());
    on(this.run, "click", () => this.ask());
    on(this.copy, "click", () => this.copyCode());
    on(this.root, "keydown", (e) => {
      if (e.target.matches("input, select, textarea") && !(e.ctrlKey || e.metaKey || e.altKey)) e.stopPropagation();
      if (e.target === this.apex && e.key === "Enter") { this.setApex(); this.ask(); }
    });
    on(document, "keydown", (e) => {
      const panel = this.root.closest(".mekit-workbench");
      if (panel?.contains(e.target) && asksToRun(e)) { e.preventDefault(); e.stopPropagation(); this.ask(); }
    });
    this.redraw = () => { if (!this.queued) this.queued = requestAnimationFrame(() => this.draw()); };
    WATCHED.forEach((name) => this.model.on(`change:${name}`, this.redraw));
  }

  setApex() {
    const marks = this.model.get("marks"), { frame, note } = typedApex(this.apex.value, marks, this.model.get("frames"));
    if (note || frame !== marks.apex) this.note = note;
    if (frame !== null) this.apex.value = frame;
    if (frame !== null && frame !== marks.apex) {
      this.model.set("marks", { ...marks, apex: frame });
      this.save();
    }
    this.draw();
  }

  save() { if (!trySave(this.model)) this.lost(); }
  lost() { this.gone = true; this.redraw(); }

  ask() {
    if (this.run.disabled) return;
    try { this.model.send({ type: "run" }); } catch { this.lost(); }
  }

  async copyCode() {
    try {
      await navigator.clipboard.writeText(this.code.value);
      this.copy.textContent = "Copied";
    } catch {
      this.code.focus();
      this.code.select();
      this.copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
  }

  draw() {
    this.queued = 0;
    const get = Object.fromEntries(WATCHED.map((name) => [name, this.model.get(name)]));
    const live = typeof this.model.send === "function" && !this.gone;
    if (this.noted !== get.marks.apex && get.marks.apex !== Number(this.apex.value)) this.note = "";
    this.noted = get.marks.apex;
    fill(this.target, get.targets, get.target);
    fill(this.layer, get.layers, get.layer);
    this.apex.max = get.frames - 1;
    if (document.activeElement !== this.apex || this.apex.value === "") this.apex.value = get.marks.apex ?? "";
    this.time.textContent = get.times && get.marks.apex >= 0 ? `${get.times[get.marks.apex].toFixed(1)} ms` : "";
    this.time.title = `onset ${when(get.marks.onset, get.times)}; apex ${when(get.marks.apex, get.times)}`;
    for (const node of [this.target, this.layer, this.apex]) node.disabled = !live;
    this.run.disabled = !live || get.busy;
    const { kind, text } = message({ ...get, live, gone: this.gone, note: this.note });
    this.line.textContent = text;
    this.line.dataset.kind = kind;
    this.title.textContent = get.title;
    if (this.code.value !== get.code) { this.code.value = get.code; this.copy.textContent = "Copy"; }
    this.root.dataset.runs = get.runs;
    this.root.dataset.ready = "true";
  }

  close() {
    cancelAnimationFrame(this.queued);
    this.stop.abort();
    WATCHED.forEach((name) => this.model.off(`change:${name}`, this.redraw));
    this.root.remove();
  }
}

export default {
  render({ model, el }) {
    const controls = new Controls(model, el);
    return () => controls.close();
  },
};
