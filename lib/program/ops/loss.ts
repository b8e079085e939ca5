/**
 * The two ends of a network: the batch of images, and softmax cross-entropy.
 *
 * @module
 */
import { normalizeInput } from "../../../kernels/normalize_input/kernel.ts";
import { softmaxCrossEntropy } from "../../../kernels/softmax_cross_entropy/kernel.ts";
import { METRICS } from "../../quant/layouts.ts";
import type { Builder } from "../builder.ts";
import type { Tensor } from "../tensor.ts";

/** Plans the input tensor from the batch's pixels; its range is that of the normalization. */
export function inputForward(
  b: Builder,
  image: Tensor,
  bounds: readonly [low: number, high: number],
): void {
  const PIXELS = b.options.batch * image.h * image.w;
  b.buffer("pixels", PIXELS * image.c, "activation");
  b.buffer("labels", 4 * (b.options.batch + b.options.targets.weights), "activation");
  b.buffer("normalization", 32, "table");
  const buffer = b.buffer(`${image.name}.output`, b.bytesOf(image), "activation");
  const spec = {
    name: image.name,
    layer: "input",
    role: "input",
    elements: PIXELS * image.c,
  } as const;
  image.stored = b.stored(buffer, spec, image.name, bounds);
  b.step("forward", "input", normalizeInput, {
    PIXELS,
    CHANNELS: image.c,
    STORE: image.stored.quantized ? 1 : 0,
    X_ROW: image.stored.row,
  }, { affine: "normalization", x: image.stored.buffer });
}

/** Plans the loss and the gradient of the logits. */
export function lossForward(b: Builder, logits: Tensor): void {
  b.buffer("losses", 8 * b.options.batch, "activation");
  b.buffer("metrics", METRICS.bytes, "table");
  const { smoothing, mixed, weights } = b.options.targets;
  if (mixed) b.buffer("mixes", 8 * b.options.batch, "activation");
  logits.contributions = logits.consumers;
  logits.gradient = b.storeGradient(logits, "loss");
  b.step(
    "loss",
    "loss",
    softmaxCrossEntropy,
    {
      N: b.options.batch,
      CQ: logits.quads,
      CLASSES: logits.c,
      MICROS: b.options.micros,
      TARGETS: smoothing > 0 || mixed || weights > 0 ? 1 : 0,
      WEIGHTED: weights > 0 ? 1 : 0,
      MIXED: mixed ? 1 : 0,
      D_ROW: logits.gradient.row,
    },
    { logits: logits.at.buffer, dlogits: logits.gradient.buffer },
    { output: b.output("dlogits", logits.gradient, logits) },
  );
}
