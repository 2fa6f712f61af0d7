import assert from "node:assert/strict";
import test from "node:test";
import * as bench from "../../mekit/widgets/static/workbench.js";

test("a typed apex is rounded, kept between onset and offset and said where it was not, and nonsense is refused", () => {
  const marks = { onset: 8, offset: 22 };
  for (const [typed, frame] of [["12", 12], ["12.6", 13], ["8", 8], ["22", 22], ["", null], ["x", null], [null, null]])
    assert.deepEqual(bench.typedApex(typed, marks, 40), { frame, note: "" });
  assert.deepEqual(bench.typedApex("35", marks, 40), { frame: 22, note: "frame 35 is outside onset 8 to offset 22; 22 taken" });
  assert.deepEqual(bench.typedApex("-5", marks, 40), { frame: 9, note: "frame -5 is outside onset 8 to offset 22; 9 taken" });
  assert.deepEqual(bench.typedApex("99", {}, 40), { frame: 39, note: "frame 99 is outside the first frame, 0, to the last, 39; 39 taken" });
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
  assert.equal(bench.message({ ...state, live: false, gone: true, busy: true }).text, "The kernel is gone: run the cell again.");
  assert.equal(bench.message({ ...state, stale: "apex moved", note: "22 taken" }).text, "22 taken\napex moved (the last run is still shown)");
});

test("r runs, except while typing; browser shortcuts pass", () => {
  const at = (selector) => ({ closest: (list) => (list.includes(selector) ? {} : null) });
  assert.equal(bench.asksToRun({ key: "r", target: at("canvas") }), true);
  assert.equal(bench.asksToRun({ key: "r", target: at("input") }), false);
  assert.equal(bench.asksToRun({ key: "r", target: at("textarea") }), false);
  assert.equal(bench.asksToRun({ key: "Enter", target: at("button") }), false);
  assert.equal(bench.asksToRun({ key: "r", ctrlKey: true, target: at("canvas") }), false);
});
