import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";
import { Chunks } from "../../mekit/widgets/static/chunks.js";
import { openStore } from "../../mekit/widgets/static/store.js";

globalThis.createImageBitmap = async blob => { const text = await blob.text(); if (!text) throw new Error("not a picture"); return { text, type: blob.type, close() {} }; };
const tick = () => new Promise(resolve => setTimeout(resolve, 5));
const view = bytes => new DataView(Uint8Array.from(bytes).buffer);

// A model whose Python answers when it is told to.
const live = (n = 1000, more = {}) => {
  const heard = new Map(), sent = [];
  const model = { sent, key: "k", get: name => ({ meta: { n, w: 4, h: 4, tracks: { frame: { mime: "image/jpeg" } }, stacks: {}, grid: { w: 1, h: 1 }, chunk: { size: 10, key: "k" }, ...more } })[name],
    on: (event, act) => heard.set(event, act), off: event => heard.delete(event), send: message => sent.push(message), fire: (event, ...what) => heard.get(event)?.(...what) };
  // chunk c holds one byte a frame: its number
  model.answer = (chunk, extra = {}) => {
    const first = chunk * 10, bytes = Array.from({ length: 10 }, (_, k) => 48 + (first + k) % 70);
    model.fire("msg:custom", { kind: "chunk", clip: 0, key: "k", chunk, tracks: { frame: bytes.map((_, k) => k).concat(10) }, ranges: {}, curves: [], wrong: {}, ...extra }, [view(bytes), view([])]);
  };
  model.fail = (chunk, why) => model.fire("msg:custom", { kind: "failed", clip: 0, key: "k", chunk, why }, []);
  model.asked = () => sent.map(m => m.chunk);
  return model;
};
const chunksOf = (model, room = 1e6) => new Chunks(model, model.get("meta"), 0, room);
const wanted = (chunks, i) => { const p = chunks.piece(i); p.catch(() => {}); return p; };

test("a chunk is asked for once, however many of its frames are wanted, and not again while it is held", async () => {
  const model = live(), chunks = chunksOf(model), all = [wanted(chunks, 20), wanted(chunks, 25), wanted(chunks, 29)];
  assert.deepEqual(model.sent, [{ kind: "want", clip: 0, chunk: 2, key: "k" }]);
  model.answer(2);
  assert.equal((await Promise.all(all))[0].first, 20);
  await chunks.piece(21);
  assert.deepEqual(model.asked(), [2]);
});

test("of many wants two are on the way, the newest waiting one is next and the oldest are passed by", async () => {
  const model = live(), chunks = chunksOf(model), all = [0, 1, 2, 3, 4, 5, 6, 7].map(k => wanted(chunks, 10 * k));
  assert.deepEqual(model.asked(), [0, 1]);
  model.answer(0);
  assert.deepEqual(model.asked(), [0, 1, 7]);
  await assert.rejects(all[2], /passed by/);
  await assert.rejects(all[3], /passed by/);
  model.answer(1); model.answer(7); model.answer(6); model.answer(5); model.answer(4);
  assert.equal((await all[4]).first, 40);
  assert.deepEqual(model.asked(), [0, 1, 7, 6, 5, 4]);
});

test("a want that waits moves to the front when it is wanted again", () => {
  const model = live(), chunks = chunksOf(model);
  for (const k of [0, 1, 2, 3, 4]) wanted(chunks, 10 * k);
  chunks.urge(20);
  model.answer(0);
  assert.deepEqual(model.asked(), [0, 1, 2]);
});

test("what is kept is bounded by bytes, and the least recently used leaves first", async () => {
  const model = live(), chunks = chunksOf(model, 45);
  for (let k = 0; k < 20; k++) { const p = wanted(chunks, 10 * k); model.answer(k); await p; if (k > 2) await chunks.piece(0 * 10 + (k > 2 ? 10 * (k - 1) : 0)); }
  assert.equal(chunks.held.size, 4);
  assert.ok(chunks.bytes <= 45);
  assert.ok(chunks.holds(199) && chunks.holds(180) && !chunks.holds(0));
});

test("guesses go in the direction of travel, one at a time, after what is wanted, and never to what is held or failed", async () => {
  const model = live(), chunks = chunksOf(model);
  wanted(chunks, 500); model.answer(50);
  chunks.guess(505, 1);
  assert.deepEqual(model.asked(), [50, 51]);
  model.answer(51);
  assert.deepEqual(model.asked(), [50, 51, 52]);
  model.answer(52);
  chunks.guess(506, 1);
  assert.deepEqual(model.asked(), [50, 51, 52]);
  chunks.guess(505, -1);
  assert.deepEqual(model.asked().slice(3), [49]);
  model.fail(49, "damaged"); model.answer(48);
  chunks.guess(504, -1); chunks.guess(503, -1);
  assert.deepEqual(model.asked().slice(3), [49, 48]);
});

test("one point has no direction: after a jump nothing is guessed until somebody moves on", () => {
  const model = live(), chunks = chunksOf(model);
  chunks.guess(100, 1); model.answer(11); model.answer(12);
  const before = model.asked().length;
  chunks.guess(700, 1);
  assert.equal(model.asked().length, before);
  chunks.guess(701, 1);
  assert.ok(model.asked().includes(71));
});

test("somebody who rushes on has three requests on the way at most", () => {
  const model = live(), chunks = chunksOf(model);
  for (let i = 0; i < 900; i += 10) { wanted(chunks, i); chunks.guess(i, 1); }
  assert.ok(model.asked().length <= 3);
});

test("a store whose frame waits asks again for it to come first", async () => {
  const model = live(), store = openStore(model, 0, 1e6), quiet = i => store.load(i).catch(() => {});
  for (const k of [0, 1, 2, 3, 4]) quiet(10 * k);
  quiet(20);
  model.answer(0);
  assert.deepEqual(model.asked(), [0, 1, 2]);
});

test("guesses end at both ends of the clip", () => {
  const model = live(100), chunks = chunksOf(model);
  chunks.guess(2, -1); chunks.guess(97, 1); chunks.guess(98, 1);
  assert.deepEqual(model.asked(), []);
});

test("a chunk that fails says why, at once for a while and then after another try", async () => {
  const model = live(), chunks = chunksOf(model), first = wanted(chunks, 30);
  model.fail(3, "film.avi is damaged");
  await assert.rejects(first, /film.avi is damaged/);
  await assert.rejects(chunks.piece(31), /film.avi is damaged/);
  assert.deepEqual(model.asked(), [3]);
  chunks.failed.get(3).at -= 3000;
  const again = wanted(chunks, 31);
  model.answer(3);
  assert.equal((await again).first, 30);
  assert.deepEqual(model.asked(), [3, 3]);
});

test("answers to others, to earlier contents and to nobody are not taken", async () => {
  const model = live(), chunks = chunksOf(model);
  wanted(chunks, 10);
  model.answer(1, { key: "old" }); model.answer(1, { clip: 1 }); model.answer(4);
  assert.equal(chunks.held.size, 0);
});

test("when Python goes what is held stays, what is on its way and what comes later says why", async () => {
  const model = live(), chunks = chunksOf(model);
  wanted(chunks, 10); model.answer(1);
  const late = wanted(chunks, 50);
  model.fire("comm_live_update");
  await assert.rejects(late, /connection to Python ended/);
  await assert.rejects(chunks.piece(70), /run the cell again/);
  assert.equal((await chunks.piece(12)).first, 10);
  assert.deepEqual(model.asked(), [1, 5]);
});

test("a store of chunks gives pictures, values and curves of the right frame, and names the one that is wrong", async () => {
  const packed = deflateSync(Buffer.from(Int16Array.from([7, -7]).buffer)), model = live(1000, { stacks: { flow: { channels: 2 } } }), store = openStore(model, 0, 1e6), news = [];
  store.onCurves = (...n) => news.push(n);
  const entry = store.load(33), bad = store.load(34);
  bad.catch(() => {});
  const bytes = Array.from({ length: 10 }, (_, k) => 48 + k), ranges = Array(10).fill(null);
  ranges[3] = [0, packed.length];
  model.fire("msg:custom", { kind: "chunk", clip: 0, key: "k", chunk: 3, tracks: { frame: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }, ranges: { flow: ranges }, curves: [[1, 2], [null, 4]], wrong: { 34: "frame 34 is damaged" } }, [view(bytes), view(packed)]);
  const got = await entry;
  assert.equal(got.bitmaps.frame.text, "3");
  assert.equal(got.bitmaps.frame.type, "image/jpeg");
  assert.deepEqual([...got.stacks.flow], [7, -7]);
  await assert.rejects(bad, /frame 34 is damaged/);
  assert.deepEqual(news, [[0, 30, [1, 2]], [1, 30, [null, 4]]]);
});

test("decoding ahead uses what has come and asks for frames of no other chunk one by one", async () => {
  const model = live(), store = openStore(model, 0, 1e6), first = store.load(5);
  model.answer(0); await first;
  await store.ahead(5, 1, 12);
  await tick();
  assert.deepEqual([...store.ready.keys()], [5, 6, 7, 8, 9]);
  assert.deepEqual(model.asked(), [0, 1]);
  await store.fill(5);
  assert.deepEqual(model.asked(), [0, 1]);
});

test("a page that can send nothing to Python says so for what it does not hold", async () => {
  const model = live();
  delete model.send;
  await assert.rejects(chunksOf(model).piece(3), /connection to Python ended/);
});

test("a whole clip needs no chunks, and the second one reads its own buffers", async () => {
  const meta = { n: 2, w: 4, h: 4, grid: { w: 1, h: 1 }, stacks: {}, chunk: null, tracks: { frame: { mime: "image/png", offsets: [0, 1, 2] }, magnified: { mime: "image/png", offsets: [2, 3, 4] } } };
  const model = { get: name => ({ meta: { ...meta, compare: { ...meta, wrong: { 1: "torn" } } }, frames: view([65, 66, 67, 68]), frames2: view([97, 98, 99, 100]), values: view([]), values2: view([]) })[name] };
  const one = await openStore(model, 0, 1e6).load(1), store = openStore(model, 1, 1e6), two = await store.load(0);
  assert.deepEqual([one.bitmaps.frame.text, one.bitmaps.magnified.text, two.bitmaps.frame.text, two.bitmaps.magnified.text], ["B", "D", "a", "c"]);
  await assert.rejects(store.load(1), /torn/);
});
