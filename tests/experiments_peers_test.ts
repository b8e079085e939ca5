import "./support/isolate.ts";
import assert from "node:assert/strict";
import { PeerError, PeerProcess } from "../experiments/peers/process.ts";
import { asMarkdown, asText, reportOf } from "../experiments/peers/report.ts";
import { type Peer, PEERS, turnPlan } from "../experiments/peers/peers.ts";
import { BATCH, readTraining, SIZE, writeTraining } from "../experiments/peers/training.ts";

Deno.test("a peer whose process fails is reported with the reason", async () => {
  const peer: Peer = { name: "absent", what: "nothing", script: "absent.ts", args: [] };
  let problem = "";
  await assert.rejects(() => PeerProcess.start(peer, "no file", 2), (error) => {
    assert.ok(error instanceof PeerError);
    problem = error.message;
    return true;
  });
  assert.match(problem, /^ended with code 1: .*absent\.ts/);
  const report = reportOf([
    {
      peer: PEERS[0]!,
      ready: { version: "1.0", device: "a CPU", threads: 2, losses: [2, 1.5], ms: 45 },
      losses: [2, 1.5],
      times: [40, 50, 60],
      steps: 90,
      ratios: [],
    },
    { peer, losses: [], times: [], steps: 0, ratios: [], problem },
  ], { rounds: 3, threads: 2, processor: "Processor X" });
  assert.equal(report.results[0]!.step_ms, 50);
  assert.equal(report.results[0]!.images_per_second, 1280);
  assert.equal(report.results[0]!.turns, 3);
  assert.equal(report.results[1]!.step_ms, null);
  for (const text of [asText(report), asMarkdown(report)]) {
    assert.ok(text.includes(`absent: nothing; not measured: ${problem}`));
    assert.ok(text.includes("--threads 2, on Processor X"));
    assert.match(text, /^\|? ?absent .*failed/m);
  }
});

Deno.test("a peer that is not ready in time is stopped, and the report says so", async () => {
  const started = PeerProcess.start(PEERS[0]!, "no file", 1, 0.001);
  await assert.rejects(() => started, /not ready after 0\.001 s/);
});

Deno.test("a slow peer has fewer turns, but at least three, and a very slow one has one", () => {
  assert.deepEqual(turnPlan(40, 1500, 5), { steps: 38, every: 1 });
  assert.deepEqual(turnPlan(2900, 1500, 5), { steps: 1, every: 1 });
  assert.deepEqual(turnPlan(9000, 1500, 5), { steps: 1, every: 2 });
  assert.deepEqual(turnPlan(9000, 1500, 20), { steps: 1, every: 3 });
  for (let rounds = 3; rounds < 12; rounds++) {
    const { every } = turnPlan(12_000, 1500, rounds);
    assert.ok(Math.ceil(rounds / every) >= 3, `${rounds} rounds`);
    assert.equal(turnPlan(40_000, 1500, rounds).every, rounds);
  }
});

Deno.test("all peers read the same batches and initial weights from the training's file", async () => {
  const file = await Deno.makeTempFile();
  try {
    await writeTraining(file);
    const training = await readTraining(file);
    const { images, labels } = training.batch(0);
    assert.equal(images.length, BATCH * SIZE * SIZE);
    assert.equal(labels.length, BATCH);
    assert.notDeepEqual(training.batch(1).labels, labels);
    assert.deepEqual(training.weight("conv4.weight").shape, [64, 64, 3, 3]);
    assert.deepEqual(training.weight("linear.weight").shape, [10, 64]);
  } finally {
    await Deno.remove(file);
  }
});
