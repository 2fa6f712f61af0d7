// Playing by the clip's own times. The clock is true; what cannot be drawn in time is drawn late and said, and only frames shorter than a screen refresh are left out.

import { clamp, indexAt } from "./draw.js";
import { marksSet } from "./marks.js";

export const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
export const LOOPS = ["off", "whole", "marks"];

// First and last frame to play; between the marks only where two are set on different frames.
export const loopRange = (loop, marks, n) => {
  const places = marksSet(marks).map(m => marks[m]), first = Math.min(...places), last = Math.max(...places);
  return loop === "marks" && places.length > 1 && first < last ? { first, last, marked: true } : { first: 0, last: n - 1, marked: false };
};

// The frame to draw on the way from `from` to `to`: the first whose time on the screen is a refresh or longer, else `to`.
export const dueFrame = (times, end, from, to, speed, refresh) => {
  for (let j = from + 1; j < to; j++) if (((times[j + 1] ?? end) - times[j]) / speed >= refresh) return j;
  return to;
};

// "draws 60 of 200 frames/s" or, behind its clock, "runs at 0.07×"; empty where every frame is drawn in time.
export const rateText = (drawn, due, reached, speed) => [
  drawn < 0.93 * due ? `draws ${Math.round(drawn)} of ${Math.round(due)} frames/s` : "",
  reached < 0.93 ? `runs at ${Number((reached * speed).toPrecision(2))}\u00d7` : ""].filter(Boolean).join(", ");

const LATE = 400, WINDOW = 500;     // ms behind before the clock waits; ms between two readings of the rate

// `host`: wanted, shown, marks, go(i), and playingChanged(), rateChanged(text), stopped() to be told.
export class Player {
  constructor(host, times, end) {
    Object.assign(this, { host, times, end, n: times.length, playing: false, speed: 1, loop: "whole", refresh: 16, beats: new Float64Array(12).fill(17), beatCount: 0, last: 0 });
    this.tick = this.tick.bind(this);
  }
  get range() { return loopRange(this.loop, this.host.marks, this.n); }
  endOf(range) { return range.last === this.n - 1 ? this.end : this.times[range.last + 1]; }

  start() {
    this.playing = true; this.last = 0;
    if (this.loop === "off" && this.host.wanted === this.n - 1) this.host.go(0);
    this.anchor(performance.now()); this.measure(performance.now());
    this.host.playingChanged();
    this.beat = requestAnimationFrame(this.tick);
  }
  pause(silent) {
    if (!this.playing) return;
    this.playing = false; cancelAnimationFrame(this.beat);
    this.host.rateChanged(""); this.host.playingChanged();
    if (!silent) this.host.stopped();
  }
  toggle() { this.playing ? this.pause() : this.start(); }

  anchor(now) { this.since = now; this.from = this.times[this.host.wanted]; }
  measure(now) { this.measured = now; this.drawn = 0; this.due = 0; this.lost = 0; }

  tick(now) {
    if (!this.playing) return;
    this.beat = requestAnimationFrame(this.tick);
    this.listen(now);
    const { host, times } = this, range = this.range, end = this.endOf(range), waits = host.shown !== host.wanted && host.failed !== host.wanted;
    const time = this.from + Math.max(0, now - this.since) * this.speed;
    if (!waits) this.advance(now, time, range, end, times);
    else if (now - this.since > LATE && (time - times[host.wanted]) / this.speed > LATE) this.wait(now);
    if (now - this.measured > WINDOW) this.tell(now, range, end);
  }

  // How long a refresh of this screen is: a short one of the last twelve, since a busy page only ever makes them longer.
  listen(now) {
    if (this.last) this.beats[this.beatCount++ % this.beats.length] = now - this.last;
    if (this.beatCount % this.beats.length === 0) this.refresh = 0.95 * this.beats.sort()[2];
    this.last = now;
  }

  advance(now, time, range, end, times) {
    const { host } = this, to = time >= end ? range.last : Math.min(range.last, indexAt(times, time));
    const i = to > host.wanted ? dueFrame(times, this.end, host.wanted, to, this.speed, this.refresh) : to;
    if (host.wanted === range.last && time >= end) return this.turn(now, time - end, range);
    if (host.wanted < range.first || host.wanted > range.last) { host.go(range.first); return this.anchor(now); }
    if (i <= host.wanted) return;
    this.due += i - host.wanted; this.drawn++;
    host.go(i);
    if ((time - times[i]) / this.speed > LATE) this.wait(now);
  }

  // Back to the start, and no beat lost: what the last frame overstayed is taken off the first.
  turn(now, over, range) {
    if (this.loop === "off") return this.pause();
    if (range.first !== range.last) { this.host.go(range.first); this.due++; this.drawn++; }
    this.anchor(now); this.since -= Math.min(over / this.speed, this.refresh);
  }

  // Too far behind to catch up: go on from here, and own up to it.
  wait(now) {
    const late = now - this.since - (this.times[this.host.wanted] - this.from) / this.speed;
    this.lost += Math.max(0, late); this.anchor(now);
  }

  tell(now, range, end) {
    const wall = now - this.measured, rate = 1000 * this.speed * (range.last - range.first + 1) / (end - this.times[range.first]);
    this.host.rateChanged(rateText(rate * this.drawn / (this.due || 1), this.due ? rate : 0, clamp(1 - this.lost / wall, 0, 1), this.speed));
    this.measure(now);
  }

  pacing(d) {
    this.speed = SPEEDS[clamp(SPEEDS.indexOf(this.speed) + d, 0, SPEEDS.length - 1)];
    if (this.playing) { this.anchor(performance.now()); this.measure(performance.now()); }
  }
  nextLoop() {
    this.loop = LOOPS[(LOOPS.indexOf(this.loop) + 1) % LOOPS.length];
    if (this.playing) this.anchor(performance.now());
  }
}
