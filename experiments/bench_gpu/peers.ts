/**
 * The same networks by PyTorch on the same GPU, where a Python has it.
 *
 * @module
 */
import type { Peer } from "../peers/peers.ts";
import { PeerError, PeerProcess } from "../peers/process.ts";
import { stepsRecipe } from "../../lib/bench/steps.ts";
import { layersOf } from "../../lib/program/plan.ts";
import { median } from "../../lib/report/statistics.ts";
import { cut, type Part } from "./parts.ts";
import type { StepsSize } from "./report.ts";

/** Turns that the median is taken over, and milliseconds of each. */
const TURNS = 5, TURN_MS = 800;
/** Precisions of a network, by what they are called. */
const PRECISIONS = { default: "PyTorch eager", float32: "PyTorch eager, no TF32" } as const;

/** Times whole steps of PyTorch; skipped, with the reason, where it has no GPU. */
export async function peers(part: Part): Promise<void> {
  const { record } = part;
  const folder = await Deno.makeTempDir({ prefix: "qtrain-peers-" });
  try {
    for (const size of measuredSizes(part)) {
      for (const precision of Object.keys(PRECISIONS) as (keyof typeof PRECISIONS)[]) {
        const what = `${PRECISIONS[precision]} of ${size.model}, batch ${size.batch}`;
        if (part.left() <= 0) {
          cut(part, what);
          continue;
        }
        part.progress(what);
        const device = await timePyTorch(part, size, precision, `${folder}/network.json`);
        if (device === undefined) {
          if (part.result.peers.length === 0) record.result = "skipped";
          return;
        }
        // Only NVIDIA's GPUs have TF32.
        if (!device.endsWith("CUDA")) break;
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The sizes that qtrain's steps had, or should have had. */
function measuredSizes({ result }: Part): readonly StepsSize[] {
  const steps = result.bench?.steps ?? [];
  if (steps.length === 0) return result.sizes;
  return steps.map(({ model, batch, input: [size] }) => ({
    model: model as StepsSize["model"],
    batch,
    size,
  }));
}

/** Times one network. @returns what it ran on; undefined if PyTorch cannot run, with a note */
async function timePyTorch(
  { result, record, seconds }: Part,
  { model, batch, size }: StepsSize,
  precision: keyof typeof PRECISIONS,
  file: string,
): Promise<string | undefined> {
  const recipe = stepsRecipe({ model, batch, size }, { arithmetic: "float32" });
  const input = [size, size, 1] as const, classes = 10;
  const layers = layersOf(recipe, { shape: input, classes });
  await Deno.writeTextFile(file, JSON.stringify({ layers, batch, input, classes }));
  const peer: Peer = {
    name: PRECISIONS[precision],
    what: "float32, eager",
    script: "pytorch_layers.py",
    args: ["gpu", precision],
  };
  let process: PeerProcess | undefined;
  try {
    const [running, ready] = await PeerProcess.start(peer, file, threads(), seconds);
    process = running;
    const steps = Math.max(1, Math.round(TURN_MS / ready.ms)), times: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      times.push((await process.round(steps, seconds)).ms / steps);
    }
    const ms = median(times), { version, device } = ready;
    const images_per_second = 1000 * batch / ms;
    result.peers.push({ peer: peer.name, version, device, model, batch, ms, images_per_second });
    return device;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    record.notes.push(error.message);
    return undefined;
  } finally {
    await process?.stop();
  }
}

const threads = () => navigator.hardwareConcurrency;
