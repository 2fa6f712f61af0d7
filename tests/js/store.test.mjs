import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";
import { asBytes, FrameStore, inflate } from "../../mekit/widgets/static/store.js";
import { pageModel } from "../../mekit/widgets/static/page.js";

const counted = () => {
  const asked = [], closed = [];
  return { asked, closed, load: async i => { asked.push(i); await null; return { i, close: () => closed.push(i) }; } };
};

test("values survive deflate", async () => {
  const values = Int16Array.from([0, -1, 32767, -32768]);
  assert.deepEqual(await inflate(new Uint8Array(deflateSync(Buffer.from(values.buffer)))), values);
});

test("buffers of a kernel and of a page become the same bytes", () => {
  const whole = Uint8Array.from([9, 1, 2, 3]);
  assert.deepEqual([...asBytes(new DataView(whole.buffer, 1, 3))], [1, 2, 3]);
  assert.deepEqual([...asBytes(whole.buffer)], [9, 1, 2, 3]);
  assert.equal(asBytes(null).length, 0);
});

test("a frame is decoded once, however often it is wanted at once", async () => {
  const { asked, load } = counted(), store = new FrameStore(load, 10, 5);
  await Promise.all([store.load(3), store.load(3), store.load(3)]);
  assert.deepEqual(asked, [3]);
  assert.equal(store.peek(3).i, 3);
});

test("the cache is bounded, and what leaves is closed", async () => {
  const { closed, load } = counted(), store = new FrameStore(load, 100, 4);
  for (let i = 0; i < 20; i++) await store.load(i);
  assert.equal(store.ready.size, 4);
  assert.equal(closed.length, 16);
  assert.ok(store.peek(19) && !store.peek(3));
});

test("decoding ahead goes in the direction of travel and ends when a newer plan comes", async () => {
  const { asked, load } = counted(), store = new FrameStore(load, 100, 50);
  const old = store.ahead(50, 1, 10);
  await store.ahead(20, -2, 3);
  await old;
  assert.deepEqual(asked.filter(i => i < 30), [18, 16, 14]);
  assert.ok(asked.filter(i => i > 30).length <= 1);
});

test("after closing nothing is kept", async () => {
  const { closed, load } = counted(), store = new FrameStore(load, 10, 5), late = store.load(1);
  store.close();
  await late;
  assert.deepEqual(closed, [1]);
  assert.equal(store.ready.size, 0);
});

test("a frame that fails can be asked again", async () => {
  let broken = true;
  const store = new FrameStore(async () => { if (broken) throw new Error("bad"); return { close() {} }; }, 3, 3);
  await assert.rejects(store.load(0), /bad/);
  broken = false;
  assert.ok(await store.load(0));
});

test("the page's model tells of changes once and holds buffers as views", () => {
  const model = pageModel({ frame: 2 }, { frames: Buffer.from([5, 6]).toString("base64") }), heard = [];
  const act = () => heard.push(model.get("frame"));
  model.on("change:frame", act);
  model.set("frame", 2); model.set("frame", 4);
  model.off("change:frame", act);
  model.set("frame", 6);
  assert.deepEqual(heard, [4]);
  assert.equal(model.get("frames").getUint8(1), 6);
});
