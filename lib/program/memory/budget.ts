/**
 * Makes a plan fit the memory that a recipe allows: first by recomputing outputs of norms, which changes
 * no bit, then by cutting the batch into micro-batches, which changes the statistics of batch norm.
 *
 * @module
 */
import { ModelError } from "../../core/errors.ts";
import type { Program } from "../program.ts";
import { bytes } from "../../core/format.ts";
import { cpuMemory } from "./cpu_memory.ts";
import { layOut } from "./layout.ts";
import { type PeakMemory, peakMemory } from "./peak.ts";
import { recomputable, recompute } from "../passes/recompute.ts";

/** A plan with its memory layout. */
interface Attempt {
  readonly program: Program;
  readonly peak: PeakMemory;
  /** {@linkcode requiredBytes}. */
  readonly total: number;
}

function attempt(program: Program, outputs: readonly string[]): Attempt {
  const changed = recompute(program, outputs);
  const laidOut = { ...changed, layout: layOut(changed) };
  return { program: laidOut, peak: peakMemory(laidOut), total: requiredBytes(laidOut) };
}

/**
 * Bytes that a program takes on a GPU, or on the CPU with one thread if that is more. The plan decides
 * what batch norm sees, so it must not depend on the device.
 */
export function requiredBytes(program: Program): number {
  return Math.max(peakMemory(program).total, cpuMemory(program, 1).total);
}

/** Recomputes as few outputs as possible within the budget; if nothing fits, returns the smallest attempt. */
function minimizeMemory(program: Program, budget: number): Attempt {
  const plain = attempt(program, []);
  if (plain.total <= budget) return plain;
  let outputs = recomputable(program), fits = attempt(program, outputs);
  if (fits.total > budget) return fits.total < plain.total ? fits : plain;
  // The largest outputs save the most, so few of them are enough.
  for (const output of outputs) {
    const fewer = outputs.filter((name) => name !== output), without = attempt(program, fewer);
    if (without.total <= budget) [outputs, fits] = [fewer, without];
  }
  return fits;
}

/**
 * Plans a network within a budget.
 *
 * @param budget bytes of all buffers; 0: no limit
 * @param batch images of a step, and of a micro-batch if the recipe sets it
 * @param planOf plans the network for a size of micro-batch
 * @throws ModelError that says how much memory is missing
 */
export function planWithinBudget(
  budget: number,
  { batch, micro }: { readonly batch: number; readonly micro: number },
  planOf: (micro: number) => Program,
): Program {
  if (budget === 0) return attempt(planOf(micro), []).program;
  const sizes = Array.from({ length: micro }, (_, i) => micro - i).filter((n) => batch % n === 0);
  let least: (Attempt & { readonly size: number }) | undefined;
  let refusal: ModelError | undefined;
  for (const size of sizes) {
    let planned: Program;
    try {
      planned = planOf(size);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      refusal ??= error; // A batch that is too large for a kernel may fit as micro-batches.
      continue;
    }
    const found = minimizeMemory(planned, budget);
    if (found.total <= budget) return found.program;
    if (!least || found.total < least.total) least = { ...found, size };
  }
  if (!least) throw refusal!;
  const { total, peak: { parameters, optimizer }, size, program } = least;
  const again = program.recomputed?.length ? ", recomputing" : "";
  throw new ModelError(
    `memory: the least that this network needs is ${
      bytes(total)
    } (micro-batches of ${size}${again}), ` +
      `${bytes(total - budget)} more than the ${bytes(budget)} allowed; parameters and optimizer ` +
      `take ${bytes(parameters + optimizer)} of it. Allow more, or use a narrower network or ` +
      "smaller images",
  );
}
