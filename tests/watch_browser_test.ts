/**
 * The live view in Chromium.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LISTENS } from "../cli/compile.ts";
import { lockFolder } from "../lib/core/folder_lock.ts";
import { LiveServer } from "../lib/view/watch/server.ts";
import { Browser, CHROMIUM, type Page } from "./support/browser.ts";
import { command, inFolder } from "./support/command.ts";
import { evaluationOf, makeRun, rangeLines, stepLines } from "./support/made_runs.ts";

const RECIPE = `data: { format: glyphs, size: 12, train: 256, test: 32 }
model: { name: cnn, width: 4 }
train: { epochs: 5000, batch: 16, log_every: 1, schedule: { name: constant } }
`;

const BAR = `document.getElementById("live").textContent`;
const says = (text: string) => `${BAR}.includes(${JSON.stringify(text)})`;

/** All that a page has asked for is of this machine, and nothing in it has failed. */
function expectQuiet({ requests, errors }: Page): void {
  assert.ok(requests.length > 1);
  for (const url of requests) assert.match(url, /^(http:\/\/127\.0\.0\.1:\d+\/|data:|about:blank)/);
  assert.deepEqual(errors, []);
}

Deno.test(`the live view in a browser${CHROMIUM ? "" : " (there is no Chromium on the PATH)"}`, {
  ignore: !CHROMIUM || Deno.build.os === "windows",
}, async (t) => {
  await using browser = await Browser.start();

  await t.step(
    "follows a training to its end, and loads nothing from elsewhere",
    () =>
      inFolder({ "r.yaml": RECIPE }, async (cwd) => {
        const args = ["r.yaml", "--out", "run", "--device", "cpu", "--watch", "--quiet"];
        const child = command(args, { cwd, more: [LISTENS] }).spawn();
        await child.stdout.cancel();
        const url = await addressIn(child.stderr);
        const page = await browser.open(url);
        await page.until(says("goes on"));
        await page.evaluate("void (window.stays = true, window.before = document.body.innerText)");
        await page.until("document.body.innerText !== window.before");
        child.kill("SIGINT");
        assert.equal((await child.status).code, 130);
        await page.until(says("The training has ended"));
        await page.until(`document.title.includes("interrupted")`);
        assert.ok(await page.evaluate("window.stays"), "it was never loaded again");
        expectQuiet(page);
        await page.close();
      }),
  );

  await t.step(
    "survives its server, and catches up with a run that was resumed meanwhile",
    () =>
      inFolder({}, async (folder) => {
        await makeRun(folder, { steps: 50 });
        const before = LiveServer.start(folder, 0), port = Number(new URL(before.url).port);
        const page = await browser.open(before.url);
        const steps = `document.body.innerText`;
        await page.until(`${steps}.includes("50")`);
        await before.close("It has ended.");
        await page.until(says("It has ended."));
        // Resumed: the log was cut after step 20, and has others since.
        await Deno.writeTextFile(`${folder}/metrics.jsonl`, stepLines(1, 20) + stepLines(21, 77));
        const after = LiveServer.start(folder, port);
        await page.until(`${steps}.includes("77")`);
        // Killed: no farewell.
        await after.close("");
        const again = LiveServer.start(folder, port);
        await page.until(says("stopped without an end"));
        await again.close("The end.");
        await page.close();
      }),
  );

  await t.step("opens a page of 10,000 steps in a second", () =>
    inFolder({}, async (folder) => {
      await makeRun(folder, { steps: 10_000, quantizers: 20 });
      let fastest = Infinity;
      // On a machine that does other work too, one of three.
      for (let i = 0; i < 3 && fastest >= 1000; i++) {
        const server = LiveServer.start(folder, 0);
        const page = await browser.open(server.url);
        const loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd";
        fastest = Math.min(fastest, await page.evaluate(loaded));
        await page.until("document.querySelectorAll('section').length > 1");
        await page.until(says("stopped"));
        expectQuiet(page);
        await page.close();
        await server.close("");
      }
      assert.ok(fastest < 1000, `${fastest} ms`);
    }));

  await t.step(
    "keeps what the reader has chosen while sections change",
    () =>
      inFolder({}, async (folder) => {
        await makeRun(folder, { steps: 50, quantizers: 5, evaluation: await evaluationOf(12) });
        using _ = await lockFolder(folder);
        const server = LiveServer.start(folder, 0);
        const page = await browser.open(server.url, { width: 1000, height: 500 });
        await page.until(says("goes on"));
        await page.evaluate(`void (
        window.box = document.querySelector("#ranges select"),
        box.value = box.options[3].value,
        box.dispatchEvent(new Event("change", { bubbles: true })),
        window.th = document.querySelectorAll("#classes th button")[1].closest("th"),
        th.querySelector("button").click(), th.querySelector("button").click(),
        document.querySelectorAll("details").forEach((part) => part.open = true),
        box.scrollIntoView({ behavior: "instant" }), box.focus({ preventScroll: true }),
        window.opened = document.querySelectorAll("details[open]").length,
        window.order = document.querySelector("#classes tbody").textContent,
        window.panel = document.querySelector("#quantizer figcaption").textContent,
        window.top0 = box.getBoundingClientRect().top,
        window.versions = () => [...document.querySelectorAll("section")]
          .map((section) => section.dataset.version),
        window.before = versions())`);
        await Deno.writeTextFile(`${folder}/metrics.jsonl`, stepLines(51, 90), { append: true });
        await Deno.writeTextFile(`${folder}/ranges.jsonl`, rangeLines(51, 90, 5), { append: true });
        const changed = (id: string) =>
          `document.getElementById("${id}").dataset.version !== ` +
          `before[[...document.querySelectorAll("section")].findIndex(({ id }) => id === "${id}")]`;
        await page.until(changed("curves"));
        await page.until(changed("ranges"));
        const kept = await page.evaluate(`({
        chosen: box.selectedIndex, isThere: box.isConnected, focus: document.activeElement === box,
        panel: document.querySelector("#quantizer figcaption").textContent === panel,
        sort: th.getAttribute("aria-sort"), moved: Math.abs(box.getBoundingClientRect().top - top0) > 2,
        order: document.querySelector("#classes tbody").textContent === order,
        open: document.querySelectorAll("details[open]").length - opened })`);
        assert.deepEqual(kept, {
          ...{
            chosen: 3,
            isThere: true,
            focus: true,
            panel: true,
            sort: "descending",
            moved: false,
          },
          ...{ order: true, open: 0 },
        });
        expectQuiet(page);
        await page.close();
        await server.close("");
      }),
  );

  await t.step(
    "shows 1,000 classes, in a page that a phone can show",
    () =>
      inFolder({}, async (folder) => {
        await makeRun(folder, { steps: 20, evaluation: await evaluationOf(1000) });
        const server = LiveServer.start(folder, 0);
        const page = await browser.open(server.url, { width: 390, dark: true });
        await page.until("document.querySelectorAll('section').length > 1");
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        assert.ok(wide <= 390, `${wide} pixels`);
        expectQuiet(page);
        await page.close();
        await server.close("");
      }),
  );
});

/** The address that a training prints; the rest of its messages is dropped. */
async function addressIn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = "";;) {
    const { value, done } = await reader.read();
    assert.ok(!done, text);
    const [, url] = /live view: (http\S+)\n/.exec(text += value) ?? [];
    if (!url) continue;
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return url;
  }
}
