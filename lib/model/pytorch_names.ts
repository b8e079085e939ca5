/**
 * What layers of the zoo are called in PyTorch's files: torchvision's `resnet18`, `vgg16_bn` and
 * `mobilenet_v2`, and the common form of the small ResNets for CIFAR. The tensors of a layer are
 * called the same in both (`weight`, `bias`, `running_mean`, `running_var`) and have one layout, so
 * a table of layers is all there is.
 *
 * @module
 */
import type { ZooName } from "../recipe/types.ts";

/** A pattern of our names, and theirs; of several forms that are about, the commonest first. */
type Rule = readonly [ours: RegExp, ...theirs: string[]];

/** Residual networks; `shortcut` and `last` are what implementations do not agree in. */
const resnet = (shortcut: readonly string[], last: readonly string[]): readonly Rule[] => [
  [/^conv1$/, "conv1"],
  [/^norm1$/, "bn1"],
  [/^layer(\d+)-(\d+)-conv(\d)$/, "layer$1.$2.conv$3"],
  [/^layer(\d+)-(\d+)-norm(\d)$/, "layer$1.$2.bn$3"],
  [/^layer(\d+)-(\d+)-shortcut-conv$/, ...shortcut.map((word) => `layer$1.$2.${word}.0`)],
  [/^layer(\d+)-(\d+)-shortcut-norm$/, ...shortcut.map((word) => `layer$1.$2.${word}.1`)],
  [/^fc$/, ...last],
];
const SMALL = resnet(["shortcut", "downsample"], ["linear", "fc"]);

/** In the first block of MobileNetV2 nothing is expanded, so what follows is counted from one less. */
const MOBILENET: readonly Rule[] = [
  [/^features-(\d+)-conv$/, "features.$1.0"],
  [/^features-(\d+)-norm$/, "features.$1.1"],
  [/^features-1-depthwise-conv$/, "features.1.conv.0.0"],
  [/^features-1-depthwise-norm$/, "features.1.conv.0.1"],
  [/^features-1-project-conv$/, "features.1.conv.1"],
  [/^features-1-project-norm$/, "features.1.conv.2"],
  [/^features-(\d+)-expand-conv$/, "features.$1.conv.0.0"],
  [/^features-(\d+)-expand-norm$/, "features.$1.conv.0.1"],
  [/^features-(\d+)-depthwise-conv$/, "features.$1.conv.1.0"],
  [/^features-(\d+)-depthwise-norm$/, "features.$1.conv.1.1"],
  [/^features-(\d+)-project-conv$/, "features.$1.conv.2"],
  [/^features-(\d+)-project-norm$/, "features.$1.conv.3"],
  [/^classifier-(\d+)$/, "classifier.$1"],
];

/** Networks of our own, `cnn` and `mlp`, have no other names. */
const RULES: Readonly<Record<ZooName, readonly Rule[]>> = {
  cnn: [],
  mlp: [],
  resnet8: SMALL,
  resnet20: SMALL,
  resnet18: resnet(["downsample", "shortcut"], ["fc", "linear"]),
  vgg16: [
    [/^features-(\d+)$/, "features.$1"],
    [/^classifier-0$/, "classifier.0", "classifier"],
    [/^classifier-(\d+)$/, "classifier.$1"],
  ],
  "mobilenet-v2": MOBILENET,
};

/** What a layer may be called in a file of PyTorch's, likeliest first; none where there is no rule. */
export function pytorchNames(network: ZooName, layer: string): readonly string[] {
  for (const [ours, ...theirs] of RULES[network]) {
    if (ours.test(layer)) return theirs.map((name) => layer.replace(ours, name));
  }
  return [];
}
