/**
 * The report of runs: what it says of a run that is done, was interrupted, diverged, was killed or goes on,
 * of one of an earlier version, of several side by side; its size, and names that are HTML.
 *
 * @module
 */
import assert from "node:assert/strict";
import { lockFolder } from "../lib/core/folder_lock.ts";
import { reportHtml } from "../lib/view/report/report.ts";
import { readMe } from "../lib/view/report/read_me.ts";
import { reportSections } from "../lib/view/report/sections.ts";
import { RunLog, type RunView } from "../lib/view/run_log.ts";
import { evaluationOf, makeRun, stepLines } from "./support/made_runs.ts";
import { inFolder } from "./support/command.ts";

type Made = Parameters<typeof makeRun>[1];

/** Runs `body` with the view of a run that was made by hand. */
function withRun(made: Made, body: (view: RunView, path: string) => Promise<void> | void) {
  return inFolder({}, async (folder) => {
    const path = `${folder}/shirts`;
    await makeRun(path, made);
    await body((await RunLog.open(path)).view, path);
  });
}

/** The text of a section. */
function textOf(runs: readonly RunView[], id: string): string {
  const { html } = reportSections(runs).find((section) => section.id === id)!;
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

/** Whether every element of a document is closed where it was opened. @throws where one is not */
function assertBalanced(html: string): void {
  const open: string[] = [];
  const text = html.replace(/<(script|style)>.*?<\/\1>/gs, "").replace(/<!DOCTYPE html>/, "");
  for (
    const [tag, close, name, rest] of text.matchAll(/<(\/?)([a-z0-9]+)((?:"[^"]*"|[^">])*)>/gi)
  ) {
    if (/^(meta|link|br|img|input)$/.test(name!) || rest!.endsWith("/")) continue;
    if (close) assert.equal(open.pop(), name, tag);
    else open.push(name!);
  }
  assert.deepEqual(open, []);
  // Every sign that begins a tag does.
  assert.doesNotMatch(text, /<(?![/a-zA-Z])/);
  const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length, "no id twice");
}

const SUMMARY = {
  status: "done",
  steps: 20,
  test_accuracy: 0.8,
  best_test_accuracy: 0.8,
  best_step: 20,
  seconds: 61,
  images_per_second: 1000,
  peak_memory_bytes: 2 ** 20,
  planned_memory_bytes: 2 ** 20,
  float32_memory_bytes: 3 * 2 ** 20,
  adapter: "CPU <8 threads>",
  qtrain_version: "0.1.0",
};

Deno.test("the report of a finished run has its figures, every section, and loads nothing", () =>
  inFolder({}, async (folder) => {
    const path = `${folder}/shirts`;
    await makeRun(path, {
      steps: 20,
      quantizers: 4,
      evaluation: await evaluationOf(20),
      summary: SUMMARY,
    });
    const { view } = await RunLog.open(path), html = reportHtml([view]);
    assertBalanced(html);
    assert.match(textOf([view], "summary"), /done.*80\.00%.*95\.00%.*3\.00%.*1m 01s.*qtrain eval/);
    assert.match(textOf([view], "speed"), /1 MiB 3 MiB 66\.7%/);
    assert.equal(html.match(/<img /g)!.length, 16);
    assert.doesNotMatch(
      html,
      /(?:src|href)="(?!data:|#)|url\(|@import|https?:(?!\/\/www\.w3\.org)/,
    );
    assert.match(
      html,
      /Content-Security-Policy" content="default-src &#39;none&#39;|default-src 'none'/,
    );
    assert.equal(html, reportHtml([(await RunLog.open(path)).view]), "the same again");
  }));

Deno.test("a report shows hostile names of classes, quantizers, recipes and folders as text", () =>
  inFolder({}, async (folder) => {
    const path = `${folder}/a <script>alert(1)<\u{2f}script> "b" 🐟'`.replaceAll(
      "/script",
      "script",
    );
    await makeRun(path, { steps: 20, quantizers: 1, evaluation: await evaluationOf(20) });
    const log = JSON.stringify({
      step: 21,
      quantizer: '"><img src=x onerror=1>',
      low: -1,
      high: 1,
      min: -1,
      max: 1,
      clipped: 0.5,
    });
    await Deno.writeTextFile(`${path}/ranges.jsonl`, log + "\n", { append: true });
    await Deno.writeTextFile(
      `${path}/recipe.yaml`,
      'name: "<b>\\u202e</pre>"\nx: "</template>"\nseed: "<meta http-equiv=refresh>"\n',
    );
    const { view } = await RunLog.open(path);
    const html = reportHtml([view, view]);
    assertBalanced(reportHtml([view]));
    assertBalanced(html);
    assert.doesNotMatch(html, /<b>class|<img src=x|<meta http-equiv=r|alert\(1\)<s|<\/pre>"/);
    assert.match(html, /&lt;b&gt;class/);
    assert.match(readMe(view), /^<!-- Written by qtrain, .* -->\n# \\<b\\>\\\\u202e/);
  }));

const ENDS: readonly (readonly [string, object | undefined, RegExp, RegExp])[] = [
  [
    "was interrupted",
    { ...SUMMARY, status: "interrupted" },
    /interrupted after step 20/,
    /--resume/,
  ],
  [
    "diverged",
    { ...SUMMARY, status: "diverged", reason: "step 21: layer conv2. Lower train.optimizer.lr" },
    /diverged at step 21: layer conv2/,
    /--resume train\.optimizer\.lr=/,
  ],
  ["was killed", undefined, /stopped after step 20/, /--resume/],
  ["went on after its summary", { ...SUMMARY, steps: 7 }, /stopped after step 20/, /--resume/],
];
for (const [name, summary, status, command] of ENDS) {
  Deno.test(`the report of a run that ${name} says so first, and what to do`, () =>
    withRun({ steps: 20, ...(summary ? { summary } : {}) }, (view) => {
      assertBalanced(reportHtml([view]));
      assert.match(textOf([view], "summary").slice(0, 200), status);
      assert.match(textOf([view], "summary"), command);
      assert.match(readMe(view), command);
    }));
}

Deno.test("the report of a run that goes on says so; written by that run itself, how it ended", () =>
  withRun({ steps: 20, summary: SUMMARY }, async (_, path) => {
    using _lock = await lockFolder(path);
    const { view } = await RunLog.open(path);
    assert.match(textOf([view], "summary"), /running.*qtrain watch/);
    assert.match(textOf([(await RunLog.open(path, true)).view], "summary"), /^ ?done/);
  }));

Deno.test("a run of an earlier version, and one without any log, say in each section what is missing", () =>
  inFolder({}, async (folder) => {
    await makeRun(`${folder}/old`, { steps: 20, summary: SUMMARY });
    await Deno.writeTextFile(
      `${folder}/old/metrics.jsonl`,
      JSON.stringify({ kind: "epoch", step: 20, epoch: 1, test_accuracy: 0.7, seconds: 3 }) + "\n",
      { append: true },
    );
    const { view: old } = await RunLog.open(`${folder}/old`);
    for (const id of ["confusion", "classes", "mistakes", "calibration"]) {
      assert.match(textOf([old], id), /evaluation\.json : an earlier version/, id);
    }
    await Deno.mkdir(`${folder}/empty`);
    const { view: empty } = await RunLog.open(`${folder}/empty`);
    assertBalanced(reportHtml([empty]));
    for (const { id, html } of reportSections([empty])) assert.ok(html.length > 20, id);
    assert.match(textOf([empty], "summary"), /stopped before its first logged step/);
    assertBalanced(reportHtml([old, empty]));
  }));

Deno.test("damaged lines and two writers are told in the summary", () =>
  withRun({ steps: 20 }, async (_, path) => {
    await Deno.writeTextFile(`${path}/metrics.jsonl`, `{"kind":\n${stepLines(9, 12)}`, {
      append: true,
    });
    const { view } = await RunLog.open(path);
    assert.match(textOf([view], "summary"), /1 damaged line left out \(line 21\).*two processes/);
    assert.equal(new Set(view.steps.map(({ step }) => step)).size, view.steps.length);
  }));

Deno.test("losses that are not numbers leave gaps, and nothing else", () =>
  withRun({ steps: 5 }, async (_, path) => {
    const lines = [6, 7, 8].map((step) =>
      JSON.stringify({
        kind: step === 7 ? "skip" : "step",
        step,
        epoch: 1,
        loss: null,
        layer: "a",
        tensor: "b",
      })
    );
    await Deno.writeTextFile(`${path}/metrics.jsonl`, lines.join("\n") + "\n", { append: true });
    const { view } = await RunLog.open(path), html = reportHtml([view]);
    assertBalanced(html);
    assert.doesNotMatch(html.replace(/<script>.*?<\/script>/gs, ""), /NaN|Infinity|undefined/);
    assert.match(textOf([view], "curves"), /1 step was skipped/);
  }));

Deno.test("a report stays below 2 MB: 1,000 classes, 150 quantizers, 10,000 steps, 24 runs", async () => {
  const evaluation = await evaluationOf(1000), big = "A".repeat(80_000);
  const mistakes = evaluation.mistakes.map((mistake) => ({ ...mistake, png: big }));
  const points = Array.from({ length: 1024 }, (_, i) => ({
    ...{
      step: 10 * i,
      low: -1.2345 - i / 1e5,
      high: 1.2345,
      min: -1.3333,
      max: 1.1111 * Math.random(),
    },
    clipped: 0.01,
  }));
  const view: RunView = {
    ...{ path: "runs/big", name: "big", status: "done", recipeText: "a: 1\n".repeat(1e5) },
    ...{ recipe: {}, summary: SUMMARY, skips: [], problems: [], clipped: 0.01 },
    steps: Array.from({ length: 4096 }, (_, i) => ({
      ...{ step: 3 * i, epoch: 1, loss: Math.random(), accuracy: Math.random(), learningRate: 0.1 },
      ...{ gradientNorm: Math.random(), imagesPerSecond: 1000 * Math.random(), dataWaitShare: 0.1 },
      clipped: 0.01,
    })),
    epochs: Array.from({ length: 1000 }, (_, i) => ({
      ...{ step: 12 * i, epoch: i + 1, trainLoss: Math.random(), trainAccuracy: Math.random() },
      ...{ testLoss: Math.random(), testAccuracy: Math.random(), seconds: 1 },
    })),
    quantizers: new Map(
      Array.from(
        { length: 150 },
        (_, i) => [`stage${i}.conv.gradient`, { points, clipped: 0.01 / (i + 1) }],
      ),
    ),
    evaluation: { ...evaluation, mistakes },
  };
  const began = performance.now(), html = reportHtml([view]);
  assertBalanced(html);
  assert.ok(html.length < 2e6, `${html.length} bytes`);
  assert.ok(performance.now() - began < 10_000);
  const many = Array.from(
    { length: 24 },
    (_, i): RunView => ({ ...view, path: `runs/${i}`, name: `${i}` }),
  );
  const bytes = new TextEncoder().encode(reportHtml(many)).length;
  assert.ok(bytes < 2e6, `${bytes} bytes of 24 runs`);
});

Deno.test("several runs stand side by side: figures in a table, and what differs between the recipes", () =>
  inFolder({}, async (folder) => {
    const views: RunView[] = [];
    for (const [i, name] of ["a", "b", "c/a"].entries()) {
      await makeRun(`${folder}/${name}`, { steps: 20, quantizers: 2, summary: SUMMARY });
      await Deno.writeTextFile(
        `${folder}/${name}/recipe.yaml`,
        `name: x\ntrain: { epochs: ${i} }\n`,
      );
      views.push((await RunLog.open(`${folder}/${name}`)).view);
    }
    assertBalanced(reportHtml(views));
    assert.match(textOf(views, "summary"), /\/a .*done.* b .*done.*c\/a .*done/);
    assert.match(textOf(views, "recipe"), /differs.*train\.epochs 0 1 2/);
    assert.doesNotMatch(textOf(views, "recipe").split("The whole recipe")[0]!, /\bname\b/);
  }));
