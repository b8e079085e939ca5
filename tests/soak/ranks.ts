/**
 * `deno task test:ranks [N] [--seed S]`: trainings on ranks under each MPI that is installed. First 1, 2, 3
 * and 4 ranks against one process; then runs of which a random rank, or the launcher itself, is killed at
 * a random moment, N times (25), each time resumed with another number of ranks. All must end in the same
 * checkpoint, byte for byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { command } from "../support/command.ts";
import { newest, randomNumbers } from "../support/kills.ts";
import {
  descendantsOf,
  LAUNCHERS,
  newestDigest,
  type Process,
  ranksCommand,
} from "../support/mpirun.ts";

/** All that a step exchanges: augmentation, mixup, clipping, moving averages, running values. */
const recipeOf = (model: string, images: number) => `
seed: 5
data:
  { format: glyphs, size: 12, train: ${images}, test: 96, augment: [flip, { crop: { padding: 1 } }, { mixup: { alpha: 0.4 } }] }
model: { name: ${model}, width: 4 }
train:
  epochs: 3
  batch: 48
  micro_batch: 4
  clip_norm: 1
  ema: 0.9
  optimizer: { name: adamw, lr: 0.01 }
  schedule: { name: cosine, warmup_steps: 2 }
  checkpoint_minutes: 0.002
`;

/** Ends of a run after which the others of its processes must be gone, in milliseconds. */
const MAX_ORPHAN_MS = 20_000;

const { positionals: [given], values: { seed } } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" } },
});
const kills = Number(given ?? 25), random = randomNumbers(Number(seed));
const cwd = await Deno.makeTempDir({ prefix: "qtrain-ranks-" });
try {
  assert.ok(LAUNCHERS.length > 0, "expected mpirun of Open MPI or MPICH, found none");
  for (const model of ["cnn", "resnet8"]) await sameBytes(model);
  await killedRuns();
} finally {
  await Deno.remove(cwd, { recursive: true });
}

/** Trains in one process. @returns the digest of its checkpoint */
async function alone(file: string, out: string): Promise<string> {
  const args = [file, "--out", out, "--device", "cpu", "--threads", "1", "--quiet"];
  const { success, stderr } = await command(args, { cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return await newestDigest(`${cwd}/${out}`);
}

async function sameBytes(model: string): Promise<void> {
  const file = `${model}.yaml`;
  await Deno.writeTextFile(`${cwd}/${file}`, recipeOf(model, 240));
  const want = await alone(file, model);
  for (const launcher of LAUNCHERS) {
    for (const ranks of [1, 2, 3, 4]) {
      const out = `${model}-${launcher.name}-${ranks}`;
      const args = [file, "--out", out, "--quiet", "--threads", "1"];
      const { success, stderr } = await ranksCommand(ranks, args, { cwd, launcher }).output();
      assert.ok(success, `${out}: ${new TextDecoder().decode(stderr)}`);
      assert.equal(await newestDigest(`${cwd}/${out}`), want, out);
      console.log(`${model}, ${launcher.name}, ${ranks} ranks: the bytes of one process`);
    }
  }
}

async function killedRuns(): Promise<void> {
  const file = "killed.yaml";
  await Deno.writeTextFile(`${cwd}/${file}`, recipeOf("resnet8", 1440));
  const want = await alone(file, "whole");
  let done = 0;
  for (let run = 0; done < kills; run++) {
    const out = `run-${run}`;
    for (;;) {
      const ranks = 1 + Math.floor(4 * random()),
        launcher = LAUNCHERS[Math.floor(LAUNCHERS.length * random())]!;
      const args = [file, "--out", out, "--resume", "--quiet", "--threads", "1"];
      const mpirun = ranksCommand(ranks, args, { cwd, launcher }).spawn();
      const when = done < kills ? nextMoment(`${cwd}/${out}`) : undefined;
      const { struck, stderr, success } = await untilEnd(mpirun, when, done % 2 === 1);
      assert.ok(struck !== undefined || success, `${out}: ${stderr}`);
      if (struck === undefined) break;
      const step = await newest(`${cwd}/${out}`);
      console.log(
        `kill ${++done}, ${out}, ${launcher.name}: ${struck} of ${ranks} ranks; checkpoint of step ${step}`,
      );
    }
    assert.equal(await newestDigest(`${cwd}/${out}`), want, out);
    console.log(`${out}: the bytes of the run that was left alone`);
  }
}

/**
 * A moment to strike: up to half a second after the run has a newer checkpoint; of ten, one comes before
 * the first step.
 */
async function nextMoment(out: string): Promise<void> {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  if (random() < 0.1) {
    await pause(1500 * random());
    return;
  }
  const wait = 500 * random(), before = await newest(out);
  while (await newest(out) === before) await pause(20);
  await pause(wait);
}

/**
 * Waits for the end of a training and of all its processes.
 *
 * @param moment when something of it is killed; absent: nothing is
 * @param launcher whether that is the launcher, or else a rank
 */
async function untilEnd(
  mpirun: Deno.ChildProcess,
  moment: Promise<void> | undefined,
  launcher: boolean,
): Promise<{ readonly struck?: string; readonly stderr: string; readonly success: boolean }> {
  const texts = [mpirun.stdout, mpirun.stderr].map((stream) => new Response(stream).text());
  let struck: string | undefined, processes: readonly Process[] = [];
  let over = false;
  void moment?.then(() => {
    if (over) return;
    processes = descendantsOf(mpirun.pid);
    const ranks = processes.filter(({ line }) => / run .*cli\/main\.ts/.test(line));
    const rank = launcher ? undefined : ranks[Math.floor(random() * ranks.length)];
    struck = rank ? "a rank" : "the launcher";
    Deno.kill(rank?.pid ?? mpirun.pid, "SIGKILL");
  });
  const { success } = await mpirun.status;
  over = true;
  const ended = performance.now();
  while (processes.some(({ pid }) => isAlive(pid))) {
    assert.ok(performance.now() - ended < MAX_ORPHAN_MS, "a process of a killed run lives on");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [, stderr] = await Promise.all(texts);
  return { ...(struck === undefined ? {} : { struck }), stderr: stderr!, success };
}

function isAlive(pid: number): boolean {
  try {
    // A process that has ended and was not waited for yet is a zombie.
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
