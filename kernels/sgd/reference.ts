/**
 * Reference of kernels/sgd/shader.wgsl.
 *
 * @module
 */
import { QUANTIZER, STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface Sgd extends StoreConstants {
  readonly SIZE: number;
  readonly MOMENTUM: number;
  readonly NESTEROV: number;
  readonly WEIGHT_DECAY: number;
  readonly SCALED: number;
  readonly RATE_ROW: number;
  readonly W_ROW: number;
  readonly CLIP: number;
  readonly NONFINITE: number;
}

/** Updates one parameter tensor. */
export function sgd(
  c: Sgd,
  b: Buffers<"gradient" | "weight" | "velocity" | "clip" | "found_nonfinite">,
): void {
  if (b.found_nonfinite.u32[0]) return;
  const fround = Math.fround;
  const factor = c.SCALED ? QUANTIZER.get(b.quantizers, c.RATE_ROW, "rateFactor") : 1;
  const rate = fround(STEP.get(b.step, 0, "learningRate") * factor);
  const momentum = fround(c.MOMENTUM), decay = fround(c.WEIGHT_DECAY);
  const clip = c.CLIP ? b.clip.f32[0]! : 1;
  const writer = new Writer(c, b, b.weight, c.W_ROW), bad = new Set<number>();
  for (let at = 0; at < 4 * c.SIZE; at++) {
    const w = b.weight.f32[at]!;
    const g = fround(fround(b.gradient.f32[at]! * clip) + fround(decay * w));
    const m = fround(fround(momentum * b.velocity.f32[at]!) + g);
    b.velocity.f32[at] = m;
    const d = c.NESTEROV ? fround(g + fround(momentum * m)) : m;
    b.weight.f32[at] = fround(w - fround(rate * d));
    if (!Number.isFinite(b.weight.f32[at]!)) bad.add(at >> 2);
    if (c.STORE) writer.observe(b.weight.f32[at]!);
  }
  b.statistics.u32[c.NONFINITE]! += bad.size; // Vectors, as the kernel counts them.
  if (c.STORE) writer.record();
}
