/**
 * Networks by name, as lists of layers.
 *
 * The name of every layer with parameters is stable, so that patterns in recipes, checkpoints and
 * other tools can rely on it. The names mirror torchvision's, with - for the dot and words where
 * torchvision has numbers; each file has a table at the top.
 *
 * | network                    | file           | layers                                          |
 * | -------------------------- | -------------- | ----------------------------------------------- |
 * | `cnn`                      | here           | `conv1` `norm1` … `conv4` `norm4` `linear`      |
 * | `mlp`                      | here           | `fc1` `fc2` `fc3`                               |
 * | `resnet8`, `20`, `18`      | `resnet.ts`    | `conv1` `norm1` `layer1-0-conv1` … `fc`         |
 * | `vgg16`                    | `vgg.ts`       | `features-0` … `features-43` `classifier-0` …   |
 * | `mobilenet-v2`             | `mobilenet.ts` | `features-0-conv` … `classifier-1`              |
 *
 * @module
 */
import type { LayerSpec } from "../recipe/layers.ts";
import type { ZooName } from "../recipe/model.ts";
import { conv, head, linear, norm, type ZooOptions } from "./blocks.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import { resnet18, resnet20, resnet8 } from "./resnet.ts";
import { vgg16 } from "./vgg.ts";

/** Returns the layers of a network. */
export type ZooNetwork = (options: ZooOptions) => LayerSpec[];

/** Four 3×3 convolutions: width, width /2, 2·width, 2·width /2, each with norm and ReLU. */
function cnn({ width, classes }: ZooOptions): LayerSpec[] {
  const channels = [width, width, 2 * width, 2 * width];
  const blocks = channels.flatMap((c, i): LayerSpec[] => [
    conv(`conv${i + 1}`, c, 3, i % 2 + 1),
    norm(`norm${i + 1}`),
    { type: "relu" },
  ]);
  return [...blocks, ...head("pool", "linear", classes)];
}

/** Two hidden layers of `width` features, each with ReLU; the first reads all of the image. */
function mlp({ width, classes }: ZooOptions): LayerSpec[] {
  return [
    linear("fc1", width),
    { type: "relu", name: "relu1" },
    linear("fc2", width),
    { type: "relu", name: "relu2" },
    linear("fc3", classes),
  ];
}

/** Networks by the name in `model: { name: … }`. */
export const zoo: Readonly<Record<ZooName, ZooNetwork>> = {
  cnn,
  mlp,
  resnet8,
  resnet20,
  resnet18,
  vgg16,
  "mobilenet-v2": mobilenetV2,
};
