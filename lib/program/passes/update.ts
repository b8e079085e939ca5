/**
 * Adds the end of a step: clips gradients by their norm, updates every parameter with the optimizer, and
 * then its moving average.
 *
 * @module
 */
import { gradientClipScale } from "../../../kernels/gradient_clip_scale/kernel.ts";
import { gradientNormPartials } from "../../../kernels/gradient_norm_partials/kernel.ts";
import { swapEma } from "../../../kernels/swap_ema/kernel.ts";
import { updateEma } from "../../../kernels/update_ema/kernel.ts";
import type { OptimizerSpec } from "../../recipe/train.ts";
import {
  buffersOf,
  type BufferSpec,
  type ParameterSpec,
  type Program,
  type Step,
} from "../program.ts";
import { optimizers } from "../optimizers/mod.ts";
import { newBuffer, newStep } from "../step.ts";

/** Options of {@linkcode update}. */
interface UpdateOptions {
  readonly optimizer: OptimizerSpec;
  /** Maximum norm of all gradients together; 0 disables clipping. */
  readonly clipNorm: number;
  /** EMA decay per step; 0 disables it. */
  readonly ema: number;
}

/** A trained parameter, or a shard of one. */
interface Trained extends Pick<ParameterSpec, "name" | "layer" | "quantizer" | "rateRow"> {
  /** Number of vectors of four values, with padding. */
  readonly SIZE: number;
}

/** Number of vectors whose squares a thread adds. */
const SQUARED = 16;

/**
 * Adds gradients (`NAME.gradient`), the optimizer's state and the moving average of every parameter
 * that trains, their updates, and the swap of weights and averages around an evaluation.
 */
export function update(program: Program, options: UpdateOptions): Program {
  const { optimizer, clipNorm, ema } = options, bytes = new Map<string, number>();
  for (const buffer of program.buffers) bytes.set(buffer.name, buffer.bytes);
  const trained = program.parameters.filter(({ frozen }) => !frozen).flatMap((spec) =>
    buffersOf(spec).map((name): Trained => ({ ...spec, name, SIZE: bytes.get(name)! / 16 }))
  );
  const states = ["gradient", ...Object.keys(optimizers[optimizer.name].state)];
  if (ema > 0) states.push("average");
  const buffers = trained.flatMap(({ name, SIZE }) =>
    states.map((state) => newBuffer(`${name}.${state}`, 16 * SIZE, "optimizer"))
  );
  const clip = clipNorm > 0 ? clipSteps(program, trained, clipNorm) : { buffers: [], steps: [] };
  const updates = trained.map((parameter) => updateStep(program, parameter, options));
  const averages = ema > 0 ? emaSteps(program, trained, ema) : { update: [], exchange: [] };
  const { sections } = program;
  return {
    ...program,
    buffers: [...program.buffers, ...buffers, ...clip.buffers],
    sections: {
      ...sections,
      update: [...sections.update, ...clip.steps, ...updates, ...averages.update],
      exchange: [...sections.exchange, ...averages.exchange],
    },
  };
}

function clipSteps(
  program: Program,
  trained: readonly Trained[],
  CLIP_NORM: number,
): { readonly buffers: readonly BufferSpec[]; readonly steps: readonly Step[] } {
  let TILES = 0;
  const steps = trained.map(({ name, layer, SIZE }) => {
    const FIRST = TILES, tiles = Math.ceil(SIZE / (64 * SQUARED));
    TILES += tiles;
    const constants = { R: SQUARED, SIZE, TILES: tiles, FIRST };
    return newStep(program, layer, gradientNormPartials, constants, {
      gradient: `${name}.gradient`,
    });
  });
  return {
    buffers: [newBuffer("square_tiles", 4 * TILES, "scratch"), newBuffer("clip", 16, "table")],
    steps: [...steps, newStep(program, "optimizer", gradientClipScale, { TILES, CLIP_NORM }, {})],
  };
}

function updateStep(
  program: Program,
  { name, layer, quantizer, rateRow, SIZE }: Trained,
  { optimizer: o, clipNorm }: UpdateOptions,
): Step {
  const constants = {
    SIZE,
    STORE: quantizer === undefined ? 0 : 1,
    WEIGHT_DECAY: o.weight_decay,
    SCALED: rateRow === undefined ? 0 : 1,
    RATE_ROW: rateRow ?? 0,
    W_ROW: quantizer ?? 0,
    CLIP: clipNorm > 0 ? 1 : 0,
  };
  return optimizers[o.name].step(program, { name, layer }, constants, o);
}

function emaSteps(
  program: Program,
  trained: readonly Trained[],
  ema: number,
): { readonly update: readonly Step[]; readonly exchange: readonly Step[] } {
  const buffers = (name: string) => ({ weight: name, average: `${name}.average` });
  return {
    update: trained.map(({ name, layer, SIZE }) =>
      newStep(program, layer, updateEma, { SIZE, KEPT: ema, TAKEN: 1 - ema }, buffers(name))
    ),
    exchange: trained.map(({ name, layer, quantizer, SIZE }) => {
      const constants = { SIZE, STORE: quantizer === undefined ? 0 : 1, W_ROW: quantizer ?? 0 };
      return newStep(program, layer, swapEma, constants, buffers(name));
    }),
  };
}
