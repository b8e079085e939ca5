/**
 * Which layer of an exported file differs most from the run: the tensors between the layers of both
 * are compared over some images.
 *
 * @module
 */
import { QUANTIZER, wordsOf } from "../../quant/layouts.ts";
import type { Batch } from "../../data/batch.ts";
import type { Interpreter } from "../../export/model_file.ts";
import type { ExportNetwork } from "../../export/network.ts";
import type { Network } from "../network/network.ts";
import { pixelsOf } from "./check.ts";

/** A layer, and how far it is off. */
export interface LayerDifference {
  /** Its name. */
  readonly name: string;
  /** Root mean square of its difference, as a share of that of its values. */
  readonly error: number;
  /** The same of its input; of several the largest. */
  readonly before: number;
}

/**
 * Finds the layer that adds most to the difference.
 *
 * @param network the run's network, planned so that every tensor can be read after a step
 * @param batch at most as many images as the network takes at once
 */
export async function worstLayer(
  file: Interpreter,
  network: Network,
  exported: ExportNetwork,
  batch: Batch,
): Promise<LayerDifference | undefined> {
  await network.logits(batch);
  const values = new Map<string, Float32Array>();
  file.run(pixelsOf(batch, file), batch.samples, (tensor) => {
    values.set(tensor.name, tensor.values.slice());
  });
  const errors = new Map<string, number>();
  let worst: LayerDifference | undefined;
  for (const { name, output, ...node } of exported.nodes) {
    const its = values.get(output.name), own = await tensorOf(network, output, batch.samples);
    if (!its || !own) continue;
    const error = relativeError(own, its);
    errors.set(output.name, error);
    const inputs = [node.input, ..."other" in node ? [node.other] : []];
    const before = inputs.reduce((most, { name }) => Math.max(most, errors.get(name) ?? 0), 0);
    if (!worst || error - before > worst.error - worst.before) worst = { name, error, before };
  }
  return worst;
}

/** The values of a tensor of the run, without padding; `undefined` for one that has no quantizer. */
async function tensorOf(
  { program, executor }: Network,
  { name, h, w, c }: ExportNetwork["input"],
  samples: number,
): Promise<Float32Array | undefined> {
  const row = program.quantizers.findIndex((quantizer) => quantizer.name === name);
  if (row < 0) return undefined;
  const [bytes, table] = await executor.read([`${name}.output`, "quantizers"]);
  const { scale, zero } = QUANTIZER.read(wordsOf(table!), row), padded = Math.ceil(c / 4) * 4;
  const real = program.arithmetic === "int8"
    ? Float32Array.from(new Int8Array(bytes!.buffer), (code) => (code - zero) * scale)
    : new Float32Array(bytes!.buffer);
  const values = new Float32Array(samples * h * w * c);
  for (let pixel = 0; pixel < samples * h * w; pixel++) {
    values.set(real.subarray(pixel * padded, pixel * padded + c), pixel * c);
  }
  return values;
}

function relativeError(own: Float32Array, its: Float32Array): number {
  let difference = 0, power = 0;
  for (const [i, v] of own.entries()) {
    difference += (v - its[i]!) ** 2;
    power += v * v;
  }
  return Math.sqrt(difference / (power || 1));
}
