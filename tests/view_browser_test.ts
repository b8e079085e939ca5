/**
 * Figures and pages in Chromium: values under the pointer and by keys, nothing loaded, nothing too wide.
 *
 * @module
 */
import "./support/isolate.ts";
import assert from "node:assert/strict";
import { escape } from "../lib/view/escape.ts";
import { pageHtml } from "../lib/view/page.ts";
import { confusionPlot } from "../lib/view/plot/confusion_plot.ts";
import { type Curve, curvePlot, shareTick, short } from "../lib/view/plot/curve_plot.ts";
import { Browser, CHROMIUM, type Page } from "./support/browser.ts";

const NAME = `<img src=x onerror="throw 1">`;

/** A page with a figure of two curves, one of many, and a matrix of many classes. */
function figures(): string {
  const loss = (i: number): Curve => ({
    name: `run ${i}`,
    classes: "c1",
    points: [[0, 1], [50, (i + 1) / 20], [100, (i + 1) / 20]],
  });
  const curves: Curve[] = [
    { name: NAME, classes: "c0", points: [[0, 0.1], [40, null], [50, 0.75], [100, 0.876]] },
    { name: "test", classes: "c1", points: [[100, 0.5]], dots: true },
  ];
  const parts = [
    curvePlot({ title: "accuracy", curves, format: shareTick, scale: "share" }),
    curvePlot({
      title: "loss",
      curves: Array.from({ length: 9 }, (_, i) => loss(i)),
      format: short,
      scale: "zero",
    }),
    confusionPlot(Array.from({ length: 60 }, (_, i) => `${NAME} ${i}`), [[0, 0, 5], [1, 59, 2]]),
  ];
  const html = parts.map((part) => `<figure>${part}</figure>`).join("");
  const select = `<select data-panels="here"><option value="one">1</option></select>` +
    `<div id="here"></div><template id="one"><b>${escape(NAME)}</b></template>`;
  return pageHtml({ title: NAME, sections: [{ id: "a", title: "Figures", html: html + select }] });
}

/** Moves the pointer to a place in the nth plot, in shares of its width and height. */
async function point(page: Page, plot: number, x: number, y: number): Promise<void> {
  const box = await page.evaluate(`(() => {
    const svg = document.querySelectorAll("svg[data-x]")[${plot}];
    svg.scrollIntoView({ behavior: "instant" });
    const { x, y, width, height } = svg.querySelector("svg").getBoundingClientRect();
    return { x, y, width, height };
  })()`);
  await page.send("Input.dispatchMouseEvent", {
    type: "mouseMoved",
    x: box.x + x * box.width,
    y: box.y + y * box.height,
  });
}

async function press(page: Page, key: string): Promise<void> {
  await page.send("Input.dispatchKeyEvent", { type: "keyDown", key });
}

const readout = (page: Page, plot: number): Promise<string> =>
  page.evaluate(`document.querySelectorAll(".readout")[${plot}].textContent`);

Deno.test(`figures in a browser${CHROMIUM ? "" : " (there is no Chromium on the PATH)"}`, {
  ignore: !CHROMIUM || Deno.build.os === "windows",
}, async (t) => {
  await using browser = await Browser.start();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/page.html`, figures());
  const page = await browser.open(`file://${folder}/page.html`);

  await t.step(
    "say the values at the step under the pointer, and the last ones again after",
    async () => {
      const last = `${NAME} 87.60% (100), test 50.00% (100)`;
      assert.equal(await readout(page, 0), last);
      await point(page, 0, 0.52, 0.5);
      assert.equal(await readout(page, 0), `step 50: ${NAME} 75%, test 50% (100)`);
      await point(page, 1, 0.52, 0.99);
      assert.equal(await readout(page, 0), last);
      assert.equal(await readout(page, 1), "step 50: run 0 0.05", "of many curves the nearest");
    },
  );

  await t.step("say them by arrow keys too", async () => {
    await page.evaluate(`document.querySelector("svg[data-x]").focus()`);
    await press(page, "ArrowRight");
    assert.match(await readout(page, 0), /^step 0: .* 10%/);
    await press(page, "ArrowRight");
    assert.match(await readout(page, 0), /^step 50: .* 75%/);
    await page.evaluate(`document.querySelectorAll("svg[data-x]")[1].focus()`);
    await press(page, "ArrowLeft");
    await press(page, "ArrowDown");
    assert.match(await readout(page, 1), /^step \d+: run 1 /);
  });

  await t.step("are no wider than the page, light or dark, on a phone too", async () => {
    for (const [width, dark] of [[1200, false], [800, true], [390, true]] as const) {
      const other = await browser.open(`file://${folder}/page.html`, { width, dark });
      const over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      assert.equal(await other.evaluate(over), 0);
      assert.deepEqual(other.errors, []);
      await other.close();
    }
  });

  await t.step("run no script of a name, and load nothing", async () => {
    assert.equal(await page.evaluate(`document.querySelectorAll("img").length`), 0);
    assert.equal(await page.evaluate(`document.querySelector("#here b").textContent`), NAME);
    assert.deepEqual(page.errors, []);
    assert.deepEqual(page.requests.filter((url) => !url.startsWith("data:")), [
      `file://${folder}/page.html`,
    ]);
  });
  await Deno.remove(folder, { recursive: true });
});
