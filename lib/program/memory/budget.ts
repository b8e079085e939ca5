/**
 * Makes a plan fit the memory that a recipe allows: first outputs of norms are computed again, which
 * changes no bit, then the batch is cut, which changes what batch norm sees.
 *
 * @module
 */
import { ModelError } from "../../core/errors.ts";
import type { Program } from "../program.ts";
import { bytes } from "../../core/format.ts";
import { layOut } from "./layout.ts";
import { type PeakMemory, peakMemory } from "./peak.ts";
import { recomputable, recompute } from "../passes/recompute.ts";

/** A plan, laid out. */
interface Attempt {
  readonly program: Program;
  readonly peak: PeakMemory;
}

function attempt(program: Program, outputs: readonly string[]): Attempt {
  const changed = recompute(program, outputs);
  const laidOut = { ...changed, layout: layOut(changed) };
  return { program: laidOut, peak: peakMemory(laidOut) };
}

/** Recomputes as little as fits; where nothing does, what takes the least. */
function minimizeMemory(program: Program, budget: number): Attempt {
  const plain = attempt(program, []);
  if (plain.peak.total <= budget) return plain;
  let outputs = recomputable(program), fits = attempt(program, outputs);
  if (fits.peak.total > budget) return fits.peak.total < plain.peak.total ? fits : plain;
  // Of the largest, which take the longest, as few as can be.
  for (const output of outputs) {
    const fewer = outputs.filter((name) => name !== output), without = attempt(program, fewer);
    if (without.peak.total <= budget) [outputs, fits] = [fewer, without];
  }
  return fits;
}

/**
 * Plans a network within a budget.
 *
 * @param budget bytes of all buffers; 0: no limit
 * @param batch images of a step, and those of a micro-batch that the recipe asks for
 * @param planOf plans for micro-batches of a size
 * @throws ModelError by how much it cannot fit
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
      refusal ??= error; // A batch too large for a kernel may be cut into some that are not.
      continue;
    }
    const found = minimizeMemory(planned, budget);
    if (found.peak.total <= budget) return found.program;
    if (!least || found.peak.total < least.peak.total) least = { ...found, size };
  }
  if (!least) throw refusal!;
  const { peak: { total, parameters, optimizer }, size, program } = least;
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
