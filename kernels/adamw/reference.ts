/**
 * Reference of kernels/adamw/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER, STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface AdamW extends StoreConstants {
  readonly SIZE: number;
  readonly BETA_1: number;
  readonly BETA_2: number;
  /** 1 − β₁ and 1 − β₂. */
  readonly REST_1: number;
  readonly REST_2: number;
  readonly EPSILON: number;
  readonly WEIGHT_DECAY: number;
  readonly SCALED: number;
  readonly RATE_ROW: number;
  readonly W_ROW: number;
  readonly CLIP: number;
  readonly NONFINITE: number;
}

/** Updates one parameter tensor. */
export function adamw(
  c: AdamW,
  b: Buffers<"gradient" | "weight" | "velocity" | "second" | "clip" | "found_nonfinite">,
): void {
  if (b.found_nonfinite.u32[0]) return;
  const fround = Math.fround;
  const factor = c.SCALED ? QUANTIZER.get(b.quantizers, c.RATE_ROW, "rateFactor") : 1;
  const rate = fround(STEP.get(b.step, 0, "learningRate") * factor),
    decay = fround(rate * fround(c.WEIGHT_DECAY));
  const corrected = fround(rate * STEP.get(b.step, 0, "firstCorrection")),
    second = STEP.get(b.step, 0, "secondCorrection");
  const beta1 = fround(c.BETA_1), rest1 = fround(c.REST_1);
  const beta2 = fround(c.BETA_2), rest2 = fround(c.REST_2), epsilon = fround(c.EPSILON);
  const clip = c.CLIP ? b.clip.f32[0]! : 1;
  const writer = new Writer(c, b, b.weight, c.W_ROW), bad = new Set<number>();
  for (let at = 0; at < 4 * c.SIZE; at++) {
    const g = fround(b.gradient.f32[at]! * clip);
    const w = fround(b.weight.f32[at]! - fround(decay * b.weight.f32[at]!));
    const m = fround(fround(beta1 * b.velocity.f32[at]!) + fround(rest1 * g));
    const v = fround(fround(beta2 * b.second.f32[at]!) + fround(rest2 * fround(g * g)));
    b.velocity.f32[at] = m;
    b.second.f32[at] = v;
    const below = fround(fround(fround(Math.sqrt(v)) * second) + epsilon);
    b.weight.f32[at] = fround(w - fround(corrected * fround(m / below)));
    if (!Number.isFinite(b.weight.f32[at]!) || !Number.isFinite(v)) bad.add(at >> 2);
    if (c.STORE) writer.observe(b.weight.f32[at]!);
  }
  b.statistics.u32[c.NONFINITE]! += bad.size; // Vectors, as the kernel counts them.
  if (c.STORE) writer.record();
}
