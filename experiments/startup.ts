/**
 * Times `qtrain RECIPE` from the start of its process to the end of the first training step. Runs the
 * command several times, each with a new run folder, and kills it after that step. The caches of Deno
 * and the driver are warm from the second time on; with `--cold` the driver's cache is empty.
 *
 *     deno run -A experiments/startup.ts [recipe.yaml] [key=value …] [--device cpu] [--times 7] [--cold]
 *
 * @module
 */
import { largest, smallest } from "../lib/core/min_max.ts";
import { parseArgs } from "node:util";
import { median } from "../lib/report/statistics.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: "string", default: "7" },
    device: { type: "string", default: "auto" },
    cold: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const root = new URL("..", import.meta.url).pathname;
const [recipe = `${root}configs/quickstart.yaml`, ...overrides] = positionals;
const { tasks } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
const task: string[] = tasks.qtrain.command.split(" ").slice(1, -1);

/** Milliseconds until the start of training, and until the end of the first step. */
async function once(): Promise<{ start: number; step: number }> {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-startup-" });
  const began = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...[...task, `${root}cli/main.ts`, recipe, ...overrides],
      ...["--device", values.device, "--json", "--out", `${folder}/run`],
    ],
    env: values.cold ? { MESA_SHADER_CACHE_DIR: folder } : {},
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let start = NaN, text = "";
  try {
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (Number.isNaN(start) && text.includes('"type":"start"')) start = performance.now() - began;
      if (text.includes('"type":"step"')) return { start, step: performance.now() - began };
    }
    throw new Error("the command ended before its first step");
  } finally {
    try {
      child.kill("SIGKILL");
    } catch { /* It has exited. */ }
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

if (!values.cold) await once(); // Warms the caches.
const times: Awaited<ReturnType<typeof once>>[] = [];
for (let i = 0; i < Number(values.times); i++) times.push(await once());
const steps = times.map(({ step }) => step);
const result = {
  recipe: recipe.replace(root, ""),
  caches: values.cold ? "driver's empty" : "warm",
  calibrated_ms: Math.round(median(times.map(({ start }) => start))),
  first_step_ms: Math.round(median(steps)),
  fastest_ms: Math.round(smallest(steps)),
  slowest_ms: Math.round(largest(steps)),
};
console.log(JSON.stringify(result, null, 2));
if (values.json) await Deno.writeTextFile(values.json, JSON.stringify(result, null, 2) + "\n");
