/**
 * What to do about a step with a number that is not finite: `train.on_nonfinite`.
 *
 * @module
 */
import { smallest } from "../../core/min_max.ts";
import type { Batch } from "../../data/batch.ts";
import type { TrainSpec } from "../../recipe/train.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../checkpoint/checkpoint.ts";
import { latestCheckpoint } from "../checkpoint/load.ts";
import type { SkippedStep, TrainerState } from "../checkpoint/trainer_state.ts";
import type { RollbackEvent, SkipEvent } from "../events.ts";
import { locateNonfinite, type Nonfinite, persistentNonfinite } from "../network/divergence.ts";
import type { Network } from "../network/network.ts";
import type { Team } from "../team.ts";
import type { RunFolder } from "../run_folder/run_folder.ts";

/** How a run continues after a step that was not finite. */
type NonfiniteAction =
  /** The run ends, for this reason. */
  | { readonly stop: string }
  /** The run continues after the step. */
  | { readonly skipped: SkippedStep }
  /** The run continues from this state, which the network has been loaded with. */
  | { readonly back: TrainerState; readonly event: RollbackEvent };

/** What the policy needs of a run. */
interface PolicyOptions {
  readonly network: Network;
  readonly train: Pick<TrainSpec, "on_nonfinite" | "max_skipped_steps">;
  /** The recipe as YAML. */
  readonly recipeText: string;
  readonly folder: RunFolder | undefined;
  readonly warn: ((text: string) => void) | undefined;
  readonly team: Team;
}

/** Decides about steps that are not finite, and counts the skipped ones. */
export class NonfinitePolicy {
  #skipped: readonly SkippedStep[] = [];
  /** Steps to skip when the run comes to them again after a rollback, by their number from 1. */
  readonly #planned = new Map<number, SkippedStep>();
  /** The last good state, where the folder has no checkpoint of it. */
  #inMemory: Uint8Array<ArrayBuffer> | undefined;

  constructor(readonly options: PolicyOptions) {}

  /** Steps that were skipped or will be, as a trainer state holds them; nothing when there are none. */
  get skipped(): Pick<TrainerState, "skipped"> {
    const skipped = [...this.#skipped, ...this.#planned.values()];
    return skipped.length > 0 ? { skipped } : {};
  }

  /** Number of steps after step `first`, from 1, that were skipped. */
  skippedAfter(first: number): number {
    return this.#skipped.filter(({ step }) => step > first).length;
  }

  /** Begins at a state, to which a rollback returns until there is a later one. */
  async begin(state: TrainerState): Promise<void> {
    this.#restore(state);
    await this.recordGoodState(state, state.step > 0);
  }

  /** Takes over the steps skipped before a state, and those to be skipped after it. */
  #restore({ step: done, skipped = [] }: TrainerState): void {
    this.#skipped = skipped.filter(({ step }) => step <= done);
    for (const each of skipped) if (each.step > done) this.#planned.set(each.step, each);
  }

  /**
   * Records a good state for a rollback to return to.
   *
   * @param saved whether it is the latest checkpoint of the folder, where there is a folder; else the
   * state is held in memory
   */
  async recordGoodState(state: TrainerState, saved = true): Promise<void> {
    const { network, train, recipeText, folder, team } = this.options;
    // All ranks go back to what the first one holds.
    if (train.on_nonfinite !== "rollback" || !team.isFirst) return;
    this.#inMemory = folder && saved
      ? undefined
      : encodeCheckpoint(await network.state(), recipeText, state);
  }

  /** The first step from `step` on, both from 0, that a rollback has planned to skip, or infinity. */
  nextPlannedSkip(step: number): number {
    return smallest([...this.#planned.keys()].map((at) => at - 1).filter((at) => at >= step));
  }

  /** Skips `step`, from 0, if a rollback has planned that. */
  takePlannedSkip(step: number): SkippedStep | undefined {
    const skipped = this.#planned.get(step + 1);
    if (!skipped) return undefined;
    this.#planned.delete(step + 1);
    return this.#skip(skipped);
  }

  /**
   * Decides about a step that was not finite. The network is as it was before the step.
   *
   * @param step counts from 0
   * @param readBatch reads the step's batch again
   */
  async handle(
    step: number,
    first: Nonfinite,
    readBatch: () => Promise<Batch>,
  ): Promise<NonfiniteAction> {
    const { train: { on_nonfinite: policy, max_skipped_steps: most }, warn } = this.options;
    const { layer, tensor, where, persistent } = await this.#locate(step, first, readBatch);
    if (policy === "stop") return { stop: where };
    if (this.#left === 0) {
      return { stop: `${where}, after train.max_skipped_steps (${most}) skipped steps` };
    }
    const skipped = { step: step + 1, layer, tensor };
    if (policy === "skip") {
      if (persistent) return { stop: `${where}, which skipping cannot repair (rollback may)` };
      this.#skip(skipped);
      warn?.(`step ${step + 1}: ${where}: update skipped (${this.#leftText})`);
      return { skipped };
    }
    const to = await this.#rollBack(skipped);
    const target = to.step === 0 ? "the start" : `the checkpoint of step ${to.step}`;
    warn?.(
      `step ${
        step + 1
      }: ${where}: back to ${target}; this step will be skipped (${this.#leftText})`,
    );
    const event: RollbackEvent = {
      type: "rollback",
      ...skipped,
      problem: where,
      to: to.step,
      left: this.#left,
    };
    return { back: to, event };
  }

  /** The event of a skipped step. */
  skipEvent(skipped: SkippedStep, steps: number, epoch: number): SkipEvent {
    return { type: "skip", ...skipped, steps, epoch, left: this.#left };
  }

  /** Number of steps that may still be skipped. */
  get #left(): number {
    return this.options.train.max_skipped_steps - this.#skipped.length - this.#planned.size;
  }

  get #leftText(): string {
    return `${this.#left} skip${this.#left === 1 ? "" : "s"} left`;
  }

  #skip(skipped: SkippedStep): SkippedStep {
    this.#skipped = [...this.#skipped, skipped];
    return skipped;
  }

  /** Loads the last good state into the network, and plans to skip a step after it. */
  async #rollBack(skipped: SkippedStep): Promise<TrainerState> {
    const { network, folder, warn, team } = this.options;
    this.#planned.set(skipped.step, skipped);
    const bytes = await team.bytesFromFirst(async () =>
      (folder && await latestCheckpoint(folder, warn))?.bytes ?? this.#inMemory
    );
    const good = decodeCheckpoint(bytes!, "the last good state");
    network.load(good);
    this.#restore(good.trainerState);
    return good.trainerState;
  }

  /** The tensor at fault: one that was not finite before the step, or else the first in the step. */
  async #locate(
    step: number,
    first: Nonfinite,
    readBatch: () => Promise<Batch>,
  ): Promise<Nonfinite> {
    const { network, team } = this.options, { program } = network;
    const persistent = persistentNonfinite(await network.state(), program);
    // After an update that overflowed, all weights may be lost: the step's statistics say where.
    if (persistent) return first.persistent ? first : persistent;
    if (program.quantizers.length > 0) return first;
    const own = await locateNonfinite(network, await readBatch(), step);
    // In the order of micro-batches, of which each rank has looked at its own.
    const found = (await team.all(own ?? null)).filter((one) => one !== null)
      .toSorted((a, b) => a.micro - b.micro);
    return found[0]?.nonfinite ?? first;
  }
}
