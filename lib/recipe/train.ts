/**
 * `train`: its type, what each field accepts, and its defaults. Adding an optimizer means its name and
 * defaults here; lib/program/optimizers has what it computes.
 *
 * @module
 */
import { decay, flag, integer, LARGEST, map, positive, word } from "./fields.ts";
import * as z from "./zod.ts";

const atLeast0 = () => z.number("a number of at least 0").min(0, "a number of at least 0");

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
  /** Which one. */
  readonly name: "sgd" | "adamw";
  /** Peak learning rate, above 0. */
  readonly lr: number;
  /** Used by `sgd`: 0 ≤ momentum < 1. */
  readonly momentum: number;
  /** Used by `sgd`: whether momentum is Nesterov's. */
  readonly nesterov: boolean;
  /** Used by `adamw`: what the averages of the gradient and of its square keep in a step. */
  readonly betas: readonly [first: number, second: number];
  /** Used by `adamw`: added to the root of the average square; above 0. */
  readonly epsilon: number;
  /** Times the weights: added to their gradient (`sgd`), or taken off at the learning rate (`adamw`). */
  readonly weight_decay: number;
}

/** The learning rate over time, after a linear warm-up. */
export interface ScheduleSpec {
  /** Which one. */
  readonly name: "constant" | "step" | "cosine";
  /** Steps over which the rate rises linearly to its peak. */
  readonly warmup_steps: number;
  /** Used by `step`: epochs between two drops. */
  readonly every_epochs: number;
  /** Used by `step`: each drop multiplies the rate by this, above 0 and at most 1. */
  readonly factor: number;
}

/** How long and how to train. */
export interface TrainSpec {
  /** Passes over the training images. */
  readonly epochs: number;
  /** 0: no limit. */
  readonly max_steps: number;
  /** Images of an optimizer step: what the learning rate, epochs and steps refer to. */
  readonly batch: number;
  /** Images that are in memory at once; divides `batch`. 0: the whole batch. */
  readonly micro_batch: number;
  /** How gradients become updates. */
  readonly optimizer: OptimizerSpec;
  /** The learning rate over time. */
  readonly schedule: ScheduleSpec;
  /** The norm that all gradients together are scaled down to where it is larger; 0: any. */
  readonly clip_norm: number;
  /** Evaluation uses a moving average of the weights that keeps this share in a step; 0: none. */
  readonly ema: number;
  /** Share of a label that all classes have alike, 0 ≤ share < 1; in training alone. */
  readonly label_smoothing: number;
  /**
   * What becomes of a step in which a number is not finite: the run ends (`stop`), the step changes
   * nothing (`skip`), or the run goes back to its last checkpoint and leaves it out (`rollback`).
   */
  readonly on_nonfinite: "stop" | "skip" | "rollback";
  /** Steps of a run that may be left out so; 1 to 1000. */
  readonly max_skipped_steps: number;
  /** Steps between two logged steps. */
  readonly log_every: number;
  /** Minutes after which a checkpoint is written within an epoch; 0: only at the end of epochs. */
  readonly checkpoint_minutes: number;
  /** The newest checkpoints that are kept, beside the best. */
  readonly keep_checkpoints: number;
}

/** Fields that the chosen one does not use are accepted, so that one `key=value` switches it. */
const optimizer = map({
  name: word(...OPTIMIZER_NAMES).default("sgd"),
  lr: z.exactOptional(positive()),
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
  epochs: integer(1).default(5),
  max_steps: integer(0).default(0),
  batch: integer(1, LARGEST).default(64),
  micro_batch: integer(0, LARGEST).default(0),
  optimizer: optimizer.prefault({}),
  schedule: map({
    name: word("constant", "step", "cosine").default("cosine"),
    warmup_steps: integer(0).default(0),
    every_epochs: integer(1).default(10),
    factor: positive().max(1, "a number above 0 and at most 1").default(0.1),
  }).prefault({}),
  clip_norm: atLeast0().default(0),
  ema: decay().default(0),
  label_smoothing: decay().default(0),
  on_nonfinite: word("stop", "skip", "rollback").default("stop"),
  max_skipped_steps: integer(1, 1000).default(10),
  log_every: integer(1).default(10),
  checkpoint_minutes: atLeast0().default(10),
  keep_checkpoints: integer(1).default(3),
}).check(({ value, issues }) => {
  const { batch, micro_batch: micro } = value;
  if (micro === 0 || batch % micro === 0) return;
  const message = `a divisor of train.batch (${batch}), or 0 for the whole batch`;
  issues.push({ code: "custom", input: value, path: ["micro_batch"], message });
});
