/**
 * Every optimizer. Adding one means its kernel, a file beside this one, and a line here.
 *
 * @module
 */
import type { OptimizerSpec } from "../../recipe/train.ts";
import { adamw } from "./adamw.ts";
import type { Optimizer } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** Optimizers by their name in a recipe. */
export const optimizers: Readonly<Record<OptimizerSpec["name"], Optimizer>> = { sgd, adamw };

/** Their names. */
export const OPTIMIZERS = Object.keys(optimizers) as readonly OptimizerSpec["name"][];
