/**
 * Trains the same networks with two checkouts of qtrain and compares what they leave, bit for bit:
 * every tensor of the last checkpoint (weights, optimizer state, moving averages, ranges), every range
 * and every metric of every step. Use it for a change that must not change results.
 *
 *     git worktree add ../before main
 *     deno run -A experiments/compare_commits.ts ../before . [--only TEXT] [--steps 10] [--keep]
 *
 * One line a case; the exit code is 1 if any case differs or fails. Both sides run on this machine's
 * adapter with default tiles and a cache of their own. `--keep` leaves the runs in a temporary folder.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { decodeSafetensors } from "../lib/core/safetensors.ts";

const { values, positionals: checkouts } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    steps: { type: "string", default: "10" },
    keep: { type: "boolean", default: false },
  },
});
if (checkouts.length !== 2) {
  console.error("Usage: deno run -A experiments/compare_commits.ts BEFORE AFTER [--only TEXT]");
  Deno.exit(2);
}

/** Values of a recipe by dotted path, and where the run computes. */
interface Case {
  readonly device?: "cpu" | "gpu";
  readonly recipe: Readonly<Record<string, unknown>>;
}

/** Small enough for seconds each on a software adapter; widths that are no multiple of 4 included. */
const NETWORKS = {
  "cnn": { "model.name": "cnn", "model.width": 6, "train.batch": 8 },
  "resnet20": { "model.name": "resnet20", "model.width": 4, "train.batch": 4 },
  "mobilenet-v2": { "model.name": "mobilenet-v2", "model.width": 8, "train.batch": 2 },
};

/** Everything with random numbers or state of its own. */
const EVERYTHING = {
  "model.layers": [
    { type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false },
    "batch_norm",
    "relu",
    {
      type: "residual",
      body: [{ type: "conv2d", channels: 8, kernel: 3, padding: 1, bias: false }, "batch_norm"],
    },
    "relu",
    { type: "conv2d", channels: 8, kernel: 3, groups: 8, bias: false },
    { type: "max_pool", kernel: 2 },
    "global_avg_pool",
    { type: "dropout", rate: 0.2 },
    { type: "linear", features: 10 },
  ],
  "data.augment": [{ crop: { padding: 2 } }, "flip", { mixup: { alpha: 0.4 } }],
  "data.workers": 2,
  "quantize.layers": [
    { match: "conv1", gradients: { estimator: "hindsight-guarded" } },
    { match: "conv2", gradients: { estimator: "delayed-max" } },
    // In int8, only depthwise layers may have a range for each channel.
    { match: "conv3", weights: { per_channel: true } },
    { match: "linear1", gradients: { estimator: "dsgc" } },
  ],
  "train.batch": 8,
  "train.micro_batch": 4,
  "train.optimizer": { name: "adamw", lr: 0.01 },
  "train.ema": 0.9,
  "train.clip_norm": 1,
  "train.label_smoothing": 0.1,
  "telemetry": "full",
};

const dynamic = {
  "quantize.activations.estimator": "current-minmax",
  "quantize.gradients.estimator": "current-minmax",
};

const CASES: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    Object.entries(NETWORKS).flatMap(([name, recipe]) =>
      ["int8", "simulated", "float32"].map((arithmetic): [string, Case] => [
        `${name} ${arithmetic}`,
        { recipe: { ...recipe, "quantize.arithmetic": arithmetic } },
      ])
    ),
  ),
  "cnn int8, scheduler on the device": {
    recipe: { ...NETWORKS.cnn, "quantize.scheduler": "device" },
  },
  "cnn int8, dynamic estimators": { recipe: { ...NETWORKS.cnn, ...dynamic } },
  "cnn int8 on the CPU": { device: "cpu", recipe: NETWORKS.cnn },
  "everything, scheduler on the host": { recipe: { ...EVERYTHING, "quantize.scheduler": "host" } },
  "everything, scheduler on the device": {
    // DSGC's search has no device form.
    recipe: {
      ...EVERYTHING,
      "quantize.scheduler": "device",
      "quantize.layers": EVERYTHING["quantize.layers"].slice(0, 3),
    },
  },
  "everything, float32": { recipe: { ...EVERYTHING, "quantize.arithmetic": "float32" } },
};

/** Of the images, the test images, and a run's warm-up. */
const SHARED = {
  "seed": 3,
  "data": { format: "cifar", classes: 10, root: "images" },
  "train.log_every": 1,
  "train.schedule": { name: "cosine", warmup_steps: 3 },
};

/** Turns dotted paths into a tree. */
function nest(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split("."), last = keys.pop()!;
    let at = root;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}

/** Writes CIFAR-10's files with 8 images a batch, of stripes and noise that depend on the class. */
async function writeImages(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  let state = 1;
  const noise = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24;
  const names = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
  for (const name of [...names, "test_batch.bin"]) {
    const bytes = new Uint8Array(8 * 3073);
    for (let image = 0; image < 8; image++) {
      const label = noise() % 10, begin = image * 3073;
      bytes[begin] = label;
      for (let i = 0; i < 3072; i++) {
        bytes[begin + 1 + i] = (noise() >> 1) + 12 * ((i % 1024) % (label + 2));
      }
    }
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
}

/** Trains with one checkout; returns the run's folder. */
async function train(checkout: string, folder: string, side: string, of: Case): Promise<string> {
  const out = `${folder}/${side}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-prompt", "--config", `${checkout}/deno.json`],
      ...[`${checkout}/cli/main.ts`, `${folder}.yaml`],
      ...["--out", out, "--quiet", "--device", of.device ?? "gpu"],
    ],
    env: {
      NO_COLOR: "1",
      QTRAIN_CACHE: `${folder}/cache-${side}`,
      QTRAIN_NO_TUNE: "1",
      QTRAIN_NO_SELF_TEST: "1",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${side} failed: ${new TextDecoder().decode(stderr).trim()}`);
  return out;
}

/** The tensors of the last checkpoint. */
async function tensors(run: string) {
  const names = await Array.fromAsync(Deno.readDir(`${run}/checkpoints`), ({ name }) => name);
  const last = names.filter((name) => name.endsWith(".safetensors")).sort().at(-1)!;
  const path = `${run}/checkpoints/${last}`;
  return decodeSafetensors(await Deno.readFile(path), path).tensors;
}

/** Figures that depend on the clock. */
const TIMES = new Set(["images_per_second", "data_wait_share", "seconds"]);

/** The lines of a log, without what depends on the clock. */
async function lines(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  const untimed = (key: string, value: unknown) => TIMES.has(key) ? undefined : value;
  return text.split("\n").filter(Boolean).map((line) => JSON.stringify(JSON.parse(line), untimed));
}

/** What two logs do not have in common: the first line that differs. */
async function logDifference(name: string, a: string, b: string): Promise<string[]> {
  const [before, after] = await Promise.all([lines(`${a}/${name}`), lines(`${b}/${name}`)]);
  const at = before.findIndex((line, i) => line !== after[i]);
  if (at < 0 && before.length === after.length) return [];
  const line = at < 0 ? before.length : at;
  return [`${name} line ${line + 1}:\n    ${before[line]}\n    ${after[line]}`];
}

/** What differs between two runs; empty if nothing. */
async function differences(a: string, b: string): Promise<string[]> {
  const [before, after] = await Promise.all([tensors(a), tensors(b)]);
  const differing = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => {
    const x = before[name], y = after[name];
    if (!x || !y) return true;
    return x.dtype !== y.dtype || `${x.shape}` !== `${y.shape}` ||
      x.data.some((byte, i) => byte !== y.data[i]);
  });
  const listed = differing.slice(0, 8).map((name) =>
    !before[name] ? `${name} (only after)` : !after[name] ? `${name} (only before)` : name
  );
  const more = differing.length > 8 ? `, and ${differing.length - 8} more` : "";
  return [
    ...(differing.length > 0 ? [`tensors: ${listed.join(", ")}${more}`] : []),
    ...await logDifference("metrics.jsonl", a, b),
    ...await logDifference("ranges.jsonl", a, b),
  ];
}

const [before, after] = checkouts.map((path) => resolve(path));
const root = await Deno.makeTempDir({ prefix: "qtrain-compare-" });
let failed = 0;
try {
  await writeImages(`${root}/images`);
  for (const [name, of] of Object.entries(CASES)) {
    if (!name.includes(values.only)) continue;
    const folder = `${root}/${name.replaceAll(/[ ,]+/g, "-")}`, began = Date.now();
    await Deno.mkdir(folder);
    const recipe = nest({ ...SHARED, ...of.recipe, "train.max_steps": Number(values.steps) });
    await Deno.writeTextFile(`${folder}.yaml`, JSON.stringify(recipe, null, 2));
    let found: string[];
    try {
      const a = await train(before!, folder, "before", of);
      const b = await train(after!, folder, "after", of);
      found = await differences(a, b);
    } catch (error) {
      found = [(error as Error).message];
    }
    const seconds = ((Date.now() - began) / 1000).toFixed(0);
    console.log(`${found.length > 0 ? "DIFFERS" : "same   "} ${name} (${seconds}s)`);
    for (const text of found) console.log(`  ${text}`);
    if (found.length > 0) failed++;
  }
} finally {
  if (values.keep) console.log(`runs: ${root}`);
  else await Deno.remove(root, { recursive: true });
}
Deno.exit(failed > 0 ? 1 : 0);
