// Reads every drawing of a scrubber at the moment it is announced, and what stands on the screen at every refresh; holds both to the truth.
// `watching.begin({clips, flow, ...})` starts; `watching.wrong` lists what was wrong; `watching.read` counts what was read.
(() => {
  const wordOf = n => ((n << 4) | (((n & 15) + 3 * ((n >> 4) & 15) + 7 * (n >> 8) + 9) % 16)).toString(2).padStart(16, "0");

  // The cells of a bar code in a canvas that shows `view` (x, y, w, h as shares of the frame): "1", "0", "?" unreadable, "-" not in view.
  const cells = (canvas, [vx, vy, vw, vh]) => {
    const { width: W, height: H } = canvas, { data } = canvas.getContext("2d").getImageData(0, 0, W, H);
    return Array.from({ length: 16 }, (_, k) => {
      const x = ((k % 8 + 0.5) / 8 - vx) / vw * W, y = (0.75 + (Math.floor(k / 8) + 0.5) / 8 - vy) / vh * H, dx = W / vw / 32, dy = H / vh / 32;
      const [x0, x1, y0, y1] = [Math.floor(x - dx), Math.ceil(x + dx), Math.floor(y - dy), Math.ceil(y + dy)];
      if (x0 < 0 || y0 < 0 || x1 > W || y1 > H) return "-";
      let sum = 0, count = 0;
      for (let j = y0; j < y1; j++) for (let i = x0; i < x1; i++) { const p = 4 * (j * W + i); sum += data[p] + data[p + 1] + data[p + 2]; count += 3; }
      const mean = sum / count;
      return mean > 160 ? "1" : mean < 96 ? "0" : "?";
    }).join("");
  };

  const w = window.watching = { cells, wordOf, wrong: [], settled: null };
  const rootOf = () => document.querySelector(".mekit-scrubber");
  const fault = (when, what) => { if (w.wrong.length < 200) w.wrong.push(`${when}: ${what}`); };

  // clips: the first and, where there is one, the second: {numbers, times, codes: {pane: what is added to the number in its bar code}}; flow: px a frame; step: the
  // second clip's frames that may stand beside each of the first. Told when they change: view; wipe: {share, right: what is added right of it}; loupe: over the lowest bit
  w.begin = truth => {
    Object.assign(w, { view: [0, 0, 1, 1], wipe: null, loupe: null, step: null, wrong: [], read: 0, drawn: 0, refreshes: 0, order: [], settled: null, least: 16, values: 0, looked: 0, paused: false }, truth);
    if (w.on) return;
    w.on = true;
    document.addEventListener("mekit:drawn", e => { w.drawn++; w.order.push(e.detail.frame); look("drawn", e.detail.frame); });
    const beat = () => { if (rootOf()?.dataset.frame != null && !w.paused) { w.refreshes++; look("on the screen", null); } requestAnimationFrame(beat); };
    requestAnimationFrame(beat);
  };

  const look = (when, announced) => {
    const root = rootOf(), frame = Number(root.dataset.frame);
    if (w.paused) return;
    if (announced !== null && announced !== frame) fault(when, `announced ${announced}, data-frame ${frame}`);
    if (w.settled !== null && frame !== w.settled) fault(when, `frame ${frame} after ${w.settled} had been reached and nothing else was asked for`);
    w.clips.forEach((clip, c) => {
      const at = c ? Number(root.dataset.frame2) : frame, number = clip.numbers[at];
      if (c && w.step && !w.step[frame].includes(at)) fault(when, `frame ${at} of the second clip beside ${frame}, not ${w.step[frame]}`);
      for (const [pane, offset] of Object.entries(clip.codes)) {
        const canvas = root.querySelector(`canvas[data-pane=${pane}]${c ? '[data-clip="2"]' : ':not([data-clip="2"])'}`);
        if (canvas?.getClientRects().length) held(when, `${pane}${c ? " of the second clip" : ""} at frame ${at}`, canvas, wordOf(number + offset));
      }
    });
    const number = w.clips[0].numbers[frame];
    if (w.wipe) {
      const left = wordOf(number), right = w.wipe.right === null ? null : wordOf(number + w.wipe.right);
      held(when, `wipe at frame ${frame}`, root.querySelector("canvas[data-role=wipe]"), [...left].map((bit, k) => k % 8 < 8 * w.wipe.share ? bit : right?.[k]));
    }
    if (w.loupe) {
      const canvas = root.querySelector("canvas[data-pane=frame] ~ .m-loupe"), { width, height } = canvas, { data } = canvas.getContext("2d").getImageData(width / 2 - 8, height / 2 - 8, 16, 16);
      const mean = data.reduce((sum, v, k) => k % 4 < 3 ? sum + v : sum, 0) / 768, want = number & 1;
      w.read++; w.looked++;
      if (want ? mean <= 160 : mean >= 96) fault(when, `the loupe shows ${Math.round(mean)} where the lowest bit of ${number} is ${want}`);
    }
    const text = root.querySelector(".m-when").textContent, times = w.clips[0].times;
    const said = /frame (\d+)/.exec(text), ms = /([\d.]+) ms/.exec(text);
    if (Number(said?.[1]) !== frame) fault(when, `the page says "${text}" at frame ${frame}`);
    if (times && !(ms && Math.abs(Number(ms[1]) - times[frame]) <= 0.1)) fault(when, `the page says "${text}" where frame ${frame} is due at ${times[frame]} ms`);
    if (w.flow) {
      const text = [...root.querySelectorAll(".m-read .m-cell")].map(c => c.textContent).find(t => t.startsWith("u ")), u = /^u ([ +\u2212])([\d.]+) px/.exec(text);
      if (u) { w.values++; const got = Number(u[2]) * (u[1] === "\u2212" ? -1 : 1); if (Math.abs(got - w.flow * frame) > 0.011) fault(when, `u ${got} px at frame ${frame}, which moves ${(w.flow * frame).toFixed(2)}`); }
    }
  };

  const held = (when, where, canvas, want) => {
    const got = cells(canvas, w.view), seen = [...got].filter(bit => bit !== "-").length;
    w.read++;
    if ([...got].some((bit, k) => bit !== "-" && want[k] && bit !== want[k])) fault(when, `${where} shows ${got}, not ${want}`);
    if (seen < w.least) fault(when, `${where}: only ${seen} cells of the bar code in view`);
  };

  // ---- what a user does, as events, for the many seeks; real keys and a real mouse do a good share besides, and all drags, which a page cannot feign
  const fire = (node, kind, type, more) => node.dispatchEvent(new kind(type, { bubbles: true, cancelable: true, composed: true, ...more }));
  const place = (bar, frame, n) => { const b = bar.getBoundingClientRect(); return { clientX: b.left + (frame + 0.5 + 0.3 * (frame % 3 - 1)) / n * b.width, clientY: b.top + b.height / 2 }; };
  const pointer = { pointerId: 1, pointerType: "mouse", isPrimary: true, button: 0, buttons: 1 };
  const ways = {
    key(root, now, to) {
      const key = to > now ? "ArrowRight" : "ArrowLeft";
      for (let k = Math.abs(to - now); k > 0;) { const shiftKey = k >= 10; fire(root, KeyboardEvent, "keydown", { key, code: key, shiftKey }); k -= shiftKey ? 10 : 1; }
    },
    wheel(root, now, to) { const bar = root.querySelector("[data-role=track]"); for (let k = Math.abs(to - now); k > 0; k--) fire(bar, WheelEvent, "wheel", { deltaY: to > now ? 120 : -120, ...place(bar, now, w.clips[0].numbers.length) }); },
    curve(root, now, to) {
      const bar = root.querySelector("[data-role=curve]"), at = place(bar, to, w.clips[0].numbers.length);
      fire(bar, PointerEvent, "pointerdown", { ...pointer, ...at }); fire(bar, PointerEvent, "pointerup", { ...pointer, buttons: 0, ...at });
    },
    model(root, now, to) { const model = document.querySelector(".mekit-page").mekitModel; model.set("frame", now); model.set("frame", to); },
  };
  const refresh = () => new Promise(requestAnimationFrame);

  // Wait for a frame; from then on, until the next request, every drawing of another one is wrong.
  w.reach = async (to, how = "") => {
    for (let k = 0; k < 200 && rootOf()?.dataset.frame !== String(to); k++) await refresh();
    if (rootOf()?.dataset.frame !== String(to)) { fault(`asked for ${how}`, `frame ${to} did not come; frame ${rootOf()?.dataset.frame} stands`); return; }
    look("reached", null); w.settled = to;
  };
  // The frame that stands when nothing has been drawn for a while: a picture may still be on its way when playing ends.
  w.rest = async () => {
    for (let drawn = -1, k = 0; k < 12; k++) { if (w.drawn !== drawn) { drawn = w.drawn; k = 0; } await refresh(); }
    return Number(rootOf().dataset.frame);
  };
  // [[way, frame], ...]; with "!" before the way the next request comes before this one is there
  w.drive = async seeks => {
    let now = Number(rootOf().dataset.frame);
    for (const [how, to] of seeks) {
      const hurried = how[0] === "!";
      w.settled = null;
      ways[how.replace("!", "")](rootOf(), now, to);
      now = to;
      if (!hurried) { await w.reach(to, how); await refresh(); }
    }
  };

  // ---- a decoder that takes its time, and a different one for each picture: what arrives late must not be shown as what was asked for
  if (window.slowDecoder) {
    const decode = window.createImageBitmap.bind(window), waits = [0, 25, 3, 60, 0, 12, 40, 1];
    let k = 0;
    window.createImageBitmap = async (...all) => { const bitmap = await decode(...all), wait = waits[k++ % waits.length]; if (wait) await new Promise(r => setTimeout(r, wait)); return bitmap; };
  }
})();
