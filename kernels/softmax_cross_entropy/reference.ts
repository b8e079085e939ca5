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
  readonly WEIGHTED: number;
}

/**
 * Loss, correct answers, and the gradient of the logits. Sums over classes are float64, classes
 * ascending; the loss of a batch is an f32 sum, samples ascending.
 */
export function softmaxCrossEntropy(
  c: SoftmaxCrossEntropy,
  b: Buffers<"logits" | "labels" | "dlogits" | "losses" | "metrics" | "mixes">,
): void {
  const { CLASSES, TARGETS } = c, logits = b.logits.f32;
  const samples = STEP.get(b.step, 0, "samples"), padded = 4 * c.CQ;
  const images = c.MICROS > 1 ? STEP.get(b.step, 0, "total") : samples;
  const writer = new Writer(c, b, b.dlogits, c.D_ROW);
  const exps = new Float64Array(CLASSES), wanted = new Float64Array(CLASSES);
  let total = 0, correct = 0;
  for (let n = 0; n < c.N; n++) {
    const first = n * padded, label = b.labels.u32[n]!, counts = n < samples;
    let best = logits[first]!, answer = 0;
    for (let k = 1; k < CLASSES; k++) {
      if (logits[first + k]! > best) best = logits[first + (answer = k)]!;
    }
    setTargets(c, b, n, wanted);
    let sum = 0, expected = 0, weight = 0;
    for (let k = 0; k < CLASSES; k++) {
      const l = logits[first + k]! - best;
      sum += exps[k] = Math.exp(l);
      if (TARGETS) expected += wanted[k]! * l;
      weight += wanted[k]!;
    }
    if (!c.WEIGHTED) weight = 1;
    if (!TARGETS) expected = logits[first + label]! - best;
    const loss = counts ? Math.fround(weight * Math.log(sum) - expected) : 0;
    const right = counts && answer === label && best === best ? 1 : 0; // Not if it is NaN.
    b.losses.f32[2 * n] = loss;
    b.losses.f32[2 * n + 1] = right;
    total = Math.fround(total + loss);
    correct += right;
    for (let k = 0; k < CLASSES; k++) {
      const d = counts ? Math.fround((weight * exps[k]! / sum - wanted[k]!) / images) : 0;
      writer.store(first + k, d, n * CLASSES + k);
    }
    for (let k = CLASSES; k < padded; k++) writer.pad(first + k);
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

/** Sets `wanted` to the target probabilities of sample `n`, with WEIGHTED times the classes' weights. */
function setTargets(
  c: SoftmaxCrossEntropy,
  b: Buffers<"labels" | "mixes">,
  n: number,
  wanted: Float64Array,
): void {
  const label = b.labels.u32[n]!;
  if (!c.TARGETS) {
    wanted.fill(0);
    wanted[label] = 1;
    return;
  }
  const smoothing = STEP.get(b.step, 0, "smoothing");
  const other = c.MIXED ? b.mixes.u32[2 * n]! : label;
  const weight = c.MIXED ? b.mixes.f32[2 * n + 1]! : 1;
  const factor = c.WEIGHTED ? STEP.get(b.step, 0, "weightFactor") : 0;
  const classWeight = (k: number) => factor === 0 ? 1 : factor * b.labels.f32[c.N + k]!;
  for (let k = 0; k < c.CLASSES; k++) {
    const hot = weight * (k === label ? 1 : 0) + (1 - weight) * (k === other ? 1 : 0);
    wanted[k] = ((1 - smoothing) * hot + smoothing / c.CLASSES) * classWeight(k);
  }
}
