// The buttons below the frames. Each bears the name of its act (data-act), and says its state.

import { ms } from "./draw.js";
import { MARKS } from "./marks.js";
import { h, write } from "./panes.js";

const buttonOf = (act, label, text, keys) =>
  h("button", { type: "button", "data-act": act, "aria-label": label, title: keys ? `${label} (${keys})` : label }, text);
const pressed = (node, on) => node.setAttribute("aria-pressed", !!on);

export const helpButton = () => buttonOf("help", "Keys", "?", "?");

export class Controls {
  constructor(panes, { regions, two }) {
    const group = (...nodes) => h("span", { class: "m-group" }, ...nodes);
    this.play = buttonOf("play", "Play", "play", "space"); this.looper = buttonOf("loop", "Loop", "loop", "l");
    this.pace = h("span", { class: "m-pace" }); this.rate = h("span", { class: "m-rate", hidden: "" }); this.scale = h("span", { class: "m-pace" }, "whole");
    this.marker = Object.fromEntries(MARKS.map((m, k) => [m, buttonOf(m, `Set ${m}`, m, "oaf"[k])]));
    this.undo = buttonOf("undo", "Undo marks", "\u21b6", "u, ctrl z"); this.redo = buttonOf("redo", "Redo marks", "\u21b7", "y, ctrl y");
    this.toggles = panes.map((p, k) => buttonOf(`pane:${k}`, `${k + 1} ${p.name}: show or hide this pane`, `${k + 1} ${p.name}`, k < 9 ? k + 1 : ""));
    this.tools = { cross: buttonOf("cross", "Reading cross", "cross", "x"), loupe: buttonOf("loupe", "Loupe", "loupe", "g"),
      ...(regions ? { regions: buttonOf("regions", "AU regions", "regions", "e") } : {}), ...(two ? { wipe: buttonOf("wipe", "Wipe", "wipe", "w") } : {}), full: buttonOf("full", "Full screen", "full screen", "v") };
    this.status = h("p", { class: "m-status", role: "status" });
    this.node = h("div", { class: "m-bar" },
      group(buttonOf("back", "Previous frame", "\u2039", "left"), this.play, buttonOf("next", "Next frame", "\u203a", "right")),
      group(buttonOf("slower", "Slower", "\u2212", ","), this.pace, buttonOf("faster", "Faster", "+", "."), this.looper),
      group(buttonOf("earlier", "Previous mark", "[", "["), ...MARKS.map(m => this.marker[m]), buttonOf("later", "Next mark", "]", "]")),
      group(this.undo, this.redo),
      group(buttonOf("out", "Zoom out", "\u2296", "-"), this.scale, buttonOf("in", "Zoom in", "\u2295", "+")),
      group(...Object.values(this.tools)), panes.length > 1 ? group(...this.toggles) : null);
  }

  showMarks(marks, times, history) {
    MARKS.forEach((m, k) => {
      const i = marks[m], node = this.marker[m];
      write(node, `${m} ${i ?? "\u2013"}`); node.classList.toggle("m-set", i != null);
      node.setAttribute("aria-label", `Set ${m}, ${i == null ? "not set" : `now at frame ${i}`}`);
      node.title = `Set ${m} here (${"oaf"[k]}), clear with shift` + (i != null && times ? `; at ${ms(times[i])}` : "");
    });
    this.undo.setAttribute("aria-disabled", !history.past.length); this.redo.setAttribute("aria-disabled", !history.future.length);
  }
  showPlaying({ playing, speed, loop, range }) {
    write(this.pace, `${speed}\u00d7`); write(this.play, playing ? "pause" : "play"); this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    const text = { off: "loop off", whole: "loop whole", marks: range.marked ? `loop ${range.first}\u2013${range.last}` : "loop marks" }[loop];
    write(this.looper, text); this.looper.setAttribute("aria-label", `${text}: change`); pressed(this.looper, loop !== "off");
  }
  showRate(text) { this.rate.hidden = !text; write(this.rate, text); }
  showZoom(zoom) { write(this.scale, zoom > 1 ? `${Number(zoom.toFixed(zoom < 10 ? 1 : 0))}\u00d7` : "whole"); }
  showTool(name, on) { if (this.tools[name]) pressed(this.tools[name], on); }
  showPanes(hidden) { this.toggles.forEach((t, k) => pressed(t, !hidden.has(k))); }
}
