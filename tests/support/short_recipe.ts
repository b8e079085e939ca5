/**
 * A recipe for tests that train; without the isolation of `runs.ts`, for processes with few permissions.
 *
 * @module
 */
import type { RecipeInput } from "../../lib/recipe/recipe.ts";

/** 10 steps an epoch, two epochs, a network of a thousand weights. */
export const SHORT: RecipeInput = {
  seed: 3,
  data: { format: "glyphs", size: 12, train: 168, test: 40 },
  model: { name: "cnn", width: 4 },
  train: { epochs: 2, batch: 16, schedule: { name: "cosine", warmup_steps: 4 } },
};
