// Coding by keyboard: what is asked, what a key means then, and what follows. Pure: no document, so node tests it.
// The order is that of FACS passes: unit, onset, apex, offset, intensity, side. Marks live in the scrubber; everything else of the event in `draft`.

export const CODING_STEPS = ["au", "onset", "apex", "offset", "intensity", "side"];
export const MARK_STEPS = ["onset", "apex", "offset"];
const MARK_KEY = { onset: "o", apex: "a", offset: "f" };
const SIDE_KEYS = { l: "L", r: "R", b: null };
const VERDICT_WORDS = { open: "open", coded: "coded", none: "no AU", skipped: "skipped" };

export const notCoding = () => ({ step: "browse", typed: "", draft: null, old: null, left: [], selected: null });

export const codeOf = e => `${e.side ?? ""}${e.number}${e.intensity ?? ""}${e.certain === false ? "?" : ""}`;
export const kindText = kind => VERDICT_WORDS[kind] ?? kind;
export const framesOf = e => MARK_STEPS.map(m => e[m] ?? "\u2013").join(" \u00b7 ");
// How long an event is, from its first mark to its last: a micro-expression is half a second at most. "" without times or with one mark.
export const lengthOf = (e, times) => {
  const set = MARK_STEPS.filter(m => e[m] != null).map(m => e[m]);
  return times && set.length > 1 ? `${Math.round(times[set.at(-1)] - times[set[0]])} ms` : "";
};
const marksOf = e => Object.fromEntries(MARK_STEPS.filter(m => e[m] != null).map(m => [m, e[m]]));
const nameOf = (n, aus) => aus[n] ? `AU ${n}, ${aus[n]}` : `AU ${n}`;

// What the coder is asked, in one sentence; also what a screen reader says.
export const askedOf = (s, c) => {
  const unit = s.draft?.number ? nameOf(s.draft.number, c.aus) : "";
  const sure = s.draft && s.draft.certain === false ? " (not certain)" : "";
  if (s.step === "au") return `AU ${s.typed || "\u2026"}${c.aus[s.typed] ? `, ${c.aus[s.typed]}` : s.typed === "0" ? ": no action unit in this clip" : ""}. Enter when it is right`;
  if (MARK_STEPS.includes(s.step)) return `${unit}${sure}: go to the ${s.step}, then Enter`;
  if (s.step === "intensity") return `${unit}${sure}: intensity, a to e`;
  if (s.step === "side") return `${unit}${sure}: side, l left, r right or b both (of the subject)`;
  if (s.selected != null && c.events[s.selected]) return `Event ${s.selected + 1} of ${c.events.length}, ${codeOf(c.events[s.selected])}: Enter to change it, Delete to remove it`;
  if (c.clip.kind !== "open") return `This clip: ${kindText(c.clip.kind)}. Type an AU number to add to it, n for the next clip`;
  return c.events.length ? "Type the number of the next AU, or n when this clip is done" : "Type the number of an AU; 0 where there is none";
};

// Buttons that say what their key does now.
export const keysNow = (s, c) => {
  const draft = [["u", s.draft?.certain === false ? "Certain" : "Not certain"], ["t", "Note"], ["Backspace", "Back"], ["Escape", "Leave"]];
  if (s.step === "au") return [["Enter", "OK"], ["Backspace", "Delete digit"], ["Escape", "Leave"]];
  if (MARK_STEPS.includes(s.step)) return [["Enter", `${s.step} is here`], ["x", `${s.step} not seen`], ...draft];
  if (s.step === "intensity") return [..."abcde"].map(k => [k, k.toUpperCase()]).concat([["x", "not graded"]], draft);
  if (s.step === "side") return [["l", "left"], ["r", "right"], ["b", "both"], ...draft];
  const more = [["u", c.clip.certain === false ? "Clip certain" : "Clip not certain"], ["t", "Note"], ["z", "Undo"]];
  if (s.selected != null) return [["Enter", "Change"], ["Delete", "Remove"], ["u", c.events[s.selected]?.certain === false ? "Certain" : "Not certain"], ["t", "Note"], ["Escape", "Leave it"]];
  return c.events.length || c.clip.kind !== "open" ? [["n", c.clip.kind === "open" ? "Clip is done" : "Next clip"], ...more] : [["0 Enter", "No AU"], ["s", "Skip clip"], ...more];
};

const takes = (state, ...effects) => ({ state, effects });
const sayIt = text => ["say", text];            // why not, or what to watch
const doneIt = text => ["say", text, "done"];   // what has just been done

// The first step after `step` that still wants an answer; in an event being changed, simply the next one.
const nextAsked = (s, step, marks) => {
  const rest = CODING_STEPS.slice(CODING_STEPS.indexOf(step) + 1);
  return rest.find(x => s.old || !MARK_STEPS.includes(x) || (marks[x] == null && !s.left.includes(x)));
};

const askStep = (s, step) => {
  const goTo = s.old && MARK_STEPS.includes(step) && s.old[step] != null ? [["go", s.old[step]]] : [];
  return takes({ ...s, step }, ...goTo);
};

// The unit is known: a new event begins, or the one being changed gets another number.
export const chooseAu = (s, number, c) => {
  if (!c.aus[number]) return takes({ ...s, step: "au", typed: "" }, sayIt(`AU ${number} is not among the units to code here`));
  const fresh = s.draft ? {} : { draft: { certain: true, note: "", side: null, intensity: null }, left: [], old: null };
  const clean = s.selected != null && !s.draft, next = { ...s, ...fresh, selected: null, typed: "" };
  next.draft = { ...next.draft, number };
  const result = askStep(next, nextAsked(next, "au", clean ? {} : c.marks));
  return clean ? { ...result, effects: [["marks", {}], ...result.effects] } : result;
};

// A mark was set, by key, button or pointer. On the frame of the mark before it: right at times, and the commonest slip, so it is said.
export const markSet = (s, name, marks) => {
  if (!s.draft || s.step !== name) return takes(s);
  const result = askStep({ ...s, left: s.left.filter(x => x !== name) }, nextAsked(s, name, marks));
  const twin = MARK_STEPS.slice(0, MARK_STEPS.indexOf(name)).find(m => marks[m] != null && marks[m] === marks[name]);
  return twin ? { ...result, effects: [...result.effects, sayIt(`${twin} and ${name} on one frame; Backspace if that was a slip`)] } : result;
};

// Marks changed without being asked for (dragged, undone): an answer that is gone is asked for again, one that came counts.
export const marksMoved = (s, marks, moved) => {
  if (!s.draft || s.step === "au") return takes(s);
  const missing = s.old ? undefined : MARK_STEPS.find(m => marks[m] == null && !s.left.includes(m));
  if (missing && CODING_STEPS.indexOf(missing) < CODING_STEPS.indexOf(s.step)) return askStep(s, missing);
  return moved.includes(s.step) ? markSet(s, s.step, marks) : takes(s);
};

const finishEvent = (s, c) => {
  const event = { ...s.draft, ...Object.fromEntries(MARK_STEPS.map(m => [m, c.marks[m] ?? null])) };
  if (MARK_STEPS.every(m => event[m] === null)) return takes({ ...s, step: "onset", left: [] }, sayIt("An event needs an onset, an apex or an offset"));
  const change = s.old ? { op: "replace", old: s.old, event } : { op: "add", event };
  return takes(notCoding(), ["send", change], ["marks", {}], doneIt(`${codeOf(event)} ${s.old ? "changed" : "added"}`));
};

const stepBack = (s, c) => {
  const k = CODING_STEPS.indexOf(s.step) - 1, step = CODING_STEPS[k];
  if (step === "au") return takes({ ...s, step, typed: String(s.draft.number) });
  const cleared = MARK_STEPS.includes(step) && !s.old ? [["clear", step]] : [];
  const result = askStep({ ...s, left: s.left.filter(x => x !== step) }, step);
  return { ...result, effects: [...cleared, ...(c.marks[step] != null ? [["go", c.marks[step]]] : []), ...result.effects] };
};

const selectEvent = (s, k, c) => {
  if (!c.events.length) return takes(s, sayIt("No event in this clip yet"));
  const e = c.events[(k + c.events.length) % c.events.length], at = (k + c.events.length) % c.events.length;
  return takes({ ...s, selected: at }, ["marks", marksOf(e)], ["go", e.apex ?? e.onset ?? e.offset], doneIt(`event ${at + 1}: ${codeOf(e)}, ${framesOf(e)}`));
};

const pressBrowse = (s, k, c) => {
  const e = s.selected == null ? null : c.events[s.selected], verdict = v => ["send", { op: "verdict", verdict: { ...c.clip, ...v } }];
  if (/^[0-9]$/.test(k)) return takes({ ...s, step: "au", typed: k, selected: null }, ...(e ? [["marks", {}]] : []));
  if (k === "ArrowDown") return selectEvent(s, s.selected == null ? 0 : s.selected + 1, c);
  if (k === "ArrowUp") return selectEvent(s, s.selected == null ? -1 : s.selected - 1, c);
  if (k === "Enter") return e ? takes({ ...s, step: "au", typed: String(e.number), draft: { number: e.number, side: e.side, intensity: e.intensity, certain: e.certain, note: e.note }, old: e, left: [], selected: null })
    : takes(s, sayIt("Type the number of an AU, or choose an event with the arrow down"));
  if (k === "Delete" || k === "Backspace") return e ? takes(notCoding(), ["send", { op: "remove", old: e }], ["marks", {}], doneIt(`${codeOf(e)} removed; z brings it back`)) : takes(s, sayIt("No event is chosen"));
  if (k === "Escape") return s.selected == null && !Object.keys(c.marks).length ? null : takes(notCoding(), ["marks", {}]);
  if (k === "u") return e ? takes(s, ["send", { op: "replace", old: e, event: { ...e, certain: !e.certain } }], doneIt(e.certain ? "not certain" : "certain")) : takes(s, verdict({ certain: !c.clip.certain }), doneIt(c.clip.certain ? "clip: not certain" : "clip: certain"));
  if (k === "t") return takes(s, ["note"]);
  if (k === "z") return takes(notCoding(), ["send", { op: "undo" }], ["marks", {}]);
  if (k === "s") return c.events.length ? takes(s, sayIt("This clip has events; remove them first, or n for the next clip")) : takes(notCoding(), verdict({ kind: "skipped" }), ["clip", c.position + 1], doneIt("skipped"));
  if (k === "p") return takes(notCoding(), ["clip", c.position - 1]);
  if (k === "n") return leaveClip(s, c, verdict);
  return null;
};

// To the next clip: events make this one coded; without any, the coder must say what the empty clip means.
const leaveClip = (s, c, verdict) => {
  if (c.clip.kind === "open" && !c.events.length) return takes(s, sayIt("Nothing is coded here: 0 and Enter if there is no AU, s to skip the clip"));
  const judged = c.clip.kind === "open" ? [verdict({ kind: "coded" })] : [];
  return takes(notCoding(), ...judged, ["clip", c.position + 1]);
};

const pressAu = (s, k, c) => {
  if (/^[0-9]$/.test(k)) return s.typed.length < 2 ? takes({ ...s, typed: s.typed === "0" ? k : s.typed + k }) : takes(s, sayIt("An AU has two digits at most"));
  if (k === "Backspace") return s.typed.length > 1 ? takes({ ...s, typed: s.typed.slice(0, -1) }) : s.draft ? takes({ ...s, typed: "" }) : takes(notCoding());
  if (k === "Escape") return takes(notCoding(), ["marks", {}]);
  if (k !== "Enter" && k !== "o") return /^[a-z]$/i.test(k) ? takes(s, sayIt("Enter confirms the AU, Escape leaves")) : null;
  if (s.typed === "") return takes(s, sayIt("Type the number of an AU"));
  if (Number(s.typed) === 0) {
    if (c.events.length) return takes({ ...notCoding() }, sayIt("This clip has events; remove them before saying that there is no AU"));
    return takes(notCoding(), ["send", { op: "verdict", verdict: { ...c.clip, kind: "none" } }], ["clip", c.position + 1], doneIt("no AU"));
  }
  const chosen = chooseAu(s, Number(s.typed), c);
  return k === "o" && chosen.state.step === "onset" ? { ...chosen, effects: [...chosen.effects, ["mark", "onset"]] } : chosen;
};

const pressDraft = (s, k, c) => {
  if (k === "Escape") return takes(notCoding(), ["marks", {}], doneIt(s.old ? "left as it was" : "event left out"));
  if (k === "Backspace") return stepBack(s, c);
  if (k === "u") return takes({ ...s, draft: { ...s.draft, certain: !s.draft.certain } });
  if (k === "t") return takes(s, ["note"]);
  if (/^[0-9]$/.test(k)) return takes(s, sayIt(`${nameOf(s.draft.number, c.aus)} is not finished; Escape leaves it`));
  if (MARK_STEPS.includes(s.step)) {
    if (k === "Enter" || k === MARK_KEY[s.step]) return takes(s, ["mark", s.step]);
    if (k === "x") { const left = { ...s, left: [...s.left, s.step] }, marks = { ...c.marks }; delete marks[s.step]; return { ...askStep(left, nextAsked(left, s.step, marks)), effects: [["clear", s.step]] }; }
    return ["n", "p", "s", "z", "Delete"].includes(k) ? takes(s, sayIt("Finish this event first, or Escape")) : null;
  }
  const keep = k === "Enter" && s.old;
  if (s.step === "intensity" && (keep || /^[a-ex]$/i.test(k))) return askStep({ ...s, draft: { ...s.draft, intensity: keep ? s.draft.intensity : k === "x" ? null : k.toUpperCase() } }, "side");
  if (s.step === "side" && (keep || k.toLowerCase() in SIDE_KEYS)) return finishEvent({ ...s, draft: { ...s.draft, side: keep ? s.draft.side : SIDE_KEYS[k.toLowerCase()] } }, c);
  if (k === "Enter" || k === "Delete" || /^[a-z]$/i.test(k)) return takes(s, sayIt(s.step === "side" ? "l, r or b" : "a to e, or x where it is not graded"));
  return null;
};

// In a page without Python there is nothing to code into: events can be looked at, everything else is the scrubber's.
const LOOKING = ["ArrowUp", "ArrowDown", "Escape"];
export const lookingKey = (s, k, c) => LOOKING.includes(k) ? pressBrowse(s, k, c) : null;
export const lookedOf = (s, c) => {
  const e = s.selected == null ? null : c.events[s.selected];
  return e ? `Event ${s.selected + 1} of ${c.events.length}: ${nameOf(e.number, c.aus)}` : c.events.length ? "\u2191 \u2193 show the marks of an event" : `No event here. This clip: ${kindText(c.clip.kind)}`;
};

// The meaning of a key now: { state, effects }, or null where the key is the scrubber's.
export const codingKey = (s, k, c) => s.step === "browse" ? pressBrowse(s, k, c) : s.step === "au" ? pressAu(s, k, c) : pressDraft(s, k, c);

// A note was written: into the draft, the chosen event, or the clip.
export const noteWritten = (s, text, c) => {
  if (s.draft) return takes({ ...s, draft: { ...s.draft, note: text } });
  const e = s.selected == null ? null : c.events[s.selected];
  return takes(s, ["send", e ? { op: "replace", old: e, event: { ...e, note: text } } : { op: "verdict", verdict: { ...c.clip, note: text } }]);
};
export const noteOf = (s, c) => s.draft ? s.draft.note : s.selected == null ? c.clip.note : c.events[s.selected].note;

// Events and verdict of a clip as they will be when what was sent has arrived, so that nobody waits for an answer before the next key.
const EVENT_FIELDS = ["number", "side", "intensity", "certain", "onset", "apex", "offset", "note"];
const sameEvent = (a, b) => EVENT_FIELDS.every(f => (a[f] ?? null) === (b[f] ?? null));
const firstMark = e => e.onset ?? e.apex ?? e.offset;
export const clipNow = (events, clip, pending, position) => {
  let list = [...events], verdict = clip;
  for (const p of pending) {
    if (p.clip !== position) continue;
    if (p.op === "verdict") verdict = { ...verdict, ...p.verdict };
    if (p.op === "remove" || p.op === "replace") list = list.filter(e => !sameEvent(e, p.old));
    if ((p.op === "add" || p.op === "replace") && !list.some(e => sameEvent(e, p.event))) list.push(p.event);
  }
  return { clip: verdict, events: list.sort((a, b) => firstMark(a) - firstMark(b) || a.number - b.number) };
};

// What has not reached Python, one line a change, to be given to recover().
export const unsavedText = (pending, s, marks, position, key) => {
  const lines = pending.map(p => JSON.stringify(p)), draft = s.draft ? { ...s.draft, ...marks } : null;
  return [...lines, ...(draft && MARK_STEPS.some(m => draft[m] != null) ? [JSON.stringify({ clip: position, key, op: "draft", event: draft })] : [])].join("\n");
};
export const isChange = p => ["add", "replace", "remove", "verdict"].includes(p.op);

export const savedText = (saved, waiting, gone, slow = false) => {
  if (gone) return { kind: "gone", text: waiting ? `not saved: ${waiting} change${waiting > 1 ? "s" : ""}; Python is gone` : "Python is gone; everything before is saved" };
  if (saved.problem) return { kind: saved.kept ? "problem" : "refused", text: saved.kept ? `NOT saved: ${saved.problem}` : `not done: ${saved.problem}` };
  if (waiting) return { kind: "waiting", text: slow ? `not saved yet: ${waiting} change${waiting > 1 ? "s" : ""}; Python is busy` : "saving \u2026" };
  return { kind: "saved", text: saved.time ? `saved ${saved.time}` : "nothing to save yet" };
};

// "7 of 12 judged: 5 coded, 1 no AU, 1 skipped"
export const queueText = queue => {
  const count = kind => queue.filter(q => q.kind === kind).length, done = queue.length - count("open");
  const parts = ["coded", "none", "skipped"].filter(count).map(kind => `${count(kind)} ${kindText(kind)}`);
  return `${done} of ${queue.length} judged${parts.length ? `: ${parts.join(", ")}` : ""}`;
};
