import assert from "node:assert/strict";
import test from "node:test";
import { KEYS, actOf, strides } from "../../mekit/widgets/static/keys.js";

const press = (key, more = {}) => actOf({ key, ...more });

test("keys mean what they meant", () => {
  const want = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last", " ": "play", ",": "slower", ".": "faster", o: "onset", A: "apex", F: "offset", 1: "pane:0", 9: "pane:8",
    "+": "in", "-": "out", 0: "whole", l: "loop", "[": "earlier", "]": "later", u: "undo", y: "redo", x: "cross", g: "loupe", e: "regions", w: "wipe", s: "sync", v: "full", "?": "help" };
  for (const [key, act] of Object.entries(want)) assert.equal(press(key), act, key);
  for (const key of ["b", "r", "m", "Enter", "Tab", "constructor", "F5"]) assert.equal(press(key), null, key);
});

test("shortcuts of the browser and the notebook pass, undo and redo do not", () => {
  for (const key of ["s", "c", "l", "1", "+", "0", "ArrowLeft"]) assert.equal(press(key, { ctrlKey: true }), null, key);
  assert.deepEqual([press("z", { ctrlKey: true }), press("Z", { metaKey: true, shiftKey: true }), press("y", { ctrlKey: true })], ["undo", "redo", "redo"]);
  assert.equal(press("z"), null);
});

test("alt and arrows move, and alt takes nothing else", () => {
  assert.deepEqual([press("ArrowUp", { altKey: true }), press("ArrowLeft", { altKey: true, shiftKey: true })], ["move:up", "move:left"]);
  assert.equal(press("o", { altKey: true }), null);
});

test("brackets typed with AltGr and digits typed with shift still count", () => {
  assert.equal(press("[", { ctrlKey: true, altKey: true, getModifierState: m => m === "AltGraph" }), "earlier");
  assert.equal(press("&", { code: "Digit1" }), "pane:0");
  assert.equal(press("\u00e0", { code: "Digit0" }), "whole");
  assert.equal(press("!", { code: "Digit1", shiftKey: true }), null);
});

test("shift and the page keys stride", () => {
  assert.deepEqual([strides({ key: "ArrowLeft", shiftKey: true }), strides({ key: "PageUp" }), strides({ key: "ArrowLeft" })], [true, true, false]);
});

test("the help names every key", () => {
  const named = KEYS.map(([keys, what]) => `${keys} ${what}`).join(" ");
  for (const key of [..."oaflxgewsvuy,.[]+?<>0", "space", "home", "end", "ctrl z", "alt", "shift", "escape"]) assert.ok(named.includes(key), key);
});
