/**
 * `deno task test:ranks [N] [--seed S]`: trainings on ranks under each MPI that is installed. First 1, 2, 3
 * and 4 ranks against one process; then runs of which in turns a random rank and the launcher are killed at
 * a random moment, N times (25) before the last checkpoint, each time resumed with another number of ranks.
 * All must end in the same checkpoint, byte for byte. Either launcher starts each of its processes in a group
 * of its own, so that to kill its group is to kill it alone. The seed draws the numbers; where they strike
 * depends on the machine's speed too.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { command } from "../support/command.ts";
import { newest, randomNumbers } from "../support/kills.ts";
import { descendantsOf, LAUNCHERS, newestDigest, ranksCommand } from "../support/mpirun.ts";

/** All that a step exchanges: augmentation, mixup, clipping, moving averages, running values, several buckets. */
const recipeOf = (model: string, images: number) => `
seed: 5
data:
  { format: glyphs, size: 12, train: ${images}, test: 96, augment: [flip, { crop: { padding: 1 } }, { mixup: { alpha: 0.4 } }] }
model: { name: ${model}, width: 16 }
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

/** Of a run that is killed: three epochs of 1440 images in batches of 48. */
const STEPS = 90;

/** Ends of a run after which the others of its processes must be gone, in milliseconds. */
const MAX_ORPHAN_MS = 20_000;

const { positionals: [given], values: { seed } } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" } },
});
const kills = Number(given ?? 25), random = randomNumbers(Number(seed));
/** The longest that a process has lived on after its launcher, in milliseconds. */
let orphanMs = 0;
const cwd = await Deno.realPath(await Deno.makeTempDir({ prefix: "qtrain-ranks-" }));
console.log(`seed ${seed}`);
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
  let done = 0, late = 0;
  for (let run = 0; done < kills; run++) {
    const out = `run-${run}`;
    for (let ranks = 0;;) {
      ranks = anotherNumber(ranks);
      const launcher = LAUNCHERS[Math.floor(LAUNCHERS.length * random())]!;
      const args = [file, "--out", out, "--resume", "--quiet", "--threads", "1"];
      const mpirun = ranksCommand(ranks, args, { cwd, launcher }).spawn();
      const when = done < kills ? nextMoment(`${cwd}/${out}`) : undefined;
      const { struck, stderr, success } = await untilEnd(mpirun, when, (done + late) % 2 === 1);
      assert.ok(struck !== undefined || success, `${out}: ${stderr}`);
      if (struck === undefined) break;
      const step = await newest(`${cwd}/${out}`);
      if (step === STEPS) late++;
      else done++;
      const of = `${struck} of ${ranks} ranks; checkpoint of step ${step}`;
      console.log(`kill ${done + late}, ${out}, ${launcher.name}: ${of}`);
    }
    assert.equal(await newestDigest(`${cwd}/${out}`), want, out);
    console.log(`${out}: the bytes of the run that was left alone`);
  }
  console.log(
    `${done} kills before the last checkpoint, ${late} after it; after its launcher a process lived on ` +
      `for ${orphanMs.toFixed(0)} ms at most`,
  );
}

/** From 1 to 4, and not `last`. */
function anotherNumber(last: number): number {
  const numbers = [1, 2, 3, 4].filter((n) => n !== last);
  return numbers[Math.floor(numbers.length * random())]!;
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
  let struck: string | undefined, over = false;
  void moment?.then(() => {
    if (over) return;
    const processes = descendantsOf(mpirun.pid);
    const ranks = processes.filter(({ line }) => /^\S*deno run .*cli\/main\.ts/.test(line));
    const rank = launcher ? undefined : ranks[Math.floor(random() * ranks.length)];
    struck = rank ? "a rank" : "the launcher";
    Deno.kill(rank?.pid ?? mpirun.pid, "SIGKILL");
  });
  const { success } = await mpirun.status;
  over = true;
  const ended = performance.now();
  while (liveIn(cwd)) {
    assert.ok(performance.now() - ended < MAX_ORPHAN_MS, "a process of a killed run lives on");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (struck !== undefined) orphanMs = Math.max(orphanMs, performance.now() - ended);
  const [, stderr] = await Promise.all(texts);
  return { ...(struck === undefined ? {} : { struck }), stderr: stderr!, success };
}

/**
 * Whether a process works in a folder: the run's all do, also those that were started after the kill and
 * those whose parent is gone. One that has ended and was not waited for has no folder.
 */
function liveIn(folder: string): boolean {
  return [...Deno.readDirSync("/proc")].some(({ name }) => {
    try {
      return /^\d+$/.test(name) && Deno.readLinkSync(`/proc/${name}/cwd`) === folder;
    } catch {
      return false;
    }
  });
}
