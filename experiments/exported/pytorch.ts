/**
 * Exports of networks of the usual width in torchvision: PyTorch loads them strictly and its float32
 * probabilities are compared with ours; and torchvision's own tensors go in by `init` and come out.
 *
 *     apt-get install python3-torchvision python3-pil
 *     deno run -A experiments/exported/pytorch.ts [--python python3] [--steps 8] [--keep]
 *
 * Trains on the CPU for a few steps, in float32, on pictures that it makes. The exit code is 1 where
 * something differs by more than it may.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { decodeSafetensors } from "../../lib/core/safetensors.ts";
import { draw, key } from "../../lib/data/counter_rng.ts";
import { encodePng } from "../../lib/image/png_encode.ts";

const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    steps: { type: "string", default: "8" },
    keep: { type: "boolean", default: false },
  },
});

/** Images of this side are small enough for seconds a step, and keep torchvision's strides. */
const SIDE = 64;
const CLASSES = ["blue", "green", "red", "stripes", "white"] as const;
const IMAGES = 20;
/** Greatest difference between a probability of PyTorch's and ours. */
const MAX_DIFFERENCE = 1e-5;

/** Networks here and in torchvision, and all their layers but the last. */
const NETWORKS = [
  { model: "resnet18", theirs: "resnet18", body: ["conv1", "norm1", "layer*"] },
  { model: "mobilenet-v2", theirs: "mobilenet_v2", body: ["features*"] },
] as const;

const folder = await Deno.makeTempDir();
const main = new URL("../../cli/main.ts", import.meta.url).pathname;

async function run(command: string, args: readonly string[], input = ""): Promise<string> {
  const process = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${command} ${args.join(" ")}:\n${text(stderr)}${text(stdout)}`);
  return text(stdout);
}

const qtrain = (...args: string[]) =>
  run(Deno.execPath(), ["run", "-A", "--no-check", main, ...args]);

async function pytorch(job: Readonly<Record<string, unknown>>) {
  const script = new URL("pytorch.py", import.meta.url).pathname;
  return JSON.parse(await run(values.python, [script], JSON.stringify(job)));
}

/** A picture of a class: a colour, or stripes, under noise. */
async function picture(label: number, index: number): Promise<Uint8Array> {
  const stream = key(label, index), pixels = new Uint8Array(SIDE * SIDE * 3);
  const colour = [[60, 90, 220], [60, 200, 80], [220, 70, 60], [240, 240, 60], [
    235,
    235,
    235,
  ]][label]!;
  for (let i = 0; i < pixels.length; i++) {
    const dark = label === 3 && Math.floor(i / 3 / SIDE / 8) % 2 === 0;
    const noise = (draw(stream, i) / 2 ** 32 - 0.5) * 120;
    pixels[i] = Math.max(0, Math.min(255, (dark ? 40 : colour[i % 3]!) + noise));
  }
  return await encodePng(pixels, SIDE, SIDE, 3);
}

/** Writes the pictures; returns the paths of those to predict. */
async function writePictures(): Promise<string[]> {
  const paths: string[] = [];
  for (const [split, count] of [["train", 32], ["val", IMAGES / CLASSES.length]] as const) {
    for (const [label, name] of CLASSES.entries()) {
      await Deno.mkdir(`${folder}/data/${split}/${name}`, { recursive: true });
      for (let i = 0; i < count; i++) {
        const path = `${folder}/data/${split}/${name}/${i}.png`;
        await Deno.writeFile(path, await picture(label, i + (split === "val" ? 1000 : 0)));
        if (split === "val") paths.push(path);
      }
    }
  }
  return paths;
}

async function train(model: string, out: string, more: readonly string[]): Promise<string> {
  const recipe = `${out}.yaml`, file = `${out}.safetensors`;
  await Deno.writeTextFile(
    recipe,
    JSON.stringify({
      data: { format: "folder", root: `${folder}/data`, size: SIDE },
      model: { name: model, stem: "imagenet" },
      quantize: { arithmetic: "float32" },
      train: { batch: 16, max_steps: Number(values.steps), epochs: 100, optimizer: { lr: 0.02 } },
    }),
  );
  await qtrain(recipe, "--out", out, "--device", "cpu", "--quiet", ...more);
  await qtrain("export", out, "--out", file);
  return file;
}

/** Our probabilities by label, of each image. */
async function ours(out: string, images: readonly string[]): Promise<number[][]> {
  const top = String(CLASSES.length);
  const found = await qtrain("predict", out, ...images, "--top", top, "--device", "cpu", "--json");
  const answers: { top: { label: number; probability: number }[] }[] = JSON.parse(found);
  return answers.map(({ top }) => {
    const row: number[] = [];
    for (const { label, probability } of top) row[label] = probability;
    return row;
  });
}

let failed = false;
function report(ok: boolean, text: string): void {
  failed ||= !ok;
  console.log(`${ok ? "ok  " : "FAIL"} ${text}`);
}

/** The greatest difference of a function of the probabilities. */
function difference(a: number[][], b: number[][], of: (p: number) => number): number {
  let most = 0;
  a.forEach((row, i) =>
    row.forEach((p, k) => most = Math.max(most, Math.abs(of(p) - of(b[i]![k]!))))
  );
  return most;
}

try {
  const images = await writePictures(), classes = CLASSES.length;
  for (const { model, theirs, body } of NETWORKS) {
    const out = `${folder}/${model}`, file = await train(model, out, []);
    const answer = await pytorch({ load: file, network: theirs, classes, images });
    const strict = answer.missing.length + answer.unexpected.length === 0;
    report(
      strict,
      `${model}: torchvision ${answer.versions[1]}, PyTorch ${answer.versions[0]} load ` +
        `its ${answer.names} tensors strictly`,
    );
    const own = await ours(out, images), other: number[][] = answer.probabilities;
    const off = difference(own, other, (p) => p);
    const likeliest = own.map((row) => Math.max(...row));
    report(
      off <= MAX_DIFFERENCE && own.length === IMAGES,
      `${model}: probabilities of ${own.length} images differ by at most ${off.toExponential(1)} ` +
        `(in the logarithm ${difference(own, other, Math.log).toExponential(1)}); the likeliest ` +
        `class has ${Math.min(...likeliest).toFixed(2)} to ${Math.max(...likeliest).toFixed(2)}`,
    );

    const made = `${folder}/${model}-torchvision.safetensors`;
    await pytorch({ make: made, network: theirs, classes });
    const back = await train(model, `${out}-back`, [
      `init=${made}`,
      `freeze=${JSON.stringify(body)}`,
    ]);
    const before = decodeSafetensors(await Deno.readFile(made), made).tensors;
    const after = decodeSafetensors(await Deno.readFile(back), back).tensors;
    const names = Object.keys(before);
    const same = names.join() === Object.keys(after).join();
    const trained = names.filter((name) => {
      const [a, b] = [before[name]!, after[name]!];
      return a.dtype !== b.dtype || a.shape.join() !== b.shape.join() ||
        a.data.some((byte, i) => byte !== b.data[i]);
    });
    report(
      same && trained.length === 2,
      `${model}: torchvision's ${names.length} tensors go in and come out, in their order; all but ` +
        `${trained.join(" and ")}, which trained, bit for bit`,
    );
  }
} finally {
  if (values.keep) console.log(folder);
  else await Deno.remove(folder, { recursive: true });
}
Deno.exit(failed ? 1 : 0);
