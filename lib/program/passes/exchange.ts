/**
 * Prepares a program whose gradients are added outside of it, by the ranks of distributed training: each
 * micro-batch's gradients are left as they are, and lie one after another in memory, in the order in which
 * the backward pass finishes them.
 *
 * @module
 */
import { accesses } from "../memory/lifetimes.ts";
import type { Program, Step } from "../program.ts";
import { mapSteps, withConstants } from "../step.ts";
import { trainedBuffers } from "./nonfinite_guard.ts";

/** A gradient, and the step that finishes it. */
interface Finished {
  /** Its buffer. */
  readonly name: string;
  /** Index of the last step that writes it; −1: none. */
  readonly last: number;
}

/** The gradients of the trained parameters in the order in which steps finish them. */
export function gradientsInOrder(
  program: Pick<Program, "parameters">,
  backward: readonly Step[],
): Finished[] {
  const names = trainedBuffers(program).map((name) => `${name}.gradient`), known = new Set(names);
  const last = new Map<string, number>();
  for (const [i, step] of backward.entries()) {
    for (const { name, writes } of accesses(step, known)) if (writes) last.set(name, i);
  }
  return names.map((name) => ({ name, last: last.get(name) ?? -1 }))
    .toSorted((a, b) => a.last - b.last);
}

/** Sets micro-batches apart and puts the gradients in order, before all other buffers. */
export function exchangeGradients(program: Program): Program {
  const order = gradientsInOrder(program, program.sections.backward);
  const places = new Map(order.map(({ name }, i) => [name, i]));
  const gradients = program.buffers.filter(({ name }) => places.has(name))
    .toSorted((a, b) => places.get(a.name)! - places.get(b.name)!);
  const others = program.buffers.filter(({ name }) => !places.has(name));
  const apart = mapSteps(
    program,
    (step) => step.constants.ACCUMULATE ? withConstants(step, { ACCUMULATE: 0 }) : step,
  );
  return { ...apart, buffers: [...gradients, ...others], exchanges: true };
}
