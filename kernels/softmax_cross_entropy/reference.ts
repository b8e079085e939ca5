/**
 * Reference of kernels/softmax_cross_entropy/shader.wgsl.
 *
 * @module
 */
import { METRICS, STEP } from "../../lib/quant/layouts.ts";
import type { Buffers } from "../include/host_buffer.ts";
import { type StoreConstants, Writer } from "../include/quantize.ts";

/** Constants of the kernel; shader.wgsl and the glossary of docs/architecture.md describe them. */
interface SoftmaxCrossEntropy extends StoreConstants {
  readonly N: number;
  readonly CQ: number;
  readonly CLASSES: number;
  readonly D_ROW: number;
  readonly MICROS: number;
  readonly TARGETS: number;
  readonly MIXED: number;
}

/**
 * Loss, correct answers, and the gradient of the logits. Sums over classes are float64, classes
 * ascending; the loss of a batch is an f32 sum, samples ascending.
 */
export function softmaxCrossEntropy(
  c: SoftmaxCrossEntropy,
  b: Buffers<"logits" | "labels" | "dlogits" | "losses" | "metrics" | "mixes">,
): void {
  const samples = STEP.get(b.step, 0, "samples"), padded = 4 * c.CQ;
  const images = c.MICROS > 1 ? STEP.get(b.step, 0, "total") : samples;
  const writer = new Writer(c, b, b.dlogits, c.D_ROW);
  let total = 0, correct = 0;
  for (let n = 0; n < c.N; n++) {
    const logits = b.logits.f32.subarray(n * padded, n * padded + c.CLASSES);
    const best = logits.reduce((a, l) => l > a ? l : a, logits[0]!);
    const sum = logits.reduce((a, l) => a + Math.exp(l - best), 0);
    const label = b.labels.u32[n]!, counts = n < samples;
    const wanted = targets(c, b, n);
    const expected = c.TARGETS
      ? logits.reduce((sum, l, k) => sum + wanted(k) * (l - best), 0)
      : logits[label]! - best;
    const loss = counts ? Math.fround(Math.log(sum) - expected) : 0;
    const right = counts && logits.indexOf(best) === label ? 1 : 0;
    b.losses.f32.set([loss, right], 2 * n);
    total = Math.fround(total + loss);
    correct += right;
    for (let k = 0; k < padded; k++) {
      const at = n * padded + k;
      if (k >= c.CLASSES) {
        writer.pad(at);
        continue;
      }
      const p = Math.exp(logits[k]! - best) / sum;
      const d = counts ? Math.fround((p - wanted(k)) / images) : 0;
      writer.store(at, d, n * c.CLASSES + k);
    }
  }
  const { totalLoss, totalCorrect } = METRICS.read(b.metrics, 0);
  METRICS.write(b.metrics, 0, {
    loss: total,
    correct,
    totalLoss: totalLoss + total,
    totalCorrect: totalCorrect + correct,
  });
  writer.record();
}

/** Returns the target probability of each class for sample `n`. */
function targets(
  c: SoftmaxCrossEntropy,
  b: Buffers<"labels" | "mixes">,
  n: number,
): (k: number) => number {
  const label = b.labels.u32[n]!;
  if (!c.TARGETS) return (k) => k === label ? 1 : 0;
  const smoothing = STEP.get(b.step, 0, "smoothing");
  const other = c.MIXED ? b.mixes.u32[2 * n]! : label;
  const weight = c.MIXED ? b.mixes.f32[2 * n + 1]! : 1;
  return (k) => {
    const hot = weight * (k === label ? 1 : 0) + (1 - weight) * (k === other ? 1 : 0);
    return (1 - smoothing) * hot + smoothing / c.CLASSES;
  };
}
