/**
 * The end of a step: gradients are clipped by their norm, the optimizer updates every parameter, and
 * the moving average follows.
 *
 * @module
 */
import { adamw } from "../../../kernels/adamw/kernel.ts";
import { gradientClipScale } from "../../../kernels/gradient_clip_scale/kernel.ts";
import { gradientNormPartials } from "../../../kernels/gradient_norm_partials/kernel.ts";
import { sgd } from "../../../kernels/sgd/kernel.ts";
import { swapEma } from "../../../kernels/swap_ema/kernel.ts";
import { updateEma } from "../../../kernels/update_ema/kernel.ts";
import type { ParameterSpec } from "../program.ts";
import type { OptimizerSpec } from "../../recipe/types.ts";
import type { Builder } from "../builder.ts";
import { placeAlarms, planHold } from "./nonfinite_guard.ts";

/** How parameters are updated. */
export interface UpdateOptions {
  readonly optimizer: OptimizerSpec;
  /** The largest norm of all gradients together; 0: any. */
  readonly clipNorm: number;
  /** What the moving average of the weights keeps in a step; 0: there is none. */
  readonly ema: number;
}

/** A parameter and its values, padding in. */
export interface Trained {
  readonly spec: ParameterSpec;
  readonly padded: number;
}

/** Vectors that a thread adds the squares of. */
const SQUARED = 16;

/** The buffers of a parameter that an update needs: `NAME.gradient`, `.velocity`, `.second`, `.average`. */
export function updateBuffers(b: Builder, name: string, padded: number): void {
  const { optimizer, ema } = b.options.update;
  b.buffer(`${name}.gradient`, 4 * padded, "optimizer");
  b.buffer(`${name}.velocity`, 4 * padded, "optimizer");
  if (optimizer.name === "adamw") b.buffer(`${name}.second`, 4 * padded, "optimizer");
  if (ema > 0) b.buffer(`${name}.average`, 4 * padded, "optimizer");
}

/** Plans the updates, and the exchange of weights and averages around an evaluation. */
export function planUpdates(b: Builder, trained: readonly Trained[]): void {
  const { clipNorm, ema } = b.options.update, names = trained.map(({ spec }) => spec.name);
  if (trained.length > 0) planHold(b, names);
  if (clipNorm > 0) planNorm(b, trained, clipNorm);
  for (const { spec, padded } of trained) planUpdate(b, spec, padded / 4);
  placeAlarms(b, names);
  if (ema === 0) return;
  for (const { spec: { name, layer, quantizer }, padded } of trained) {
    const SIZE = padded / 4;
    const buffers = { weight: name, average: `${name}.average` };
    b.push("update", layer, updateEma, {
      SIZE,
      KEPT: ema,
      TAKEN: 1 - ema,
    }, buffers);
    b.push("exchange", layer, swapEma, {
      SIZE,
      STORE: quantizer === undefined ? 0 : 1,
      W_ROW: quantizer ?? 0,
    }, buffers);
  }
}

function planNorm(b: Builder, trained: readonly Trained[], clipNorm: number): void {
  let tiles = 0;
  for (const { spec: { name, layer }, padded } of trained) {
    const SIZE = padded / 4, TILES = Math.ceil(SIZE / (64 * SQUARED));
    b.push("update", layer, gradientNormPartials, {
      R: SQUARED,
      SIZE,
      TILES,
      FIRST: tiles,
    }, { gradient: `${name}.gradient` });
    tiles += TILES;
  }
  b.buffer("square_tiles", 4 * tiles, "scratch");
  b.buffer("clip", 16, "table");
  b.push(
    "update",
    "optimizer",
    gradientClipScale,
    { TILES: tiles, CLIP_NORM: clipNorm },
    {},
  );
}

function planUpdate(b: Builder, { name, layer, quantizer }: ParameterSpec, SIZE: number): void {
  const { optimizer: o, clipNorm } = b.options.update;
  const rateRow = b.rateRows.get(layer);
  const constants = {
    SIZE,
    STORE: quantizer === undefined ? 0 : 1,
    WEIGHT_DECAY: o.weight_decay,
    SCALED: rateRow === undefined ? 0 : 1,
    RATE_ROW: rateRow ?? 0,
    W_ROW: quantizer ?? 0,
    CLIP: clipNorm > 0 ? 1 : 0,
  };
  const buffers = { gradient: `${name}.gradient`, weight: name, velocity: `${name}.velocity` };
  if (o.name === "sgd") {
    const own = { MOMENTUM: o.momentum, NESTEROV: o.nesterov ? 1 : 0 };
    b.push("update", layer, sgd, { ...constants, ...own }, buffers);
    return;
  }
  const [BETA_1, BETA_2] = o.betas;
  const own = { BETA_1, BETA_2, REST_1: 1 - BETA_1, REST_2: 1 - BETA_2, EPSILON: o.epsilon };
  b.push("update", layer, adamw, { ...constants, ...own }, {
    ...buffers,
    second: `${name}.second`,
  });
}
