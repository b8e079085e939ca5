/**
 * Reference of kernels/softmax_cross_entropy.wgsl.
 *
 * @module
 */
import type { Buffers } from "./include/host_buffer.ts";
import { type StoreConstants, Writer } from "./include/quantize.ts";

/** Constants of the kernel; its header says what they are. */
export interface SoftmaxCrossEntropy extends StoreConstants {
  readonly V: number;
  readonly N: number;
  readonly CQ: number;
  readonly CLASSES: number;
  readonly D_ROW: number;
  readonly MICROS: number;
}

/** Loss, correct answers, and the gradient of the logits. */
export function softmaxCrossEntropy(
  c: SoftmaxCrossEntropy,
  b: Buffers<"logits" | "labels" | "dlogits" | "losses" | "metrics">,
): void {
  const samples = b.step.u32[2]!, padded = 4 * c.CQ;
  const images = c.MICROS > 1 ? b.step.u32[6]! : samples;
  const writer = new Writer(c, b, b.dlogits, c.D_ROW);
  let total = 0, correct = 0;
  for (let n = 0; n < c.N; n++) {
    const logits = b.logits.f32.subarray(n * padded, n * padded + c.CLASSES);
    const best = logits.reduce((a, l) => l > a ? l : a, logits[0]!);
    const sum = logits.reduce((a, l) => a + Math.exp(l - best), 0);
    const label = b.labels.u32[n]!, counts = n < samples;
    const loss = counts ? Math.fround(Math.log(sum) - (logits[label]! - best)) : 0;
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
      const d = counts ? Math.fround((p - (k === label ? 1 : 0)) / images) : 0;
      writer.store(at, d, n * c.CLASSES + k);
    }
  }
  const sums = b.metrics.f32;
  sums.set([total, correct, sums[2]! + total, sums[3]! + correct]);
  writer.record();
}
