/**
 * Names of the zoo's layers in PyTorch's files: torchvision's `resnet18`, `vgg16_bn` and
 * `mobilenet_v2`, and the common form of the small ResNets for CIFAR. The tensors of a layer have the
 * same names (`weight`, `bias`, `running_mean`, `running_var`) and layout in both, so a table of
 * layers suffices.
 *
 * @module
 */
import type { ZooName } from "../recipe/model.ts";

/** A pattern of our names, and PyTorch's; of several forms in use, the most common first. */
type Rule = readonly [ours: RegExp, ...theirs: string[]];

/** Rules for residual networks; implementations differ in the names of `shortcut` and `last`. */
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

/** The first block of MobileNetV2 has no expansion, so its other layers have a lower number. */
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

/** Rules by network; `cnn` and `mlp` have no counterpart in PyTorch. */
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

/** The parts of torchvision's resnet18, which `nn.Sequential(*model.children())` calls by their number. */
const RESNET18_PARTS = [
  "conv1",
  "bn1",
  "relu",
  "maxpool",
  "layer1",
  "layer2",
  "layer3",
  "layer4",
  "avgpool",
  "fc",
];

/** Returns the names that a layer may have in PyTorch's files, likeliest first; empty without a rule. */
export function pytorchNames(network: ZooName, layer: string): readonly string[] {
  for (const [ours, ...theirs] of RULES[network]) {
    if (!ours.test(layer)) continue;
    const names = theirs.map((name) => layer.replace(ours, name));
    return network === "resnet18" ? [...names, ...names.flatMap(numbered)] : names;
  }
  return [];
}

function numbered(name: string): string[] {
  const [part = "", ...rest] = name.split("."), number = RESNET18_PARTS.indexOf(part);
  return number < 0 ? [] : [[number, ...rest].join(".")];
}
