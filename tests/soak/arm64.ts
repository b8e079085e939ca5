/**
 * `deno task test:arm64 [N] [key=value …]`: trains three small networks for N steps (50) on the CPU of
 * this machine, with 1, 2 and 4 threads, and on an arm64 processor under emulation, and compares every
 * checkpoint and the ranges byte for byte. More settings of the recipe may follow, such as
 * `quantize.arithmetic=float32`.
 *
 *     --emulated-threads N   threads of the emulated run (2)
 *     --networks A,B         only these of cnn, resnet8 and mobilenet-v2
 *
 * Exits with 1 when anything differs, and then names the first step with another loss, the first
 * range, which tells the layer, and the tensors; with 2 when arm64 cannot be emulated here.
 *
 * The emulator runs arm64's instructions, but keeps x86-64's order of memory accesses, which is stricter:
 * it finds other arithmetic, not a barrier that only arm64 needs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PERMISSIONS, WORKERS } from "../../cli/compile.ts";
import { withThousands } from "../../lib/core/format.ts";
import { decodeSafetensors } from "../../lib/core/safetensors.ts";
import { arm64Deno, CannotEmulate } from "./arm64_deno.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Sizes that fill no vector and no tile evenly; both optimizers; widths that give 8 and more channels. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  cnn: ["model.width=8"],
  resnet8: ["model.width=8", "train.optimizer.name=adamw", "train.ema=0.9"],
  "mobilenet-v2": ["model.width=8", "train.clip_norm=1"],
};
const SIZE = 13, BATCH = 6;

/** A trained run: what must be the same everywhere, and how long it took. */
interface Run {
  readonly name: string;
  readonly seconds: number;
  /** Checkpoints and ranges, by their names. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** The loss of each step. */
  readonly losses: readonly number[];
}

/** The recipe: two epochs, so that a checkpoint and an evaluation come between its steps. */
function recipe(network: string, steps: number): string {
  return `
seed: 3
data:
  { format: glyphs, size: ${SIZE}, train: ${Math.ceil(steps / 2) * BATCH}, test: 10, workers: 0 }
model: { name: ${network} }
train: { epochs: 2, max_steps: ${steps}, batch: ${BATCH}, log_every: 1 }
`;
}

/**
 * Trains with a command line that starts Deno, and reads what the run left; returns what it printed when
 * it failed.
 */
async function trainWith(
  deno: readonly string[],
  name: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Run | string> {
  const out = await Deno.makeTempDir({ prefix: "qtrain-arm64-run-" }), began = performance.now();
  const [program, ...first] = deno;
  const options = [...PERMISSIONS, "--cached-only", "--no-code-cache"];
  try {
    const { code, signal, stdout, stderr } = await new Deno.Command(program!, {
      args: [
        ...[...first, "run", ...options, `${ROOT}cli/main.ts`, ...args],
        ...["--device", "cpu", "--quiet", "--out", `${out}/run`],
      ],
      cwd: ROOT,
      clearEnv: true,
      env,
      stdin: "null",
    }).output();
    const seconds = (performance.now() - began) / 1000;
    if (code !== 0) {
      const printed = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
      return `${name}: ended with ${signal ?? `code ${code}`}: ${printed.trim()}`;
    }
    return { name, seconds, ...await filesOf(`${out}/run`) };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

async function filesOf(run: string): Promise<Pick<Run, "files" | "losses">> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>(),
    entries = Deno.readDir(`${run}/checkpoints`);
  const names = (await Array.fromAsync(entries)).map(({ name }) => `checkpoints/${name}`).sort();
  for (const name of names) files.set(name, await Deno.readFile(`${run}/${name}`));
  const ranges = await Deno.readFile(`${run}/ranges.jsonl`).catch(() => undefined);
  if (ranges) files.set("ranges.jsonl", ranges); // float32 has none.
  const log = await Deno.readTextFile(`${run}/metrics.jsonl`);
  const losses = log.trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === "step").map(({ loss }) => loss);
  return { files, losses };
}

/** Returns lines about what differs between two runs; none when all is the same. */
function differences(a: Run, b: Run): string[] {
  const lines: string[] = [];
  const step = a.losses.findIndex((loss, i) => !Object.is(loss, b.losses[i]));
  if (a.losses.length !== b.losses.length) {
    lines.push(`${a.losses.length} steps against ${b.losses.length}`);
  }
  for (let i = step; step >= 0 && i < a.losses.length; i++) {
    lines.push(`loss of step ${i + 1}: ${a.losses[i]} against ${b.losses[i]}`);
  }
  for (const name of new Set([...a.files.keys(), ...b.files.keys()])) {
    const [x, y] = [a.files.get(name), b.files.get(name)];
    if (!x || !y) lines.push(`${name}: only with ${x ? a.name : b.name}`);
    else if (!same(x, y)) lines.push(`${name}: ${difference(x, y, name)}`);
  }
  if (lines.length > 0 && step < 0) lines.unshift("the loss of every step is the same");
  return lines;
}

/** Returns what differs in a file: the first range of them all, or the tensors of a checkpoint. */
function difference(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>, file: string): string {
  if (file === "ranges.jsonl") {
    const [x, y] = [a, b].map((bytes) => new TextDecoder().decode(bytes).split("\n"));
    const line = x!.findIndex((text, i) => text !== y![i]);
    return `the first is ${x![line]} against ${y![line]}`;
  }
  const x = decodeSafetensors(a, file).tensors, y = decodeSafetensors(b, file).tensors;
  const names = Object.keys(x).filter((name) => !y[name] || !same(x[name]!.data, y[name].data));
  if (names.length === 0) return "other metadata";
  return `${names.length} of ${Object.keys(x).length} tensors differ: ${names.join(", ")}`;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Trains a network on both processors and prints a line for each run. Returns whether all is the same. */
async function compare(
  network: string,
  steps: number,
  settings: readonly string[],
  runs: readonly {
    readonly name: string;
    readonly deno: readonly string[];
    readonly threads: number;
  }[],
  env: Record<string, string>,
): Promise<boolean> {
  const file = `${env.HOME}/${network}.yaml`;
  await Deno.writeTextFile(file, recipe(network, steps));
  console.log(`${network}, ${steps} steps of ${BATCH} images ${SIZE}×${SIZE}`);
  let first: Run | undefined, good = true;
  for (const { name, deno, threads } of runs) {
    const args = [file, ...NETWORKS[network]!, ...settings, "--threads", `${threads}`];
    const title = `${name}, ${threads} thread${threads === 1 ? "" : "s"}`;
    const run = await trainWith(deno, title, args, env);
    if (typeof run === "string") {
      console.log(`  ${run}`);
      good = false;
      continue;
    }
    first ??= run;
    const lines = differences(first, run);
    if (lines.length > 0) good = false;
    const size = [...run.files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
    const verdict = run === first
      ? `${withThousands(size)} bytes in ${run.files.size} files`
      : lines.length > 0
      ? "DIFFERENT"
      : "the same";
    console.log(`  ${run.name.padEnd(18)} ${run.seconds.toFixed(1).padStart(7)} s  ${verdict}`);
    for (const line of lines) console.log(`    ${line}`);
  }
  return good;
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      "emulated-threads": { type: "string", default: "2" },
      networks: { type: "string", default: Object.keys(NETWORKS).join() },
    },
  });
  const settings = positionals.filter((argument) => argument.includes("="));
  const steps = Number(positionals.find((argument) => !settings.includes(argument)) ?? 50);
  const networks = values.networks.split(",");
  const unknown = networks.filter((name) => !Object.hasOwn(NETWORKS, name));
  if (!(Number.isInteger(steps) && steps > 0) || unknown.length > 0) {
    console.error("usage: deno task test:arm64 [N] [key=value …] [--networks A,B]");
    Deno.exit(2);
  }
  const home = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  const cache = `${home}/qtrain-arm64`, arm64 = await arm64Deno(cache);
  const folder = await Deno.makeTempDir({ prefix: "qtrain-arm64-" });
  const env = {
    HOME: folder,
    PATH: Deno.env.get("PATH") ?? "",
    DENO_DIR: `${cache}/deno`,
    QTRAIN_NO_TUNE: "1",
    QTRAIN_NO_SELF_TEST: "1",
    QTRAIN_DATA: "",
  };
  try {
    // Here, as it would take the emulated process far longer.
    const modules = ["cli/main.ts", ...WORKERS].map((module) => `${ROOT}${module}`);
    const cached = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--no-check", ...modules],
      env: { DENO_DIR: env.DENO_DIR },
      cwd: ROOT,
      stdout: "null",
    }).output();
    if (!cached.success) throw new CannotEmulate(new TextDecoder().decode(cached.stderr));
    const runs = [
      ...[1, 2, 4].map((threads) => ({ name: "x86-64", deno: [Deno.execPath()], threads })),
      {
        name: "arm64",
        // It takes minutes of two cores, so it yields to whatever else runs.
        deno: ["nice", "-n", "15", ...arm64],
        threads: Number(values["emulated-threads"]),
      },
    ];
    let good = true;
    for (const network of networks) {
      good = await compare(network, steps, settings, runs, env) && good;
    }
    if (!good) Deno.exitCode = 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof CannotEmulate)) throw error;
  console.error(error.message);
  Deno.exitCode = 2;
}
