/**
 * `train`: what each field accepts, and its defaults.
 *
 * @module
 */
import { flag, keep, LARGEST, map, positive, whole, word } from "./fields.ts";
import * as z from "./zod.ts";

/** `train`. */
export const train = map({
  epochs: whole(1).default(5),
  max_steps: whole(0).default(0),
  batch: whole(1, LARGEST).default(64),
  micro_batch: whole(0, LARGEST).default(0),
  optimizer: map({
    name: word("sgd").default("sgd"),
    lr: positive().default(0.05),
    momentum: keep().default(0.9),
    nesterov: flag().default(false),
    weight_decay: z.number("a number of at least 0").min(0, "a number of at least 0").default(1e-4),
  }).prefault({}),
  schedule: map({
    name: word("constant", "step", "cosine").default("cosine"),
    warmup_steps: whole(0).default(0),
    every_epochs: whole(1).default(10),
    factor: positive().max(1, "a number above 0 and at most 1").default(0.1),
  }).prefault({}),
  log_every: whole(1).default(10),
}).check(({ value, issues }) => {
  const { batch, micro_batch: micro } = value;
  if (micro === 0 || batch % micro === 0) return;
  const message = `a divisor of train.batch (${batch}), or 0 for the whole batch`;
  issues.push({ code: "custom", input: value, path: ["micro_batch"], message });
});
