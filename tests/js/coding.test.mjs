import assert from "node:assert/strict";
import { test } from "node:test";
import { askedOf, chooseAu, clipNow, codeOf, codingKey, framesOf, isChange, keysNow, lengthOf, lookedOf, lookingKey, markSet, marksMoved, noteOf, noteWritten, notCoding, queueText, savedText, unsavedText } from "../../mekit/widgets/static/coding.js";

const AUS = { 1: "Inner brow raiser", 4: "Brow lowerer", 12: "Lip corner puller" };
const event = (more = {}) => ({ number: 12, side: "L", intensity: "B", certain: true, onset: 3, apex: 9, offset: 20, note: "", ...more });

// A coder at a page: keys in, changes out; the scrubber is a place and marks that keep their order.
class Coder {
  constructor(events = [], clip = { kind: "open", certain: true, note: "" }) {
    Object.assign(this, { state: notCoding(), events, clip, marks: {}, frame: 0, sent: [], said: "", clips: [], notes: 0 });
  }
  get context() { return { marks: this.marks, events: this.events, clip: this.clip, position: 3, aus: AUS }; }
  at(frame) { this.frame = frame; return this; }
  press(...keys) {
    for (const key of keys) { const result = codingKey(this.state, key, this.context); this.taken = result !== null; if (result) this.follow(result); }
    return this;
  }
  follow({ state, effects }) {
    this.state = state;
    for (const [what, value, kind] of effects) {
      if (what === "say") [this.said, this.tone] = [value, kind];
      if (what === "send") this.sent.push(value);
      if (what === "clip") this.clips.push(value);
      if (what === "go") this.frame = value;
      if (what === "marks") this.marks = { ...value };
      if (what === "clear") { this.marks = { ...this.marks }; delete this.marks[value]; }
      if (what === "note") this.notes++;
      if (what === "mark") { this.marks = { ...this.marks, [value]: this.frame }; return this.follow(markSet(this.state, value, this.marks)); }
    }
  }
  get change() { return this.sent.at(-1); }
}

test("one event, in the order of a FACS pass", () => {
  const c = new Coder(), steps = [];
  for (const [frame, key] of [[0, "1"], [0, "2"], [0, "Enter"], [3, "Enter"], [9, "Enter"], [20, "Enter"], [20, "b"], [20, "l"]]) { c.at(frame).press(key); steps.push(c.state.step); }
  assert.deepEqual(steps, ["au", "au", "onset", "apex", "offset", "intensity", "side", "browse"]);
  assert.deepEqual(c.sent, [{ op: "add", event: event() }]);
  assert.deepEqual(c.marks, {});
});

test("the unit and its onset in one go; own letters; capital letters; both sides", () => {
  const c = new Coder().at(5).press("4", "o").at(7).press("a").at(8).press("f", "C", "B");
  assert.deepEqual(c.change.event, event({ number: 4, onset: 5, apex: 7, offset: 8, intensity: "C", side: null }));
});

test("what is not seen or not graded stays null, and an event needs one mark at least", () => {
  const c = new Coder().at(5).press("1", "Enter", "x", "Enter", "x", "x", "r");
  assert.deepEqual(c.change.event, event({ number: 1, onset: null, apex: 5, offset: null, intensity: null, side: "R" }));
  const none = new Coder().press("1", "Enter", "x", "x", "x", "a", "b");
  assert.equal(none.sent.length, 0); assert.equal(none.state.step, "onset"); assert.match(none.said, /needs an onset/);
});

test("a is the intensity when that is asked, and the scrubber's apex when the onset is", () => {
  const c = new Coder().press("1", "2", "Enter").press("a");
  assert.equal(c.taken, false);
  assert.equal(codingKey(c.state, "l", c.context), null);
  c.press("Enter", "Enter", "Enter").press("a");
  assert.equal(c.state.draft.intensity, "A");
  c.press("l"); assert.equal(c.change.event.side, "L");
});

test("two marks on one frame are kept and said; marks on frames of their own are not", () => {
  const c = new Coder().press("1", "2", "Enter").at(3).press("Enter"); assert.equal(c.said, "");
  c.press("Enter"); assert.equal(c.state.step, "offset"); assert.match(c.said, /onset and apex on one frame/); assert.equal(c.tone, undefined);
  c.said = ""; c.at(9).press("Enter"); assert.equal(c.said, ""); assert.deepEqual(c.marks, { onset: 3, apex: 3, offset: 9 });
  const left = new Coder().press("1", "2", "Enter").at(3).press("Enter", "x", "Enter"); assert.match(left.said, /onset and offset on one frame/);
});

test("what has been done is said in another tone than what cannot be", () => {
  const c = new Coder().press("1", "2", "Enter").at(3).press("Enter", "x", "x", "b", "l"); assert.deepEqual([c.said, c.tone], ["L12B added", "done"]);
  c.press("n"); assert.equal(c.tone, undefined); assert.match(c.said, /Nothing is coded/);
});

test("without Python events can be looked at, and every other key is the scrubber's", () => {
  const c = new Coder([event(), event({ number: 4, onset: 30, apex: 33, offset: 40 })]);
  for (const key of ["1", "0", "n", "p", "s", "u", "t", "z", "x", "o", "Enter", "Delete", "Backspace", "ArrowLeft"]) assert.equal(lookingKey(c.state, key, c.context), null, key);
  assert.match(lookedOf(c.state, c.context), /show the marks/);
  c.follow(lookingKey(c.state, "ArrowUp", c.context)); assert.deepEqual(c.marks, { onset: 30, apex: 33, offset: 40 }); assert.equal(lookedOf(c.state, c.context), "Event 2 of 2: AU 4, Brow lowerer");
  for (const key of ["Enter", "Delete", "u", "t"]) assert.equal(lookingKey(c.state, key, c.context), null, key);
  c.follow(lookingKey(c.state, "Escape", c.context)); assert.deepEqual(c.marks, {}); assert.equal(c.sent.length, 0);
  assert.match(lookedOf(notCoding(), new Coder([], { kind: "none", certain: true, note: "" }).context), /No event here. This clip: no AU/);
});

test("how long an event is", () => {
  const times = Array.from({ length: 30 }, (_, i) => i * 5 + 0.3);
  assert.equal(lengthOf(event(), times), "85 ms"); assert.equal(lengthOf(event({ offset: null }), times), "30 ms");
  assert.equal(lengthOf(event({ apex: null, offset: null }), times), ""); assert.equal(lengthOf(event(), null), "");
});

test("keys that have no answer are taken and explained, never acted on", () => {
  const c = new Coder().press("1", "2", "Enter", "Enter", "Enter", "Enter");
  for (const key of ["f", "o", "n", "s", "z", "g", "Delete", "Enter", "7"]) { c.said = ""; c.press(key); assert.equal(c.taken, true, key); assert.equal(c.state.step, "intensity", key); assert.notEqual(c.said, "", key); }
  for (const key of ["ArrowLeft", " ", ",", "+", "?"]) { c.press(key); assert.equal(c.taken, false, key); }
  const marks = new Coder().press("1", "2", "Enter");
  for (const key of ["n", "p", "s", "z", "5", "Delete"]) { marks.press(key); assert.equal(marks.taken, true, key); assert.equal(marks.state.step, "onset"); }
  assert.equal(c.sent.length + marks.sent.length + marks.clips.length, 0);
});

test("back, one step at a time, to the number and out", () => {
  const c = new Coder().press("1", "2", "Enter").at(3).press("Enter").at(9).press("Enter").at(20).press("Enter", "b");
  c.press("Backspace"); assert.equal(c.state.step, "intensity");
  c.press("Backspace"); assert.equal(c.state.step, "offset"); assert.equal(c.frame, 20); assert.deepEqual(c.marks, { onset: 3, apex: 9 });
  c.press("Backspace", "Backspace"); assert.equal(c.state.step, "onset"); assert.deepEqual(c.marks, {});
  c.press("Backspace"); assert.equal(c.state.step, "au"); assert.equal(c.state.typed, "12");
  c.press("Backspace", "4"); assert.equal(c.state.typed, "14");
  c.press("Backspace", "Backspace", "Backspace", "4", "Enter"); assert.equal(c.state.draft.number, 4);
  c.press("Escape"); assert.deepEqual(c.state, notCoding()); assert.equal(c.sent.length, 0);
});

test("a mark set before the unit counts", () => {
  const c = new Coder(); c.marks = { onset: 2 };
  c.press("1", "2", "Enter"); assert.equal(c.state.step, "apex");
});

test("marks moved by pointer or undone: an answer that is gone is asked for again", () => {
  const c = new Coder().press("1", "2", "Enter").at(3).press("Enter").at(9).press("Enter");
  assert.equal(c.state.step, "offset");
  c.marks = { onset: 3, apex: 9, offset: 20 }; c.follow(marksMoved(c.state, c.marks, ["offset"])); assert.equal(c.state.step, "intensity");
  c.marks = { apex: 9, offset: 20 }; c.follow(marksMoved(c.state, c.marks, [])); assert.equal(c.state.step, "onset");
  c.at(4).press("Enter"); assert.equal(c.state.step, "intensity");
  c.press("b", "b"); assert.deepEqual(c.change.event, event({ onset: 4, side: null }));
});

test("units that are not coded here are refused", () => {
  const c = new Coder().press("9", "Enter");
  assert.match(c.said, /AU 9 is not among/); assert.equal(c.state.draft, null); assert.equal(c.state.step, "au");
  c.press("9", "9", "9"); assert.match(c.said, /two digits/);
  c.follow(chooseAu(c.state, 12, c.context)); assert.equal(c.state.step, "onset");
});

test("no AU is a judgement, and not beside events", () => {
  const c = new Coder().press("0", "Enter");
  assert.deepEqual(c.change, { op: "verdict", verdict: { kind: "none", certain: true, note: "" } }); assert.deepEqual(c.clips, [4]);
  const full = new Coder([event()]).press("0", "Enter");
  assert.equal(full.sent.length, 0); assert.match(full.said, /has events/);
});

test("next: coded where there are events, asked where there are none, untouched where judged", () => {
  const full = new Coder([event()]).press("n");
  assert.equal(full.change.verdict.kind, "coded"); assert.deepEqual(full.clips, [4]);
  const empty = new Coder().press("n");
  assert.equal(empty.sent.length + empty.clips.length, 0); assert.match(empty.said, /0 and Enter/);
  const done = new Coder([], { kind: "none", certain: true, note: "" }).press("n");
  assert.equal(done.sent.length, 0); assert.deepEqual(done.clips, [4]);
  assert.deepEqual(new Coder().press("p").clips, [2]);
  const skip = new Coder().press("s"); assert.equal(skip.change.verdict.kind, "skipped"); assert.deepEqual(skip.clips, [4]);
  assert.match(new Coder([event()]).press("s").said, /has events/);
});

test("choose, change, remove, undo", () => {
  const c = new Coder([event(), event({ number: 4, onset: 30, apex: 33, offset: 40 })]);
  c.press("ArrowDown"); assert.equal(c.state.selected, 0); assert.equal(c.frame, 9); assert.deepEqual(c.marks, { onset: 3, apex: 9, offset: 20 });
  c.press("ArrowUp"); assert.equal(c.state.selected, 1);
  c.press("Enter"); assert.equal(c.state.step, "au"); assert.equal(c.state.typed, "4");
  c.press("Enter"); assert.equal(c.state.step, "onset"); assert.equal(c.frame, 30);
  c.at(31).press("Enter"); assert.equal(c.frame, 33);
  c.press("Enter", "Enter", "Enter", "Enter");                // the rest as it was
  assert.deepEqual(c.change, { op: "replace", old: c.events[1], event: event({ number: 4, onset: 31, apex: 33, offset: 40 }) });
  c.press("ArrowDown", "Delete"); assert.deepEqual(c.change, { op: "remove", old: c.events[0] }); assert.deepEqual(c.marks, {});
  c.press("z"); assert.deepEqual(c.change, { op: "undo" });
  c.press("ArrowDown", "Enter", "Enter", "Escape"); assert.equal(c.sent.length, 3); assert.match(c.said, /left as it was/);
  assert.match(new Coder().press("ArrowDown").said, /No event/);
  assert.match(new Coder().press("Delete").said, /No event/);
});

test("a digit after choosing an event begins a new one, without its marks", () => {
  const c = new Coder([event()]).press("ArrowDown", "4", "Enter");
  assert.equal(c.state.step, "onset"); assert.equal(c.state.old, null); assert.deepEqual(c.marks, {});
});

test("doubt: of the draft, the chosen event, the clip", () => {
  const c = new Coder().press("1", "2", "Enter", "u", "Enter", "Enter", "Enter", "b", "b");
  assert.equal(c.change.event.certain, false);
  const chosen = new Coder([event()]).press("ArrowDown", "u"); assert.equal(chosen.change.event.certain, false); assert.equal(chosen.change.old.certain, true);
  assert.equal(new Coder().press("u").change.verdict.certain, false);
});

test("notes go where one is", () => {
  const c = new Coder([event()]);
  c.press("t"); assert.equal(c.notes, 1);
  c.follow(noteWritten(c.state, "dark", c.context)); assert.deepEqual(c.change, { op: "verdict", verdict: { kind: "open", certain: true, note: "dark" } });
  c.press("ArrowDown"); c.follow(noteWritten(c.state, "weak", c.context)); assert.equal(c.change.event.note, "weak");
  c.press("Escape", "1", "Enter"); c.follow(noteWritten(c.state, "draft", c.context)); assert.equal(noteOf(c.state, c.context), "draft");
  c.press("Enter", "Enter", "Enter", "b", "b"); assert.equal(c.change.event.note, "draft");
});

test("every button on offer has a key that is taken", () => {
  const draft = new Coder().press("1", "2", "Enter"), seen = [new Coder(), new Coder([event()]), new Coder([], { kind: "none", certain: true, note: "" }), new Coder([event()]).press("ArrowDown"), draft, new Coder().press("1")];
  for (const c of seen) for (const [keys] of keysNow(c.state, c.context)) for (const key of keys.split(" ")) { const result = codingKey(c.state, key, c.context); assert.notEqual(result, null, `${c.state.step}: ${key}`); if (keys.includes(" ")) c.state = result.state; }
});

test("what is asked names the unit, its doubt and the keys", () => {
  const c = new Coder(); assert.match(askedOf(c.state, c.context), /Type the number of an AU; 0 where there is none/);
  c.press("1", "2"); assert.match(askedOf(c.state, c.context), /AU 12, Lip corner puller. Enter/);
  c.press("Enter", "u"); assert.match(askedOf(c.state, c.context), /Lip corner puller \(not certain\): go to the onset/);
  const zero = new Coder().press("0"); assert.match(askedOf(zero.state, zero.context), /no action unit in this clip/);
});

test("what was sent counts before Python has answered", () => {
  const open = { kind: "open", certain: true, note: "" }, late = event({ number: 4, onset: 30, apex: 31, offset: 32 }), early = event({ number: 1, onset: 1 });
  const pending = [{ clip: 3, op: "add", event: late }, { clip: 3, op: "add", event: early }, { clip: 3, op: "remove", old: event() }, { clip: 2, op: "add", event: event({ onset: 2 }) }, { clip: 3, op: "verdict", verdict: { kind: "coded" } }];
  const now = clipNow([event({ ms: "15 ms" })], open, pending, 3);
  assert.deepEqual(now.events, [early, late]); assert.deepEqual(now.clip, { ...open, kind: "coded" });
  assert.deepEqual(clipNow([late], open, [pending[0]], 3).events, [late]);       // sent, arrived, not yet acknowledged
  assert.deepEqual(clipNow([event()], open, [{ clip: 3, op: "replace", old: event(), event: event({ onset: 4 }) }], 3).events, [event({ onset: 4 })]);
});

test("words about saving", () => {
  assert.deepEqual(savedText({ time: "14:03:22" }, 0, false), { kind: "saved", text: "saved 14:03:22" });
  assert.equal(savedText({ time: "14:03:22" }, 1, false).kind, "waiting");
  assert.match(savedText({}, 2, false, true).text, /not saved yet: 2 changes; Python is busy/); assert.equal(savedText({}, 1, false, true).kind, "waiting");
  assert.match(savedText({ problem: "disk full", kept: true }, 0, false).text, /NOT saved: disk full/);
  assert.match(savedText({ problem: "order", kept: false }, 0, false).text, /not done: order/);
  assert.match(savedText({}, 2, true).text, /2 changes; Python is gone/);
  assert.match(savedText({}, 0, true).text, /everything before is saved/);
});

test("unsaved changes become lines for recover, a draft only where it has a mark", () => {
  const c = new Coder().press("1", "2", "Enter"), sent = [{ clip: 3, op: "add", event: event() }];
  assert.equal(unsavedText([], c.state, {}, 3), "");
  const lines = unsavedText(sent, c.state, { onset: 5 }, 3, "beef").split("\n").map(JSON.parse);
  assert.deepEqual(lines[0], sent[0]); assert.equal(lines[1].op, "draft"); assert.deepEqual([lines[1].clip, lines[1].key], [3, "beef"]); assert.equal(lines[1].event.onset, 5);
  assert.deepEqual(["add", "replace", "remove", "verdict", "go", "undo", "retry"].map(op => isChange({ op })), [true, true, true, true, false, false, false]);
});

test("codes, frames and progress in words", () => {
  assert.equal(codeOf(event({ certain: false })), "L12B?"); assert.equal(codeOf(event({ side: null, intensity: null })), "12");
  assert.equal(framesOf(event({ apex: null })), "3 \u00b7 \u2013 \u00b7 20");
  assert.equal(queueText([{ kind: "coded" }, { kind: "none" }, { kind: "open" }, { kind: "skipped" }]), "3 of 4 judged: 1 coded, 1 no AU, 1 skipped");
  assert.equal(queueText([{ kind: "open" }]), "0 of 1 judged");
});
