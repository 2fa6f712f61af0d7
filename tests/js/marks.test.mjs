import assert from "node:assert/strict";
import test from "node:test";
import * as m from "../../mekit/widgets/static/marks.js";

test("marks keep their order by refusing", () => {
  const marks = { onset: 4, apex: 9 };
  assert.deepEqual(m.setMark(marks, "offset", 20).marks, { onset: 4, apex: 9, offset: 20 });
  assert.match(m.setMark(marks, "onset", 10).problem, /onset 10 would lie after the apex at 9/);
  assert.match(m.setMark(marks, "apex", 2).problem, /apex 2 would lie before the onset at 4/);
  assert.deepEqual(m.setMark(marks, "onset", 10).marks, marks);
  assert.deepEqual(m.setMark(marks, "apex", null).marks, { onset: 4 });
  assert.equal(m.setMark({ onset: 5 }, "offset", 5).problem, undefined);
});

test("jumps go to the nearest mark on that side, never to the one they stand on", () => {
  const marks = { onset: 4, apex: 9, offset: 9 };
  assert.deepEqual(m.markBeyond(marks, 4, 1), { frame: 9, names: ["apex", "offset"] });
  assert.deepEqual(m.markBeyond(marks, 20, -1), { frame: 9, names: ["apex", "offset"] });
  assert.equal(m.markBeyond(marks, 9, 1), null);
  assert.equal(m.markBeyond(marks, 4, -1), null);
  assert.equal(m.markBeyond({}, 4, 1), null);
});

test("undo walks back through every state, redo forward, and a new mark ends the future", () => {
  const past = new m.History({ onset: 1 });
  past.put({ onset: 1, apex: 5 }); past.put({ onset: 1, apex: 7 });
  assert.deepEqual([past.undo(), past.undo(), past.undo()], [{ onset: 1, apex: 5 }, { onset: 1 }, null]);
  assert.deepEqual(past.redo(), { onset: 1, apex: 5 });
  past.put({ apex: 5 });
  assert.equal(past.redo(), null);
  assert.deepEqual(past.undo(), { onset: 1, apex: 5 });
});

test("the echo of a change is no step, and states are kept as they were", () => {
  const marks = { onset: 1 }, past = new m.History(marks);
  assert.equal(past.put({ onset: 1, apex: null }), false);
  marks.onset = 99;
  past.put({ onset: 2 });
  assert.deepEqual(past.undo(), { onset: 1 });
});

test("the past is bounded", () => {
  const past = new m.History({}, 3);
  for (let k = 1; k < 9; k++) past.put({ onset: k });
  const walked = [];
  for (let s; (s = past.undo());) walked.push(s.onset);
  assert.deepEqual(walked, [7, 6, 5]);
});

test("a step through the past is told in words", () => {
  assert.equal(m.changeWords({ onset: 3, apex: 4 }, { apex: 6, offset: 9 }), "onset cleared; apex at 6 instead of 4; offset at 9");
});
