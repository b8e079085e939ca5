/**
 * What each rank of a distributed training does, takes and sends, before there is one.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { trainedBuffers } from "../program/passes/nonfinite_guard.ts";
import type { Program } from "../program/program.ts";
import type { TrainSpec } from "../recipe/train.ts";

/** Micro-batches of 8-bit codes whose sum fits 16 bits: 127 each. */
const MAX_MICROS_INT16 = 258;

/** Bytes that a rank sends in a step. */
interface SentBytes {
  /** Gradients of its micro-batches to the ranks that add them, and its share of the sums to all. */
  readonly gradients: number;
  /** Statistics, metrics and batch norm's values. */
  readonly statistics: number;
  readonly total: number;
}

/** What one of several ranks does and sends. */
export interface RankPlan {
  readonly ranks: number;
  /** Micro-batches of each rank in a step. */
  readonly microBatches: number;
  /** Bytes that it sends, and receives, in a step, by how gradients are sent. */
  readonly sent: { readonly f32: SentBytes; readonly int8: SentBytes };
  /** Bytes that it takes on the host beside the program's memory, for what it receives and adds. */
  readonly exchangeMemory: { readonly f32: number; readonly int8: number };
}

/**
 * Number of micro-batches of each rank.
 *
 * @throws UsageError when the ranks do not divide the micro-batches of a batch
 */
export function microBatchesOfRank(
  { batch, micro_batch }: Pick<TrainSpec, "batch" | "micro_batch">,
  ranks: number,
): number {
  const micro = micro_batch || batch, micros = batch / micro;
  if (micros % ranks === 0) return micros / ranks;
  const divides = (n: number, by: number) => n % by === 0;
  const numbers = range(micros).filter((n) => divides(micros, n));
  const fits = range(micro).findLast((m) => divides(batch, m) && divides(batch / m, ranks));
  const remedy = fits === undefined
    ? `set train.batch=${nearestMultiple(batch, ranks)} with a train.micro_batch that divides it ` +
      `into ${ranks} parts or a multiple`
    : `set train.micro_batch=${fits}, which makes ${batch / fits}`;
  throw new UsageError(
    `train.micro_batch: expected micro-batches that ${ranks} ranks divide among them, got ` +
      `${micros} of ${micro} image${micro === 1 ? "" : "s"}; ${remedy}, or start ` +
      `${numbers.length > 6 ? `a number of ranks that divides ${micros}` : either(numbers)}`,
  );
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
 * @throws UsageError when the ranks do not divide the micro-batches
 */
export function rankPlan(program: Program, ranks: number): RankPlan {
  const { batch, micros, norms } = program;
  const microBatches = microBatchesOfRank({ batch: batch * micros, micro_batch: batch }, ranks);
  const sizes = new Map(program.buffers.map(({ name, bytes }) => [name, bytes]));
  const of = (name: string) => sizes.get(name) ?? 0;
  const gradients = trainedBuffers(program).reduce((sum, name) => sum + of(`${name}.gradient`), 0);
  const running = norms.reduce((sum, { layer }) => sum + of(`${layer}.running`), 0);
  const statistics = (ranks - 1) * (of("statistics") + of("quantizers") + of("memory") +
    microBatches * (of("metrics") + running));
  const others = (ranks - 1) / ranks, sumBytes = micros <= MAX_MICROS_INT16 ? 2 : 4;
  const sent = (bytes: number, sum: number): SentBytes => {
    const all = Math.round(gradients / 4 * others * (microBatches * bytes + sum));
    return { gradients: all, statistics, total: all + statistics };
  };
  const values = gradients / 4, slice = values / ranks;
  const f32 = Math.ceil(gradients + 4 * slice);
  const int8 = Math.ceil(values + values + 4 * slice + sumBytes * values);
  return {
    ranks,
    microBatches,
    sent: { f32: sent(4, 4), int8: sent(1, sumBytes) },
    // The first step with 8 bits is in f32, as ranges are not known before.
    exchangeMemory: { f32, int8: f32 + int8 },
  };
}
