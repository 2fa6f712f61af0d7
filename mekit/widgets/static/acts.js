// Keys and buttons are names of the same acts (keys.js; data-act). What they do to a scrubber.

import { stepWords, stepsOf } from "./compare.js";
import { actOf, strides } from "./keys.js";
import { MARKS } from "./marks.js";
import { MOVED } from "./view.js";

export class Acts {
  // `host`: the Scrubber
  constructor(host) { this.host = host; }

  // After a click the keyboard is the scrubber's again, so that space plays; who presses a button by keyboard stays on it.
  clicked(e) {
    const { host } = this, button = e.target.closest("button[data-act]");
    if (!button) return;
    this.act(button.dataset.act, e); host.settleSoon();
    if (e.detail && button.contains(document.activeElement)) host.focus();
  }
  key(e) {
    const { host } = this, button = e.target.closest("button");
    if (host.hooks.key?.(e)) { e.preventDefault(); e.stopPropagation(); return; }
    if (e.target.closest("select, input, textarea") || (button && (e.key === " " || e.key === "Enter"))) { e.stopPropagation(); return; }
    const along = e.target.closest("[data-role=divider]") && { ArrowLeft: "wipe:back", ArrowRight: "wipe:on" }[e.key];
    const name = along || actOf(e);
    if (!name || (name === "escape" && !this.escape())) return;
    e.preventDefault(); e.stopPropagation();
    if (name !== "escape") { this.act(name, e); host.settleSoon(); }
  }
  escape() {
    const { host } = this;
    if (!host.help.hidden) host.help.hidden = true;
    else if (host.cross) host.toggleCross();
    else return false;
    return true;
  }

  act(name, e = {}) {
    const [what, k] = name.split(":"), { host } = this, { player, stage } = host, far = strides(e) ? 10 : 1;
    const acts = { back: () => host.step(-far), next: () => host.step(far), first: () => host.step(-host.n), last: () => host.step(host.n), earlier: () => host.jump(-1), later: () => host.jump(1),
      play: () => player.toggle(), slower: () => this.pace(-1), faster: () => this.pace(1), loop: () => this.loop(), undo: () => host.travel("undo"), redo: () => host.travel("redo"),
      pane: () => this.pane(Number(k)), curve: () => host.chart.toggle(Number(k)), in: () => host.zoomBy(2), out: () => host.zoomBy(0.5), whole: () => host.zoomBy(0), move: () => host.moveBy(...MOVED[k], e.shiftKey),
      cross: () => host.toggleCross(), loupe: () => { stage.loupe = !stage.loupe; host.showTools(); host.showSpot(); }, regions: () => this.regions(), wipe: () => this.wipe(k, e.shiftKey),
      sync: () => this.nextWay(), full: () => this.fullScreen(), help: () => { host.help.hidden = !host.help.hidden; } };
    if (MARKS.includes(what)) host.mark(what, e.shiftKey);
    else acts[what]?.();
  }
  pace(d) { this.host.player.pacing(d); this.host.playingChanged(); }
  loop() {
    const { host } = this, { player } = host;
    player.nextLoop(); host.playingChanged();
    if (player.loop === "marks" && !player.range.marked) host.say("loops the whole until two marks are set");
  }
  pane(k) {
    const { host } = this;
    if (k >= host.stage.panes.length) return;
    host.stage.toggle(k) ? host.fit(true) : host.say("the last pane stays");
  }
  regions() {
    const { host } = this, { stage } = host;
    if (!stage.regions.some(r => r.polygon.length)) return host.say("no AU regions are known here");
    stage.all = !stage.all; stage.outline(host.view); host.showTools();
  }
  wipe(k, next) {
    const { host } = this, { stage } = host, { wipe } = stage;
    if (!wipe) return host.say("a wipe needs two panes");
    if (k) return wipe.on ? host.slide(wipe.share + (k === "on" ? 0.02 : -0.02)) : host.say("w opens the wipe");
    if (next && wipe.on) wipe.choose(wipe.left.value, (Number(wipe.right.value) + 1) % stage.panes.length);
    else wipe.on = !wipe.on;
    stage.choose(); host.showTools(); host.fit(true);
    if (wipe.on) host.say(`wipe: ${wipe.shown.map(p => p.name).join(" | ")}`);
  }
  nextWay() {
    const { host } = this;
    if (!host.second) return host.say("there is no second clip");
    const ways = stepsOf(...host.sides);
    host.way = ways[(ways.indexOf(host.way) + 1) % ways.length];
    host.again(); host.say(stepWords(...host.sides, host.way));
  }
  fullScreen() {
    const { host } = this, refuse = () => host.say("full screen is not offered here");
    if (document.fullscreenElement) document.exitFullscreen();
    else if (host.root.requestFullscreen) host.root.requestFullscreen().catch(refuse); else refuse();
  }
}
