/**
 * What each rank of a distributed training does, takes and sends, before there is one.
 *
 * @module
 */
import { ModelError, UsageError } from "../core/errors.ts";
import { trainedBuffers } from "../program/passes/nonfinite_guard.ts";
import type { Program } from "../program/program.ts";
import { sumBytes } from "./network/wire/int8.ts";

/** Bytes that a rank sends in a step. */
interface SentBytes {
  /** Gradients of its micro-batches to the ranks that add them, and its share of the sums to all. */
  readonly gradients: number;
  /**
   * Statistics, metrics and batch norm's values. Where micro-batches set ranges themselves, the last rank
   * sends these too, some kilobytes to each.
   */
  readonly statistics: number;
  readonly total: number;
}

/** What one of several ranks does and sends. */
export interface RankPlan {
  readonly ranks: number;
  /** Micro-batches of each rank in a step. */
  readonly microBatches: number;
  /**
   * Bytes that it sends, and receives, in a step, by how gradients are sent; without the gaps between
   * buffers, up to 191 bytes each, that the CPU's memory has.
   */
  readonly sent: { readonly f32: SentBytes; readonly int8: SentBytes };
  /** Bytes that it takes on the host beside the program's memory, for what it receives and adds. */
  readonly exchangeMemory: { readonly f32: number; readonly int8: number };
}

/**
 * Checks that ranks can share the micro-batches of a step, and that what each does depends on no other.
 *
 * @throws UsageError, ModelError when not
 */
export function expectShares(
  { batch: micro, micros, quantizers }: Pick<Program, "batch" | "micros" | "quantizers">,
  ranks: number,
): void {
  if (micros % ranks !== 0) throw new UsageError(sharesText(micro, micros, ranks));
  const chained = quantizers.find(({ dynamic, settings }) =>
    dynamic && settings.estimator !== "current-minmax"
  );
  if (chained && micros > 1) {
    throw new ModelError(
      `quantize: estimator ${chained.settings.estimator} of ${chained.name} sets the range of a ` +
        "micro-batch from those before it in the same step, which other ranks compute at that time. " +
        "Use hindsight-minmax, or current-minmax",
    );
  }
}

/** Says that ranks do not divide the micro-batches, and what would. */
function sharesText(micro: number, micros: number, ranks: number): string {
  const batch = micro * micros, numbers = range(micros).filter((n) => micros % n === 0);
  const fits = range(micro).findLast((m) => batch % m === 0 && batch / m % ranks === 0);
  const size = micros === 1
    ? `batch of ${batch} images`
    : `${micros} micro-batches of ${micro} image${micro === 1 ? "" : "s"}`;
  const remedy = fits === undefined
    ? `set train.batch=${
      nearestMultiple(batch, ranks)
    } and a train.micro_batch that cuts it into ` +
      `${ranks} or a multiple`
    : `set train.micro_batch=${fits}, which makes ${batch / fits}`;
  const start = numbers.length > 6 ? `a number that divides ${micros}` : either(numbers);
  return `${ranks} ranks cannot share the ${size} of a step evenly: ${remedy}, or start ${start}`;
}

function range(most: number): number[] {
  return Array.from({ length: most }, (_, i) => i + 1);
}

function nearestMultiple(n: number, of: number): number {
  return of * Math.max(1, Math.round(n / of));
}

function either(numbers: readonly number[]): string {
  const [last, ...before] = numbers.toReversed();
  if (before.length === 0) return `${last} rank`;
  return `${before.toReversed().join(", ")} or ${last} ranks`;
}

/**
 * Plans one of several ranks.
 *
 * @param program made for ranks that add its gradients (`exchanges`)
 * @throws UsageError, ModelError when they cannot share it
 */
export function rankPlan(program: Program, ranks: number): RankPlan {
  expectShares(program, ranks);
  const { micros, norms } = program, microBatches = micros / ranks;
  const sizes = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
  const of = (name: string) => sizes.get(name) ?? 0;
  const trained = trainedBuffers(program);
  const gradients = trained.reduce((sum, name) => sum + of(`${name}.gradient`), 0);
  const running = norms.reduce((sum, { layer }) => sum + of(`${layer}.running`), 0);
  const others = ranks - 1, sums = sumBytes(micros), values = gradients / 4;
  const slice = values / ranks;
  const sent = (bytes: number, sum: number, maxima: number): SentBytes => {
    const all = Math.round(others * slice * (microBatches * bytes + sum));
    const sliced = 2 * (of("statistics") + maxima) + (microBatches + 1) * running;
    const rest = Math.round(others / ranks * sliced) + others * microBatches * of("metrics");
    return { gradients: all, statistics: rest, total: all + rest };
  };
  const f32 = Math.ceil(gradients + 4 * slice);
  const int8 = Math.ceil(values + values + 4 * slice + sums * values);
  return {
    ranks,
    microBatches,
    // With codes, ranks say how large their gradients were.
    sent: { f32: sent(4, 4, 0), int8: sent(1, sums, 4 * trained.length) },
    // The first step with 8 bits is in f32, as ranges are not known before.
    exchangeMemory: { f32, int8: f32 + int8 },
  };
}
