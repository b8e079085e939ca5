/**
 * `train`: its type, what each field accepts, and its defaults. Adding an optimizer means its name and
 * defaults here; lib/program/optimizers has what it computes.
 *
 * @module
 */
import { decay, flag, integer, map, MAX_SIZE, positive, REPORTED, SILENT, word } from "./fields.ts";
import * as z from "./zod.ts";

const atLeast0 = () => z.number("a number of at least 0").min(0, "a number of at least 0");

/** Hours of a year: more is a mistake, such as seconds. */
const MAX_HOURS = 8760;
const HOURS = `a number of hours from 0 to ${MAX_HOURS}`;
const BATCH = `auto or a whole number from 1 to ${MAX_SIZE}`;
const BETAS = "two numbers of at least 0 and less than 1";
const beta = () => z.number(BETAS).min(0, BETAS).lt(1, BETAS);

/** The optimizers, each with its own defaults. */
const OPTIMIZERS: Readonly<
  Record<OptimizerSpec["name"], { readonly lr: number; readonly weight_decay: number }>
> = {
  sgd: { lr: 0.05, weight_decay: 1e-4 },
  adamw: { lr: 1e-3, weight_decay: 0.01 },
};
const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as OptimizerSpec["name"][];

/** An optimizer; each as PyTorch's. */
export interface OptimizerSpec {
  /** The optimizer, as PyTorch's. */
  readonly name: "sgd" | "adamw";
  /** Peak learning rate; by default 0.05 (`sgd`) or 0.001 (`adamw`). */
  readonly lr: number;
  /** `sgd`: momentum. */
  readonly momentum: number;
  /** `sgd`: Nesterov momentum. */
  readonly nesterov: boolean;
  /** `adamw`: decay of the averages of the gradient and its square. */
  readonly betas: readonly [first: number, second: number];
  /** `adamw`: added to the root of the average square. */
  readonly epsilon: number;
  /**
   * Times the weights: added to the gradient (`sgd`), or subtracted at the learning rate (`adamw`).
   */
  readonly weight_decay: number;
}

/** The learning rate over time, after a linear warm-up. */
export interface ScheduleSpec {
  /** The learning rate over time; `plateau` follows the test loss, as PyTorch's ReduceLROnPlateau. */
  readonly name: "constant" | "step" | "cosine" | "plateau";
  /** Steps over which the learning rate rises to its peak. */
  readonly warmup_steps: number;
  /** `step`: epochs between two drops. */
  readonly every_epochs: number;
  /** `step`, `plateau`: factor of a drop. */
  readonly factor: number;
  /** `plateau`: epochs in a row without a lower test loss that it bears; after one more it drops. */
  readonly wait_epochs: number;
  /** `plateau`: the learning rate stays at or above it. */
  readonly min_lr: number;
}

/** How long and how to train. */
export interface TrainSpec {
  /** Passes over the training images; not used with `time`. */
  readonly epochs: number;
  /** Maximum number of steps; 0: no limit. */
  readonly max_steps: number;
  /** Hours that the run takes in place of `epochs`: `schedule` is fitted to them; 0: no such limit. */
  readonly time: number;
  /** Epochs in a row without a higher test accuracy after which the run ends; 0: it goes on. */
  readonly patience: number;
  /**
   * Images of an update. 0 or `auto`: the largest of 16, 24, 32, 48 … 256 that fits `memory` in one piece
   * and leaves 20 steps an epoch; 64 without a limit.
   */
  readonly batch: number;
  /** Images in memory at once; 0: the whole batch. */
  readonly micro_batch: number;
  /** How gradients become updates. */
  readonly optimizer: OptimizerSpec;
  /** The learning rate over time. */
  readonly schedule: ScheduleSpec;
  /** Maximum global gradient norm; 0: no clipping. */
  readonly clip_norm: number;
  /** Decay of the moving average of the weights that evaluation uses; 0: none. */
  readonly ema: number;
  /** Share of a label that is spread over all classes. */
  readonly label_smoothing: number;
  /** What to do about a step with NaN or infinity. */
  readonly on_nonfinite: "stop" | "skip" | "rollback";
  /** Steps that may be skipped before the run stops. */
  readonly max_skipped_steps: number;
  /** Steps between two logged steps. */
  readonly log_every: number;
  /** Minutes between checkpoints within an epoch; 0: only after epochs. */
  readonly checkpoint_minutes: number;
  /** Newest checkpoints that are kept, beside the best. */
  readonly keep_checkpoints: number;
}

/** Fields that the chosen one does not use are accepted, so that one `key=value` switches it. */
const optimizer = map({
  name: word(...OPTIMIZER_NAMES).default("sgd"),
  lr: z.exactOptional(positive().meta(REPORTED)),
  momentum: decay().default(0.9),
  nesterov: flag().default(false),
  betas: z.tuple([beta(), beta()], BETAS).default([0.9, 0.999]),
  epsilon: positive().default(1e-8),
  weight_decay: z.exactOptional(atLeast0()),
}).transform((given) => {
  const { name, momentum, nesterov, betas, epsilon } = given;
  const { lr, weight_decay } = { ...OPTIMIZERS[name], ...given };
  return { name, lr, momentum, nesterov, betas, epsilon, weight_decay };
});

/** `train`. */
export const train = map({
  epochs: integer(1).default(5).meta(REPORTED),
  max_steps: integer(0).default(0).meta(REPORTED),
  time: z.number(HOURS).min(0, HOURS).max(MAX_HOURS, HOURS).default(0).meta(REPORTED),
  patience: integer(0).default(0).meta(REPORTED),
  batch: z.union([z.literal("auto"), z.int(BATCH).min(0, BATCH).max(MAX_SIZE, BATCH)], BATCH)
    .default(64).transform((batch) => batch === "auto" ? 0 : batch),
  micro_batch: integer(0, MAX_SIZE).default(0),
  optimizer: optimizer.prefault({}),
  schedule: map({
    name: word("constant", "step", "cosine", "plateau").default("cosine"),
    warmup_steps: integer(0).default(0),
    every_epochs: integer(1).default(10),
    factor: positive().max(1, "a number above 0 and at most 1").default(0.1),
    wait_epochs: integer(0).default(3),
    min_lr: atLeast0().default(0),
  }).prefault({}).meta(REPORTED),
  clip_norm: atLeast0().default(0),
  ema: decay().default(0),
  label_smoothing: decay().default(0),
  on_nonfinite: word("stop", "skip", "rollback").default("stop").meta(REPORTED),
  max_skipped_steps: integer(1, 1000).default(10).meta(REPORTED),
  log_every: integer(1).default(10).meta(SILENT),
  checkpoint_minutes: atLeast0().default(10).meta(SILENT),
  keep_checkpoints: integer(1).default(3).meta(SILENT),
}).check(({ value, issues }) => {
  const { batch, micro_batch: micro, schedule, optimizer: { lr } } = value;
  if (schedule.name === "plateau" && schedule.min_lr > lr) {
    const message = `a number from 0 to train.optimizer.lr (${lr})`;
    issues.push({ code: "custom", input: schedule, path: ["schedule", "min_lr"], message });
  }
  if (micro === 0 || batch % micro === 0) return;
  const message = `a divisor of train.batch (${batch}), or 0 for the whole batch`;
  issues.push({ code: "custom", input: value, path: ["micro_batch"], message });
});
