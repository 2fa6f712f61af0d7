import assert from "node:assert/strict";
import test from "node:test";
import { isLive, keepKeys, trySave, whenGone } from "../../mekit/widgets/static/lab.js";

const spoken = () => {
  const heard = new Map();
  return { heard, on: (e, f) => heard.set(f, e), off: (e, f) => heard.delete(f), tell: () => [...heard.keys()].forEach(f => f()) };
};

test("the end of a kernel is heard once, and not after the widget is gone itself", () => {
  const model = spoken(), stop = new AbortController();
  let times = 0;
  whenGone(model, stop.signal, () => times++);
  model.tell(); model.tell();
  assert.equal(times, 1);
  whenGone(model, stop.signal, () => times++);
  stop.abort();
  model.tell();
  assert.deepEqual([times, model.heard.size], [1, 0]);
});

test("a page is not live, nor is a view that the notebook marks as disconnected", () => {
  const el = (marked) => ({ closest: (what) => (marked && what === ".jupyter-widgets-disconnected" ? {} : null) });
  assert.deepEqual([isLive({}, el(false)), isLive({ send() {} }, el(false)), isLive({ send() {} }, el(true))], [false, true, false]);
});

test("a save that nobody can hear is told, not thrown", () => {
  assert.equal(trySave({ save_changes() {} }), true);
  assert.equal(trySave({ save_changes() { throw new Error("Cannot send"); } }), false);
});

test("keys with a modifier go to the notebook, but for those the widget claims; plain keys stay", () => {
  const heard = [], attributes = new Set(), stop = new AbortController();
  globalThis.window = { addEventListener: (_, act) => heard.push(act) };
  const root = { contains: () => true, setAttribute: name => attributes.add(name), toggleAttribute: (name, on) => (on ? attributes.add(name) : attributes.delete(name)) };
  keepKeys(root, stop.signal, e => e.key === "z");
  const kept = e => { heard[0]({ target: root, ...e }); return attributes.has("data-lm-suppress-shortcuts"); };
  assert.deepEqual([kept({ key: "x" }), kept({ key: "s", ctrlKey: true }), kept({ key: "z", ctrlKey: true }), kept({ key: "s", metaKey: true }), kept({ key: "x" })], [true, false, true, false, true]);
  delete globalThis.window;
});
