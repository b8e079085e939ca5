/**
 * Recomputes outputs of norms in the backward pass instead of keeping them from the forward pass, which
 * saves memory and costs time. The same kernel, input and range give the same codes.
 *
 * @module
 */
import { normForward } from "../../../kernels/norm_forward/kernel.ts";
import type { Program, Step } from "../program.ts";

/** Returns the step that computes a norm's output in one pass, with the range already set. */
function makerOf({ sections }: Program, output: string): Step | undefined {
  return sections.forward.find((step) =>
    step.kernel === normForward && step.pass !== "two-pass" && step.buffers.output === output
  );
}

const reads = (step: Step, name: string) => Object.values(step.buffers).includes(name);

/** Returns the buffers of norm outputs that the backward pass reads, the largest first. */
export function recomputable(program: Program): string[] {
  const { buffers, sections } = program;
  return buffers
    .filter(({ name }) =>
      makerOf(program, name) && sections.backward.some((step) => reads(step, name))
    )
    .toSorted((a, b) => b.bytes - a.bytes)
    .map(({ name }) => name);
}

/**
 * Returns the program with some outputs of norms recomputed, each just before its first reader in the
 * backward pass. Recomputing records no statistics, so only memory and time change.
 *
 * @param outputs some of {@link recomputable}
 */
export function recompute(program: Program, outputs: readonly string[]): Program {
  if (outputs.length === 0) return program;
  const { buffers, sections } = program;
  const again = new Map(outputs.map((name) => [name, `${name}.again`]));
  const waiting = new Set(outputs);
  const backward = sections.backward.flatMap((step) => {
    const made = outputs.filter((name) => waiting.has(name) && reads(step, name)).map((name) => {
      waiting.delete(name);
      const { kernel, layer, constants, buffers } = makerOf(program, name)!;
      return {
        kernel,
        layer,
        constants: { ...constants, QUIET: 1 },
        buffers: { ...buffers, output: again.get(name)! },
      };
    });
    const replaced = Object.entries(step.buffers).map(([variable, name]) =>
      [variable, again.get(name) ?? name] as const
    );
    return [...made, { ...step, buffers: Object.fromEntries(replaced) }];
  });
  const copies = buffers.flatMap((buffer) => {
    const name = again.get(buffer.name);
    return name === undefined ? [] : [{ ...buffer, name }];
  });
  return {
    ...program,
    buffers: [...buffers, ...copies],
    sections: { ...sections, backward },
    recomputed: outputs.map((name) => makerOf(program, name)!.layer),
  };
}
