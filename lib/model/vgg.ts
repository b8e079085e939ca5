/**
 * VGG (Simonyan & Zisserman 2014, arXiv 1409.1556), with batch norm.
 *
 * | ours                                  | torchvision's `vgg16_bn`                           |
 * | ------------------------------------- | -------------------------------------------------- |
 * | `features-N` (conv, norm, max pool)   | `features.N`, the same N: 0 conv, 1 norm, (2 ReLU), |
 * |                                       | 3 conv, 4 norm, (5 ReLU), 6 max pool, 7 conv, …    |
 * | `classifier-0`, `-1` (ReLU)           | `classifier.0`, `.1`                               |
 * | `classifier-2` (dropout)              | `classifier.2`                                     |
 * | `classifier-3`, `-4`, `-5`            | `classifier.3`, `.4`, `.5`: the same again         |
 * | `classifier-6`                        | `classifier.6`                                     |
 *
 * With the small head `classifier-0` is the only linear layer, and gives the scores.
 *
 * @module
 */
import type { LayerSpec } from "../recipe/layers.ts";
import { conv, dropout, head, linear, maxPool, norm, small, type ZooOptions } from "./blocks.ts";

/** Channels of the thirteen convolutions, as multiples of the first one's; `pool` halves the size. */
const LAYERS = [1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8, "pool", 8, 8, 8, "pool"];
/** Features of a hidden layer of the head, as a multiple of the same: 4096 for 64. */
const HIDDEN = 64;

/**
 * Returns VGG16 with batch norm. Its head is the paper's (two hidden layers of 4096 features over 7×7
 * pixels of a 224×224 image) or the usual one for small images: global average pooling over the
 * remaining pixels (1×1 of 32×32, 2×2 of 64×64) and one linear layer.
 */
export function vgg16(options: ZooOptions): LayerSpec[] {
  const { width, classes } = options, layers: LayerSpec[] = [];
  let index = 0;
  const name = () => `features-${index++}`;
  for (const layer of LAYERS) {
    if (layer === "pool") {
      layers.push(maxPool(name(), 2, 2, 0));
    } else {
      layers.push(conv(name(), width * Number(layer), 3, 1, { bias: true }), norm(name()));
      layers.push({ type: "relu" });
      index++;
    }
  }
  if (small(options.head, options)) return [...layers, ...head("avgpool", "classifier-0", classes)];
  return [
    ...layers,
    ...hidden(0, HIDDEN * width),
    ...hidden(3, HIDDEN * width),
    linear("classifier-6", classes),
  ];
}

/** Returns a hidden layer of the head with dropout; `index` is the number of its first layer. */
function hidden(index: number, features: number): LayerSpec[] {
  return [
    linear(`classifier-${index}`, features),
    { type: "relu", name: `classifier-${index + 1}` },
    dropout(`classifier-${index + 2}`, 0.5),
  ];
}
