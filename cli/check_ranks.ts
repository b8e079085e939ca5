/**
 * `qtrain check --mpi K`: what each of several ranks takes and sends.
 *
 * @module
 */
import { type RankPlan, rankPlan } from "../lib/train/rank_plan.ts";
import type { Program } from "../lib/program/program.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import type { Option } from "./command.ts";
import { bytes } from "./format.ts";

/** More ranks than anyone starts; each needs a micro-batch. */
const MAX_RANKS = 65536;

/** A number of ranks to plan for. */
export const RANKS = {
  type: "integer",
  usage: "--mpi K",
  help: "plan for K ranks that train together: memory and bytes on the wire of each",
  max: MAX_RANKS,
} as const satisfies Option;

/** The plan of each rank, if a number of them was given. @throws UsageError when they do not fit */
export function plannedRanks(program: Program, ranks: number | undefined): RankPlan | undefined {
  return ranks === undefined ? undefined : rankPlan(program, ranks);
}

/** The plan of a rank, as rows. */
export function rankRows(
  plan: RankPlan | undefined,
  { micros }: Program,
  { distributed: { wire } }: Recipe,
): [string, string][] {
  if (!plan) return [];
  const { ranks, microBatches, sent: { f32, int8 }, exchangeMemory } = plan;
  const share = `${ranks}, ${microBatches} of ${micros} micro-batches each in a step`;
  if (ranks === 1) return [["ranks", `${share}; nothing is sent`]];
  const gradients = wire === "f32"
    ? `gradients ${bytes(f32.gradients)} (with distributed.wire=int8 ${bytes(int8.gradients)})`
    : `gradients in 8 bits ${bytes(int8.gradients)} (in f32 ${bytes(f32.gradients)})`;
  return [
    ["ranks", share],
    [
      "each sends",
      `${bytes(plan.sent[wire].total)} a step, and receives as much: ${gradients}, ` +
      `statistics ${bytes(plan.sent[wire].statistics)}`,
    ],
    ["each needs", `the memory above, and ${bytes(exchangeMemory[wire])} for what it receives`],
  ];
}

/** The plan of a rank as JSON. */
export function rankJson(plan: RankPlan | undefined): Record<string, unknown> {
  if (!plan) return {};
  const { ranks, microBatches, sent, exchangeMemory } = plan;
  return {
    mpi: {
      ranks,
      micro_batches: microBatches,
      sent_bytes_per_step: sent,
      exchange_memory: exchangeMemory,
    },
  };
}
