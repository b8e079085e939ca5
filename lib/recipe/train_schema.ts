/**
 * `train`: what each field accepts, and its defaults.
 *
 * @module
 */
import { decay, flag, integer, LARGEST, map, positive, word } from "./fields.ts";
import * as z from "./zod.ts";

const atLeast0 = () => z.number("a number of at least 0").min(0, "a number of at least 0");

const BETAS = "two numbers of at least 0 and less than 1";
const beta = () => z.number(BETAS).min(0, BETAS).lt(1, BETAS);

/** What depends on the optimizer. */
const OWN = {
  sgd: { lr: 0.05, weight_decay: 1e-4 },
  adamw: { lr: 1e-3, weight_decay: 0.01 },
} as const;

/** Fields that the chosen one does not use are accepted, so that one `key=value` switches it. */
const optimizer = map({
  name: word("sgd", "adamw").default("sgd"),
  lr: z.exactOptional(positive()),
  momentum: decay().default(0.9),
  nesterov: flag().default(false),
  betas: z.tuple([beta(), beta()], BETAS).default([0.9, 0.999]),
  epsilon: positive().default(1e-8),
  weight_decay: z.exactOptional(atLeast0()),
}).transform((given) => {
  const { name, momentum, nesterov, betas, epsilon } = given;
  const { lr, weight_decay } = { ...OWN[name], ...given };
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
