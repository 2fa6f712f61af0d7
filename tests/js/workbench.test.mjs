import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const source = readFileSync(new URL("../../mekit/widgets/static/workbench.js", import.meta.url), "utf8");
const bench = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);

test("a typed frame is rounded, kept between onset and offset, and nonsense is refused", () => {
  for (const [typed, frame] of [["12", 12], ["12.6", 13], ["-4", 3], ["99", 40], ["", null], ["x", null], [null, null]])
    assert.equal(bench.clampFrame(typed, 3, 40), frame);
});

test("milliseconds are named only where the clip has times", () => {
  assert.equal(bench.when(2, [0, 5, 10]), "frame 2, 10.0 ms");
  assert.equal(bench.when(2, null), "frame 2");
  assert.equal(bench.when(undefined, [0]), "not marked");
});

test("one line, the most urgent first; an error does not hide behind a stale run", () => {
  const state = { live: true, busy: false, error: "", stale: "", status: "run 1" };
  assert.deepEqual(bench.message(state), { kind: "done", text: "run 1" });
  assert.equal(bench.message({ ...state, stale: "apex moved" }).kind, "stale");
  assert.equal(bench.message({ ...state, stale: "apex moved", error: "no" }).text, "no");
  assert.equal(bench.message({ ...state, error: "no", busy: true }).kind, "busy");
  assert.equal(bench.message({ ...state, live: false, error: "no" }).kind, "page");
});

test("r runs, except while typing; browser shortcuts pass", () => {
  const at = (selector) => ({ closest: (list) => (list.includes(selector) ? {} : null) });
  assert.equal(bench.asksToRun({ key: "r", target: at("canvas") }), true);
  assert.equal(bench.asksToRun({ key: "r", target: at("input") }), false);
  assert.equal(bench.asksToRun({ key: "r", target: at("textarea") }), false);
  assert.equal(bench.asksToRun({ key: "Enter", target: at("button") }), false);
  assert.equal(bench.asksToRun({ key: "r", ctrlKey: true, target: at("canvas") }), false);
});
