/**
 * What becomes of a step that was not finite: `train.on_nonfinite`.
 *
 * @module
 */
import type { TrainSpec } from "../../recipe/types.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../checkpoint/checkpoint.ts";
import { type Nonfinite, persistentNonfinite } from "../network/divergence.ts";
import type { RollbackEvent, SkipEvent } from "../events.ts";
import type { Network } from "../network/network.ts";
import type { Batch } from "../../data/batch.ts";
import { latestCheckpoint } from "../checkpoint/latest.ts";
import type { SkippedStep, TrainerState } from "../checkpoint/trainer_state.ts";
import type { RunFolder } from "../run_folder/run_folder.ts";
import { locateNonfinite } from "../network/undo_step.ts";

/** What to do about a step. */
export type NonfiniteAction =
  /** The run ends; in words. */
  | { readonly stop: string }
  /** It goes on behind the step. */
  | { readonly skipped: SkippedStep }
  /** It goes on from there; the network is as it was then. */
  | { readonly back: TrainerState; readonly event: RollbackEvent };

/** What a run is, as far as it matters here. */
interface Setting {
  readonly network: Network;
  readonly train: Pick<TrainSpec, "on_nonfinite" | "most_skips">;
  /** The recipe as YAML. */
  readonly text: string;
  readonly folder?: RunFolder | undefined;
  readonly warn?: ((text: string) => void) | undefined;
}

/** Watches over the numbers of a run. */
export class NonfinitePolicy {
  #skipped: readonly SkippedStep[] = [];
  /** Steps that a rollback leaves out when the run comes to them again. */
  readonly #ahead = new Map<number, SkippedStep>();
  /** The last good state in memory, where the folder has none yet. */
  #kept: Uint8Array<ArrayBuffer> | undefined;

  constructor(readonly setting: Setting) {}

  /** What a position says of the steps that were left out, or will be; nothing where there are none. */
  get skipped(): Pick<TrainerState, "skipped"> {
    const skipped = [...this.#skipped, ...this.#ahead.values()];
    return skipped.length > 0 ? { skipped } : {};
  }

  /** Steps after step `first`, from 1, that were left out. */
  since(first: number): number {
    return this.#skipped.filter(({ step }) => step > first).length;
  }

  /** Begins at a position, which is where a rollback goes to until there is a later one. */
  async begin(position: TrainerState): Promise<void> {
    this.#at(position);
    await this.keep(position, position.step > 0);
  }

  /** Takes over what was left out before a position, and what is to be left out behind it. */
  #at({ step: done, skipped = [] }: TrainerState): void {
    this.#skipped = skipped.filter(({ step }) => step <= done);
    for (const each of skipped) if (each.step > done) this.#ahead.set(each.step, each);
  }

  /**
   * Takes note of a good state, which a rollback may go back to.
   *
   * @param written whether it is the newest checkpoint of the folder, where there is one; else it
   * is held in memory
   */
  async keep(position: TrainerState, written = true): Promise<void> {
    const { network, train, text, folder } = this.setting;
    if (train.on_nonfinite !== "rollback") return;
    this.#kept = folder && written
      ? undefined
      : encodeCheckpoint(await network.state(), text, position);
  }

  /** The next step from `step` on, both from 0, that a rollback leaves out; infinite where none is. */
  next(step: number): number {
    return Math.min(...[...this.#ahead.keys()].map((at) => at - 1).filter((at) => at >= step));
  }

  /** Leaves out `step`, from 0, if a rollback wants that. */
  skip(step: number): SkippedStep | undefined {
    const skipped = this.#ahead.get(step + 1);
    if (!skipped) return undefined;
    this.#ahead.delete(step + 1);
    return this.#skip(skipped);
  }

  /**
   * Decides about `step`, from 0, which was not finite. All is as before it.
   *
   * @param batch reads its batch again
   */
  async handle(
    step: number,
    first: Nonfinite,
    batch: () => Promise<Batch>,
  ): Promise<NonfiniteAction> {
    const { network, train: { on_nonfinite: policy, most_skips: most }, warn } = this.setting;
    const { layer, tensor, where, persistent } = await this.#name(step, first, batch);
    if (policy === "stop") return { stop: where };
    if (this.#left === 0) {
      return { stop: `${where}, and train.most_skips (${most}) steps were left out before it` };
    }
    const skipped = { step: step + 1, layer, tensor };
    if (policy === "skip") {
      if (persistent) return { stop: `${where}, which no skipped step can mend (rollback may)` };
      this.#skip(skipped);
      warn?.(`step ${step + 1}: ${where}: skipped, nothing is changed; ${this.#more()}`);
      return { skipped };
    }
    this.#ahead.set(step + 1, skipped);
    const { position, ...saved } = await this.#last();
    network.load(saved);
    this.#at(position);
    const at = position.step === 0 ? "the start" : `the checkpoint of step ${position.step}`;
    warn?.(`step ${step + 1}: ${where}: back to ${at}, then without this step; ${this.#more()}`);
    const event: RollbackEvent = {
      type: "rollback",
      ...skipped,
      problem: where,
      to: position.step,
      left: this.#left,
    };
    return { back: position, event };
  }

  /** What is told of a step that was left out. */
  event(skipped: SkippedStep, steps: number, epoch: number): SkipEvent {
    return { type: "skip", ...skipped, steps, epoch, left: this.#left };
  }

  get #left(): number {
    return this.setting.train.most_skips - this.#skipped.length - this.#ahead.size;
  }

  #more(): string {
    return this.#left === 1 ? "1 more step may be left out" : `${this.#left} more steps may be`;
  }

  #skip(skipped: SkippedStep): SkippedStep {
    this.#skipped = [...this.#skipped, skipped];
    return skipped;
  }

  /** The tensor at fault: one that was there before the step, or else the first that it made. */
  async #name(step: number, first: Nonfinite, batch: () => Promise<Batch>): Promise<Nonfinite> {
    const { network } = this.setting, { program } = network;
    const lasting = persistentNonfinite(await network.state(), program);
    // After an update that overflowed, all weights may be lost: what the step has seen says where.
    if (lasting) return first.persistent ? first : lasting;
    if (program.quantizers.length > 0) return first;
    return await locateNonfinite(network, await batch(), step) ?? first;
  }

  /** The last good state. */
  async #last() {
    const { folder, warn } = this.setting;
    const found = folder && await latestCheckpoint(folder, warn);
    return found ?? decodeCheckpoint(this.#kept!, "the state in memory");
  }
}
