import assert from "node:assert/strict";
import test from "node:test";
import { Player, dueFrame, loopRange, rateText } from "../../mekit/widgets/static/player.js";

// A player on a screen of 60 Hz whose clock the test turns: `late` beats are missed, `slow` frames wait that many beats to be shown.
const playing = ({ times, end, speed = 1, loop = "whole", marks = {}, beats, late = [], slow = {}, at = 0 }) => {
  let now = 1000, due = 0;
  globalThis.requestAnimationFrame = () => 1; globalThis.cancelAnimationFrame = () => {};
  globalThis.performance.now = () => now;
  const drawn = [], told = [], host = { wanted: at, shown: at, marks, failed: null, playingChanged() {}, stopped() { drawn.push("stopped"); }, rateChanged(t) { told.push(t); },
    go(i) { host.wanted = i; due = slow[i] ?? 0; if (!due) { host.shown = i; drawn.push(i); } } };
  const player = new Player(host, times, end);
  Object.assign(player, { speed, loop });
  player.start();
  for (let b = 1; b <= beats; b++) {
    now += 1000 / 60;
    if (host.shown !== host.wanted && --due <= 0) { host.shown = host.wanted; drawn.push(host.wanted); }
    if (!late.includes(b)) player.tick(now);
  }
  return { drawn, told: told.filter(Boolean), host, player };
};
const even = (n, step) => ({ times: Array.from({ length: n }, (_, i) => i * step), end: n * step });

test("between the marks, the whole, or the whole until two marks differ", () => {
  assert.deepEqual(loopRange("marks", { onset: 4, offset: 9 }, 20), { first: 4, last: 9, marked: true });
  assert.deepEqual(loopRange("marks", { apex: 4 }, 20), { first: 0, last: 19, marked: false });
  assert.deepEqual(loopRange("marks", { onset: 4, apex: 4 }, 20), { first: 0, last: 19, marked: false });
  assert.deepEqual(loopRange("whole", { onset: 4, offset: 9 }, 20), { first: 0, last: 19, marked: false });
});

test("only frames shorter than a refresh are left out", () => {
  const times = [0, 5, 10, 15, 60, 65], end = 70;
  assert.equal(dueFrame(times, end, 0, 5, 1, 16), 3);       // frame 3 stands for 45 ms
  assert.equal(dueFrame(times, end, 3, 5, 1, 16), 5);
  assert.equal(dueFrame(times, end, 0, 5, 0.1, 16), 1);     // slowed: each stands long enough
});

test("slowed, every frame is drawn, however late the screen is", () => {
  const { drawn } = playing({ ...even(30, 5), speed: 0.1, beats: 80, late: [10, 11, 12, 13, 14, 15, 16, 17, 18, 40, 41, 42] });
  assert.deepEqual(drawn, Array.from({ length: drawn.length }, (_, k) => k + 1));
  assert.ok(drawn.length >= 24, `${drawn.length}`);         // 80 beats are 1333 ms: 26 frames of 50 ms
});

test("slowed, a frame that is slow to decode is waited for, not jumped", () => {
  const { drawn } = playing({ ...even(30, 5), speed: 0.1, beats: 80, slow: { 4: 9, 5: 3 } });
  assert.deepEqual(drawn, Array.from({ length: drawn.length }, (_, k) => k + 1));
});

test("at full speed 200 frames a second keep to their time stamps on a screen of 60", () => {
  const { drawn, told } = playing({ ...even(400, 5), beats: 60 });
  assert.ok(Math.abs(drawn.at(-1) - 200) <= 4, `${drawn.at(-1)}`);
  assert.ok(drawn.length >= 58 && drawn.length <= 61);
  assert.match(told[0], /draws (59|60|61) of 200 frames\/s/);
});

test("a clip of 60 frames a second is drawn whole, and a rate that is reached is not spoken of", () => {
  const { drawn, told } = playing({ ...even(200, 1000 / 60), beats: 120 });
  assert.deepEqual(drawn, Array.from({ length: drawn.length }, (_, k) => k + 1));
  assert.ok(drawn.length >= 118);
  assert.deepEqual(told, []);
});

test("where every frame is drawn nothing is said of a rate: in slow motion, with uneven times, with one frame or two", () => {
  const uneven = Array.from({ length: 120 }, (_, i) => i < 60 ? 20 * i : 1200 + 200 * (i - 60));
  const clips = [{ ...even(40, 5), speed: 0.01, beats: 200 }, { times: uneven, end: 13200, beats: 300, at: 40 }, { ...even(1, 40), speed: 0.2, beats: 120 }, { ...even(2, 40), speed: 0.2, beats: 200 }];
  for (const clip of clips) assert.deepEqual(playing(clip).told, []);
});

test("what cannot keep up says at what speed it really runs", () => {
  const slow = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [i, 60]));       // a second to show each
  const { told } = playing({ ...even(400, 40), beats: 400, slow });
  assert.match(told.at(-1), /runs at 0\.\d+×/);
});

test("between the marks it turns at the last one, starts at the first, and draws both", () => {
  const { drawn } = playing({ ...even(40, 40), loop: "marks", marks: { onset: 10, offset: 14 }, beats: 60, at: 30 });
  assert.equal(drawn[0], 10);
  assert.deepEqual(drawn.slice(0, 12), [10, 11, 12, 13, 14, 10, 11, 12, 13, 14, 10, 11]);
});

test("loops keep the time, though a turn falls between two refreshes: 27 of 185 ms take five seconds", () => {
  const { drawn } = playing({ ...even(5, 37), beats: 300 });
  assert.ok(Math.abs(drawn.filter(i => i === 0).length - 27) <= 1, `${drawn.filter(i => i === 0).length}`);
});

test("without a loop it starts again from the end", () => {
  assert.deepEqual(playing({ ...even(5, 40), loop: "off", beats: 20, at: 4 }).drawn.slice(0, 3), [0, 1, 2]);
});

test("without a loop it stops on the last frame and says so", () => {
  const { drawn, player } = playing({ ...even(5, 40), loop: "off", beats: 60 });
  assert.deepEqual(drawn, [1, 2, 3, 4, "stopped"]);
  assert.equal(player.playing, false);
});

test("a frame that cannot be decoded does not hold the rest up", () => {
  const times = even(10, 40);
  globalThis.performance.now = () => 0;
  const host = { wanted: 0, shown: 0, failed: null, marks: {}, playingChanged() {}, stopped() {}, rateChanged() {}, go(i) { host.wanted = i; if (i === 3) host.failed = 3; else host.shown = i; } };
  const player = new Player(host, times.times, times.end);
  player.start();
  for (let t = 0; t < 390; t += 16) player.tick(t);
  assert.equal(host.shown, 9);
});

test("the rate says what is missing, and nothing where nothing is", () => {
  assert.equal(rateText(60, 60, 1, 1), "");
  assert.equal(rateText(60, 200, 1, 1), "draws 60 of 200 frames/s");
  assert.equal(rateText(20, 25, 0.8, 0.5), "draws 20 of 25 frames/s, runs at 0.4×");
});
