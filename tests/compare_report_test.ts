/**
 * The report of a comparison from run folders that the tests write: figures, Markdown, HTML.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CompareFolder } from "../lib/compare/folder.ts";
import { buildGrid, type Cell, type Grid } from "../lib/compare/grid.ts";
import { formatRecipe, parseRecipe } from "../lib/recipe/load.ts";
import { Browser, CHROMIUM } from "./support/browser.ts";
import { golden } from "./support/command.ts";

const RECIPE = "name: made-up\ndata: { format: glyphs }\nmodel: { name: cnn }\n";
const ESTIMATORS = "float32,hindsight-minmax,G4:quantize.gradients.bits=4";

function gridOf(seeds = "1,2,3", vary: string[] = []): Grid {
  return buildGrid((overrides) => parseRecipe(RECIPE, "r.yaml", overrides), {
    estimators: ESTIMATORS,
    seeds,
    vary,
  });
}

interface MadeUp {
  readonly status?: "done" | "diverged" | "interrupted";
  readonly accuracy?: number;
  readonly speed?: number;
  readonly steps?: number;
  readonly quantizers?: readonly string[];
}

/** Writes a run's folder as training does. */
async function write(root: string, cell: Cell, made: MadeUp): Promise<void> {
  const { status = "done", accuracy = 0.9, speed = 640, steps = 4, quantizers = [] } = made;
  const folder = `${root}/${cell.folder}`;
  await Deno.mkdir(folder, { recursive: true });
  const jsonl = (lines: readonly unknown[]) =>
    lines.map((line) => JSON.stringify(line) + "\n").join("");
  const numbers = Array.from({ length: steps }, (_, i) => i + 1);
  await Deno.writeTextFile(`${folder}/recipe.yaml`, formatRecipe(cell.recipe));
  await Deno.writeTextFile(
    `${folder}/metrics.jsonl`,
    jsonl([
      ...numbers.map((step) => ({ kind: "step", step, loss: 2 / step, clipped: step / 1000 })),
      { kind: "epoch", step: steps, epoch: 1, test_accuracy: accuracy },
    ]) + '{"kind":"step","st',
  );
  await Deno.writeTextFile(
    `${folder}/ranges.jsonl`,
    jsonl(numbers.flatMap((step) =>
      quantizers.map((quantizer, i) => ({
        step,
        quantizer,
        low: quantizer.endsWith("weight") ? null : -1,
        high: quantizer.endsWith("weight") ? null : 1 + step / 10,
        min: quantizer === "input" ? null : -Math.sin(step),
        max: quantizer === "input" ? null : Math.sin(step) + i,
        clipped: quantizer.endsWith("weight") ? 0 : i / 100,
      }))
    )),
  );
  await Deno.writeTextFile(
    `${folder}/summary.json`,
    JSON.stringify({
      status,
      steps,
      test_accuracy: accuracy,
      images_per_second: speed,
      peak_memory_bytes: quantizers.length > 0 ? 3 * 2 ** 20 : 8 * 2 ** 20,
      adapter: "a made-up adapter",
      ...(status === "diverged" ? { reason: "step 5: layer conv1 <b>|</b>" } : {}),
    }),
  );
}

const QUANTIZERS = ["conv1.weight", "input", "conv1", "conv1.gradient"];

/** Nine runs, of which two are not done. */
async function writeAll(root: string, grid: Grid): Promise<void> {
  const accuracies = [
    [0.90, 0.89, undefined],
    [0.91, 0.92, undefined],
    [0.92, 0.92, 0.85],
  ];
  for (const [i, cell] of grid.cells.entries()) {
    const accuracy = accuracies[Math.floor(i / 3)]![cell.row];
    const quantizers = cell.row === 0 ? [] : QUANTIZERS;
    if (accuracy !== undefined) {
      await write(root, cell, { accuracy, quantizers, speed: 640 + cell.seed });
    } else if (cell.seed === 1) await write(root, cell, { status: "diverged", quantizers });
  }
}

function inFolder(name: string, test: (root: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const root = await Deno.makeTempDir();
    try {
      await test(`${root}/compare`);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

inFolder("the report has means, paired gaps, and what diverged or is missing", async (root) => {
  const grid = gridOf();
  await writeAll(root, grid);
  await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
  const report = await (await CompareFolder.open(root, grid)).write();
  const [float32, hindsight, g4] = report.rows;
  assert.deepEqual(report.references, ["float32"]);
  assert.equal(float32?.test_accuracy?.mean.toFixed(6), "0.910000");
  assert.equal(float32?.test_accuracy?.standard_deviation?.toFixed(6), "0.010000");
  assert.deepEqual([float32?.clipped, float32?.clips_most, float32?.gaps], [null, null, {}]);
  // −0.01, +0.01 and 0: mean 0, s 0.01, t 4.30265.
  const gap = hindsight?.gaps.float32;
  assert.deepEqual([gap?.pairs, gap?.mean.toFixed(9).replace("-", "")], [3, "0.000000000"]);
  assert.equal(gap?.high?.toFixed(6), (4.302653 * 0.01 / Math.sqrt(3)).toFixed(6));
  assert.equal(hindsight?.clipped?.toFixed(9), "0.002500000");
  assert.deepEqual(hindsight?.clips_most, { quantizer: "conv1.gradient", clipped: 0.03 });
  // The median over seeds: 64 images at 642 a second.
  assert.equal(hindsight?.ms_per_step, 64_000 / 642);
  assert.deepEqual([g4?.runs, g4?.done, g4?.diverged], [3, 1, 1]);
  assert.equal(g4?.gaps.float32?.low, null);
  const statuses = report.runs.filter(({ label }) => label === "G4").map(({ status }) => status);
  assert.deepEqual(statuses, ["diverged", "missing", "done"]);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(`${root}/compare.json`)), report);
  await golden("compare.md", await Deno.readTextFile(`${root}/compare.md`));
});

inFolder("a run may have logged more steps than a function takes arguments", async (root) => {
  const grid = gridOf("1"), cell = grid.cells.find(({ row }) => row === 1)!;
  await write(root, cell, { steps: 150_000, quantizers: ["conv1.gradient"] });
  await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
  await (await CompareFolder.open(root, grid)).write();
  assert.match(await Deno.readTextFile(`${root}/compare.html`), /conv1\.gradient/);
});

inFolder("without any run there is a report all the same", async (root) => {
  const folder = await CompareFolder.open(root, gridOf("1", ["train.lr=0.1,0.2"]));
  const { rows } = await folder.write();
  assert.equal(rows.length, 6);
  assert.ok(rows.every(({ test_accuracy: found, gaps }) => found === null && !gaps.float32));
  const lines = (await Deno.readTextFile(`${root}/compare.md`)).split("\n");
  assert.match(lines[4]!, /^\| float32 +\| 0\.1 \| – +\| reference +\|( +– +\|){4}$/);
  assertPage(await Deno.readTextFile(`${root}/compare.html`));
});

inFolder("a run of another recipe, or of another length, is refused by its key", async (root) => {
  const grid = gridOf();
  await writeAll(root, grid);
  await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
  for (const [key, was, is] of [["batch", 64, 32], ["epochs", 5, 9]] as const) {
    const other = buildGrid(
      (overrides) => parseRecipe(RECIPE, "r.yaml", [`train.${key}=${is}`, ...overrides]),
      { estimators: ESTIMATORS, seeds: "1" },
    );
    await assert.rejects(CompareFolder.open(root, other), {
      name: "UsageError",
      message: new RegExp(
        `runs/float32/seed-1: cannot resume: .*train\\.${key} was ${was}, is now`,
      ),
    });
  }
});

inFolder("a folder that holds something else is refused and left alone", async (root) => {
  await Deno.mkdir(root);
  await Deno.writeTextFile(`${root}/notes.txt`, "mine");
  const refused = {
    name: "UsageError",
    message: /got one with notes\.txt and without its compare\.json/,
  };
  await assert.rejects(CompareFolder.open(root, gridOf()), refused);
  await Deno.writeTextFile(`${root}/compare.json`, "[]");
  await assert.rejects(CompareFolder.open(root, gridOf()), refused);
  const names = (await Array.fromAsync(Deno.readDir(root))).map(({ name }) => name).sort();
  assert.deepEqual(names, ["compare.json", "notes.txt"]);
});

inFolder(
  "the page has a panel for each quantizer and row, and needs nothing else",
  async (root) => {
    const grid = gridOf();
    await writeAll(root, grid);
    await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
    await (await CompareFolder.open(root, grid)).write();
    const page = await Deno.readTextFile(`${root}/compare.html`);
    assertPage(page);
    // The input is not observed; the other three are, in the first seed of two rows.
    const panels = [...page.matchAll(/<figure class="panel">.*?<\/figure>/g)];
    assert.equal(panels.length, 6);
    for (const [panel] of panels) assert.match(panel, /<svg viewBox="0 0 \d+ \d+" role="img"/);
    assert.equal([...page.matchAll(/<optgroup label="conv1">/g)].length, 1);
    assert.match(page, /<option value="q2" selected>conv1\.gradient<\/option>/);
    // Text from a run is escaped.
    assert.match(page, /layer conv1 &lt;b&gt;\|&lt;\/b&gt;/);
    assert.match(page, /prefers-color-scheme:dark/);
  },
);

inFolder("the page of sixty quantizers and ten long runs stays below 3 MB", async (root) => {
  const vary = ["train.lr=1,2,3,4,5"];
  const grid = gridOf("1", vary);
  const quantizers = Array.from({ length: 60 }, (_, i) => `layer${i}.gradient`);
  for (const cell of grid.cells) {
    if (grid.rows[cell.row]!.label === "float32") continue;
    await write(root, cell, { steps: 300, quantizers });
  }
  await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
  await (await CompareFolder.open(root, grid)).write();
  const page = await Deno.readTextFile(`${root}/compare.html`);
  assertPage(page);
  assert.equal([...page.matchAll(/<figure class="panel">/g)].length, 600);
  assert.ok(page.length < 3e6, `${page.length} bytes`);
});

if (CHROMIUM && Deno.build.os !== "windows") {
  inFolder("the table is whole at 1,200 pixels, and scrolls on a phone", async (root) => {
    const grid = gridOf("1,2,3", ["train.lr=0.05,0.1"]);
    const quantizers = ["norm4.gradient", "layer3.1.conv2.gradient"];
    for (const cell of grid.cells) {
      await write(root, cell, { accuracy: 0.8 + cell.seed / 100 + cell.row / 500, quantizers });
    }
    await Deno.writeTextFile(`${root}/compare.json`, '{"kind":"qtrain-compare"}');
    await (await CompareFolder.open(root, grid)).write();
    await using browser = await Browser.start();
    for (const width of [1200, 390]) {
      const page = await browser.open(`file://${root}/compare.html`, { width });
      const over = (name: string) =>
        page.evaluate(`(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(${name})`);
      assert.equal(await over("document.documentElement"), 0, "the page does not scroll sideways");
      const table = await over(`document.querySelector(".scroll")`);
      assert.equal(table > 0, width < 1200, `${table} pixels too wide at ${width}`);
      assert.deepEqual(page.errors, []);
    }
  });
}

/** Checks that all elements are closed in order, all attributes too, and that nothing is fetched. */
function assertPage(page: string): void {
  // The one link keeps browsers from asking a server for an icon.
  assert.doesNotMatch(
    page.replace('<link rel="icon" href="data:,">', ""),
    /https?:|\bsrc=|<link|@import|url\(/,
  );
  const body = page.replace(/<style>.*?<\/style>/s, "").replace(/<script>.*?<\/script>/s, "");
  assert.doesNotMatch(body, /NaN|Infinity|undefined/);
  const open: string[] = [];
  const element = /<(\/?)([a-z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*)\s*(\/?)>|([<>])/g;
  for (
    const [, closes, name, , empty, stray] of body.replace("<!DOCTYPE html>", "").matchAll(element)
  ) {
    assert.equal(stray, undefined, "a bare < or >");
    if (closes) assert.equal(open.pop(), name);
    else if (!empty && name !== "meta" && name !== "link") open.push(name!);
  }
  assert.deepEqual(open, []);
}
