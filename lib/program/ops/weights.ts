/**
 * What all layers with a weight plan alike: their parameters and their output.
 *
 * @module
 */
import type { Builder } from "../builder.ts";
import type { ParameterSpec } from "../program.ts";
import type { Shard } from "../shards.ts";
import type { QuantizedTensor } from "../tensor.ts";
import type { Windowed } from "./window.ts";

/** A layer with a weight. */
export interface Weighted extends Windowed {
  readonly name: string;
  readonly bias: boolean;
  /** Whether weight and bias stay as they are. */
  readonly frozen: boolean;
  /** Its output is the logits: real f32 values instead of codes. */
  readonly logits: boolean;
  /** Outputs, inputs that each of them sees, kernel height and width. */
  readonly weightDims: ParameterSpec["dims"];
}

/**
 * Plans weight and bias.
 *
 * @param padded values of the weight with its padding
 * @param layout how the weight is stored
 * @param shards the parts of a weight that is split
 */
export function planParameters(
  b: Builder,
  { name, output, bias, frozen, weightDims }: Weighted,
  padded: number,
  layout: Pick<ParameterSpec, "linear" | "depthwise">,
  shards?: readonly Shard[],
): void {
  const quantizer = b.weightRows.get(name), kept = frozen ? { frozen } : {};
  const weight = { name: `${name}.weight`, layer: name, role: "weight", dims: weightDims } as const;
  const quantized = quantizer === undefined ? {} : { quantizer };
  b.parameter({ ...weight, ...layout, ...kept, ...quantized }, padded, shards);
  if (!bias) return;
  const dims = [output.c, 1, 1, 1] as const;
  b.parameter(
    { name: `${name}.bias`, layer: name, role: "bias", ...kept, dims },
    4 * output.quads,
  );
}

/** Storage of the output: codes with a quantizer, or the logits as they are. */
export function planOutput(b: Builder, { name, output, logits }: Weighted): QuantizedTensor {
  if (!logits) return b.store(output, name);
  const values = 4 * b.options.batch * output.h * output.w * output.quads;
  const buffer = b.buffer(`${output.name}.output`, 4 * values, "activation");
  return output.stored = { buffer, row: 0, quantized: false, stochastic: false };
}
