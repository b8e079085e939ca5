/**
 * Where numbers stopped being finite.
 *
 * @module
 */
import type { Executor } from "../executor.ts";
import { wholeAfter } from "../memory/layout.ts";
import { buffersOf, type Program } from "../program.ts";
import type { Observation } from "../quant/scheduler.ts";
import type { NetworkState } from "./network.ts";

/** The first tensor of a state that is not finite (a variance that overflowed), in words. */
export function stateNotFinite(state: NetworkState): string | undefined {
  const all = [...state.running, ...state.parameters, ...state.velocities, ...state.seconds];
  const bad = all.find(({ data }) => data.some((v) => !Number.isFinite(v)));
  return bad && `layer ${bad.name.split(".")[0]}, ${bad.name}: not finite`;
}

/**
 * The first tensor, in the order of a step, that holds a value that is not finite; in words, or
 * `undefined` when there is none. Quantizers count such values; without any, one looks.
 */
export async function findNotFinite(
  program: Program,
  executor: Executor,
  observations: readonly Observation[],
): Promise<string | undefined> {
  const weights = observations.slice(0, program.weightQuantizers);
  const inOrder = [...observations.slice(program.weightQuantizers), ...weights];
  const seen = inOrder.find((o) => o.notFinite > 0);
  if (seen) {
    const { name, layer, elements } = seen.quantizer;
    return `layer ${layer}, quantizer ${name}: ${seen.notFinite} of ${elements} values are not finite`;
  }
  if (program.quantizers.length > 0) return undefined;
  // The step's update has run by now, so weights tell nothing: its tensors do, in their order, as
  // far as no other tensor has taken their place; gradients of weights all lie there still.
  const whole = wholeAfter(program);
  const tensors = program.buffers.filter((b) => b.kind === "activation" || b.kind === "gradient");
  const gradients = program.parameters.toReversed().flatMap(buffersOf).map((n) => `${n}.gradient`);
  for (const name of [...tensors.map((b) => b.name), ...gradients]) {
    if (name === "pixels" || name === "labels" || !whole.has(name)) continue;
    const [bytes] = await executor.read([name]);
    const bad = new Float32Array(bytes!.buffer).findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) return `layer ${name.split(".")[0]}, tensor ${name}: not finite`;
  }
  return undefined;
}
