import "./support/isolate.ts";
import assert from "node:assert/strict";
import { PeerError, PeerProcess } from "../experiments/peers/process.ts";
import { asMarkdown, asText, reportOf } from "../experiments/peers/report.ts";
import { type Peer, PEERS } from "../experiments/peers/peers.ts";
import { BATCH, readTraining, SIZE, writeTraining } from "../experiments/peers/training.ts";

Deno.test("a peer whose process fails is reported with the reason", async () => {
  const peer: Peer = { name: "absent", what: "nothing", steps: 1, script: "absent.ts" };
  let problem = "";
  await assert.rejects(() => PeerProcess.start(peer, "no file"), (error) => {
    assert.ok(error instanceof PeerError);
    problem = error.message;
    return true;
  });
  assert.match(problem, /^ended with code 1: .*absent\.ts/);
  const report = reportOf([
    {
      peer: PEERS[0]!,
      ready: { version: "1.0", adapter: "a", losses: [2, 1.5] },
      losses: [2, 1.5],
      times: [40, 50, 60],
      ratios: [],
    },
    { peer, losses: [], times: [], ratios: [], problem },
  ], 3);
  assert.equal(report.results[0]!.step_ms, 50);
  assert.equal(report.results[0]!.images_per_second, 1280);
  assert.equal(report.results[1]!.step_ms, null);
  for (const text of [asText(report), asMarkdown(report)]) assert.ok(text.includes(problem));
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
