/**
 * `qtrain report`, and the files that every run ends with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inFolder, qtrain } from "./support/command.ts";
import { evaluationOf, makeRun } from "./support/made_runs.ts";
import { inFolder as inRunFolder, runOf, SHORT } from "./support/runs.ts";

const read = (path: string) => Deno.readTextFile(path);

Deno.test("report writes the page of one run into its folder, of several where --out says", () =>
  inFolder({}, async (cwd) => {
    await makeRun(`${cwd}/runs/a`, {
      steps: 20,
      quantizers: 1,
      evaluation: await evaluationOf(20),
    });
    await makeRun(`${cwd}/runs/b`, { steps: 20 });
    const one = await qtrain(["report", "runs/a/"], { cwd });
    assert.deepEqual([one.code, one.stdout.trim(), one.stderr], [0, "runs/a/report.html", ""]);
    assert.match(await read(`${cwd}/runs/a/report.html`), /^<!DOCTYPE html>[^]*<\/html>\n$/);
    const two = await qtrain(["report", "runs/a", "runs/b"], { cwd });
    assert.deepEqual([two.code, two.stdout.trim()], [0, "report.html"]);
    assert.match(await read(`${cwd}/report.html`), /2 runs/);
    const other = await qtrain(["report", "runs/a", "--out", "x.html"], { cwd });
    assert.equal(other.stdout.trim(), "x.html");
  }));

Deno.test("report refuses what is no run, and too many of them", () =>
  inFolder({ "a.txt": "" }, async (cwd) => {
    const none = await qtrain(["report"], { cwd });
    assert.equal(none.code, 2);
    assert.match(none.stderr, /expected the folder of a run, got nothing/);
    const file = await qtrain(["report", "a.txt"], { cwd });
    assert.equal(file.code, 2);
    assert.match(file.stderr, /a\.txt: expected the folder of a run/);
    const many = await qtrain(["report", ...Array.from({ length: 25 }, (_, i) => `r${i}`)], {
      cwd,
    });
    assert.equal(many.code, 2);
    assert.match(many.stderr, /expected at most 24 runs, got 25/);
  }));

Deno.test("damaged lines are told on stderr, and the page is written", () =>
  inFolder({}, async (cwd) => {
    await makeRun(`${cwd}/a`, { steps: 20 });
    await Deno.writeTextFile(`${cwd}/a/metrics.jsonl`, "{\n", { append: true });
    const { code, stderr } = await qtrain(["report", "a"], { cwd });
    assert.equal(code, 0);
    assert.match(stderr, /a\/metrics\.jsonl: 1 damaged line left out \(line 21\)/);
  }));

Deno.test("a run ends with a report and a README, also one that is interrupted or diverges", () =>
  inRunFolder(async (out) => {
    await runOf(SHORT, { out, device: "cpu", stopAt: 5 });
    assert.match(await read(`${out}/report.html`), /interrupted/);
    assert.match(await read(`${out}/README.md`), /Interrupted after step \d+\.[^]*--resume/);
    await runOf(SHORT, { out, device: "cpu", resume: true });
    const page = await read(`${out}/report.html`), text = await read(`${out}/README.md`);
    assert.match(page, /class="status done"/);
    assert.match(text, /Done after 20 steps\. Test accuracy \d/);
    await Deno.writeTextFile(`${out}/README.md`, "mine");
    await runOf(SHORT, { out, device: "cpu", resume: true });
    assert.equal(await read(`${out}/README.md`), "mine", "a finished run stays as it is");
    assert.equal(await read(`${out}/report.html`), page);
    const diverging = { ...SHORT, train: { ...SHORT.train, optimizer: { lr: 1e6 } } };
    await runOf(diverging, { out: `${out}-2`, device: "cpu" });
    assert.match(await read(`${out}-2/report.html`), /class="status diverged"/);
    assert.match(await read(`${out}-2/README.md`), /Diverged at step \d+: .*lr/);
  }));

Deno.test("a report that cannot be written is a warning, and the run is as good as without", () =>
  inRunFolder(async (out) => {
    await Deno.mkdir(`${out}/report.html`, { recursive: true });
    const { end, warnings } = await runOf(SHORT, { out, device: "cpu" });
    assert.equal(end.summary.status, "done");
    assert.match(warnings.join("\n"), /report\.html: cannot write: .*The run has no new report/);
  }));

Deno.test("a README and a report that somebody else has put into the folder stay, with a warning", () =>
  inRunFolder(async (out) => {
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(`${out}/README.md`, "mine");
    await Deno.writeTextFile(`${out}/report.html`, "<p>mine</p>");
    const { warnings } = await runOf(SHORT, { out, device: "cpu" });
    assert.equal(await read(`${out}/README.md`), "mine");
    assert.equal(await read(`${out}/report.html`), "<p>mine</p>");
    assert.match(
      warnings.join("\n"),
      /README\.md: this file is not of qtrain, so it stays as it is/,
    );
    assert.match(warnings.join("\n"), /report\.html: this file is not of qtrain/);
  }));

Deno.test("a run that diverges between two logged steps logs the last one before", () =>
  inRunFolder(async (out) => {
    const train = { ...SHORT.train, optimizer: { lr: 1e6 }, log_every: 1000 };
    const { end } = await runOf({ ...SHORT, train }, { out, device: "cpu" });
    assert.equal(end.summary.status, "diverged");
    const lines = (await read(`${out}/metrics.jsonl`)).trim().split("\n");
    assert.equal(JSON.parse(lines.at(-1)!).step, end.summary.steps);
  }));
