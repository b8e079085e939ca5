/**
 * Validates WGSL with Tint, the shader compiler of Dawn (Chrome's WebGPU), which refuses more than naga
 * (Deno's) does. Dawn's null backend needs no GPU and no driver.
 *
 * Dawn is a native module of 20 MB for each of five systems, so it is imported in a process of its own
 * with a lock file of its own: Deno downloads all packages of the lock file that it uses, whatever it
 * runs, and the quickstart needs no Dawn.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** A plain string, so that `deno check` does not download it. After a change: {@linkcode LOCK}. */
const DAWN: string = "npm:webgpu@0.6.2";

/**
 * Hashes of the package and of what it needs. `deno cache --no-config --lock=tests/support/dawn.lock
 * npm:webgpu@VERSION` writes it again.
 */
const LOCK = new URL("dawn.lock", import.meta.url);

/** What is used of Dawn. `create` must stay referenced as long as its devices are used. */
interface Dawn {
  create(options: readonly string[]): GPU;
}

/**
 * Returns for each shader what Dawn says against it or the compute pipelines of its entry points, with
 * WebGPU's base limits; nothing for a shader that it accepts. Shaders are validated while the next ones are
 * made.
 *
 * @throws Error when Dawn cannot be downloaded; {@linkcode NoDawn} when it does not run here
 */
export async function refusals(shaders: Iterable<string>): Promise<(string | undefined)[]> {
  const answers: Promise<(string | undefined)[]>[] = [];
  let batch: string[] = [];
  for (const code of shaders) {
    batch.push(code);
    if (batch.length % PAUSE === 0) await new Promise((resolve) => setTimeout(resolve));
    if (batch.length < BATCH) continue;
    await answers.at(-1); // One process at a time: it takes a gigabyte.
    const answer = refusalsOf(batch);
    answer.catch(() => {}); // Thrown where it is awaited.
    answers.push(answer);
    batch = [];
  }
  if (batch.length > 0) answers.push(refusalsOf(batch));
  return (await Promise.all(answers)).flat();
}

/** Shaders of a process: Dawn keeps pipelines, and ends without a word after some thousand large ones. */
const BATCH = 400;
/** Shaders that are made before processes get what was written to them. */
const PAUSE = 10;

/** Returns what a process of its own says of shaders. */
async function refusalsOf(shaders: readonly string[]): Promise<(string | undefined)[]> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--no-config", "--no-check", "--quiet", "--frozen"],
      ...[`--lock=${fileURLToPath(LOCK)}`, "--allow-read", "--allow-ffi", "--allow-env"],
      fileURLToPath(import.meta.url),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [process.stdout, process.stderr].map((stream) => new Response(stream).text());
  const writer = process.stdin.getWriter(), encoder = new TextEncoder();
  try {
    for (const code of shaders) await writer.write(encoder.encode(JSON.stringify(code) + "\n"));
    await writer.close();
  } catch (error) {
    // The process has ended, and says why.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
  const { code } = await process.status, printed = (await err!).trim();
  if (code === NO_BINARY) throw new NoDawn(printed);
  if (code !== 0) throw new Error(`${DAWN}: ended with code ${code}: ${printed}`);
  return (await out!).trimEnd().split("\n").map((line) => JSON.parse(line) ?? undefined);
}

/** Dawn does not run on this system; the message says why. */
export class NoDawn extends Error {}

/** Exit code where the package has no binary that runs here. */
const NO_BINARY = 3;

/** Imports Dawn; ends the process where it has no binary that runs. */
async function importDawn(): Promise<Dawn> {
  try {
    return await import(DAWN);
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    if (!reason.includes("dawn.node")) throw error;
    console.error(
      `${DAWN} has no binary for this system (it has them for Linux with glibc 2.34 and libstdc++ ` +
        `of GCC 12, macOS, and Windows, on x86-64 and arm64): ${reason}`,
    );
    Deno.exit(NO_BINARY);
  }
}

/** Answers each line of stdin, a shader, with a line: `null` or what is wrong with it. */
async function answer(): Promise<void> {
  const gpu = (await importDawn()).create(["backend=null"]);
  Object.assign(globalThis, { gpu }); // Its devices do not keep it.
  const device = await (await gpu.requestAdapter())!.requestDevice();
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) console.log(JSON.stringify(await refusal(device, JSON.parse(line))));
  }
  device.destroy();
}

async function refusal(device: GPUDevice, code: string): Promise<string | null> {
  device.pushErrorScope("validation");
  // Limits are checked when a pipeline is created, everything else with the module.
  const module = device.createShaderModule({ code });
  for (const [, entryPoint] of code.matchAll(/@compute\b[^{]*?\bfn (\w+)/g)) {
    device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: entryPoint! } });
  }
  const error = await device.popErrorScope();
  return error ? error.message.trim() : null;
}

if (import.meta.main) await answer();
