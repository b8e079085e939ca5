/**
 * The commented recipe that `qtrain init` writes.
 *
 * @module
 */
import { withThousands } from "../../lib/core/format.ts";
import { visible } from "../../lib/core/text.ts";
import type { Choices } from "./choose.ts";
import type { Survey } from "./survey.ts";

/** Columns of a comment's line. */
const WIDTH = 98;
/** More names of classes than these are not listed. */
const MAX_NAMES = 20;

/** Where the recipe's data and schema are, as the recipe names them. */
export interface Places {
  /** `data.root`. */
  readonly root: string;
  /** Address of the JSON Schema. */
  readonly schema: string;
  /** The run's name. */
  readonly name: string;
}

/** The text of the recipe. @param memory what the network takes, in words */
export function recipeText(
  found: Survey,
  chosen: Choices,
  places: Places,
  memory: string,
): string {
  const [h, w] = chosen.size.value, { name, width } = chosen.network.value;
  return [
    `# yaml-language-server: $schema=${places.schema}`,
    ...comment(
      `${summary(found)}. Written by qtrain init: change what you like. All fields: ` +
        "qtrain help recipe.",
    ),
    "",
    `name: ${scalar(places.name)}`,
    "seed: 1",
    "",
    ...dataLines(found, chosen, places),
    "",
    ...comment(`${upper(chosen.network.why)}.`),
    `model: { name: ${name}${width === undefined ? "" : `, width: ${width}`} }`,
    ...(chosen.fewPhotos ? fineTuning() : []),
    "",
    "quantize:",
    ...comment(
      `With images of ${h}×${w}, ${memory}. Or float32: no quantizers.`,
      "  ",
    ),
    "  arithmetic: int8",
    "",
    ...trainLines(chosen),
    "",
  ].join("\n");
}

/** What was found, in a sentence without its full stop. */
export function summary({ name, train, test, counts }: Survey): string {
  return `${visible(name)}: ${withThousands(counts.length)} classes, ${
    withThousands(train)
  } images ` +
    `to train and ${withThousands(test)} to test`;
}

function dataLines(found: Survey, chosen: Choices, { root }: Places): string[] {
  const { found: { format }, classNames = [], counts, measured, train, files, heldOut } = found;
  const [h, w] = chosen.size.value,
    numbers = (list: readonly number[]) =>
      `[${list.map((value) => Number(value.toFixed(3))).join(", ")}]`;
  const channels = chosen.channels.value, grey = channels === 1 && found.mean.length > 1;
  const mean = grey ? found.mean.slice(0, 1) : found.mean;
  const std = (grey ? found.std.slice(0, 1) : found.std).map((value) => Math.max(value, 0.001));
  const of = measured < train ? `${withThousands(measured)} of the` : "all";
  const names = classNames.length > 0 && classNames.length <= MAX_NAMES
    ? comment(`Classes: ${classNames.map(visible).join(", ")}.`, "  ")
    : [];
  return [
    "data:",
    `  format: ${format}`,
    ...comment(
      "Relative to this file; what it names must be in this file's folder or $QTRAIN_DATA.",
      "  ",
    ),
    `  root: ${scalar(root)}`,
    ...names,
    `  classes: ${counts.length}`,
    ...(classNames.length > 0 ? [] : [
      ...comment("The data has no names of classes. These would be in all tables:", "  "),
      `  # class_names: [${
        counts.slice(0, 3).map((_, label) => `name of class ${label}`).join(", ")
      }${counts.length > 3 ? ", …" : ""}]`,
    ]),
    ...(chosen.imbalance
      ? [...comment(`${upper(chosen.imbalance)}:`, "  "), "  # class_weights: balanced"]
      : []),
    ...comment(`${upper(chosen.size.why)}.`, "  "),
    `  size: ${h === w ? h : `[${h}, ${w}]`}`,
    `  channels: ${channels} # ${chosen.channels.why}`,
    ...comment(`Measured on ${of} training images, pixels from 0 to 1.`, "  "),
    `  mean: ${numbers(mean)}`,
    `  std: ${numbers(std)}`,
    ...(heldOut
      ? [
        ...comment(
          "There is no folder to test on: this share of each class, at least one image, is held out.",
          "  ",
        ),
        "  holdout: 0.1",
      ]
      : []),
    ...comment(`${upper(chosen.augment.why)}.`, "  "),
    `  augment: ${flow(chosen.augment.value)}`,
    ...(files && files.bad > 0
      ? [
        ...comment(
          `${files.bad} of ${files.tried} files that were tried cannot be decoded: another image of ` +
            "the class takes their place. fail: training stops and names the first.",
          "  ",
        ),
        "  on_bad_image: skip",
      ]
      : []),
    ...(files ? ["  workers: auto # threads that decode images"] : []),
  ];
}

function trainLines({ epochs, batch, rate, weightDecay, warmupSteps }: Choices): string[] {
  return [
    "train:",
    `  epochs: ${epochs.value} # ${epochs.why}`,
    "  # patience: 10 # ends the run after so many epochs without improvement; time: 1, after an hour",
    `  batch: ${batch.value} # ${batch.why}`,
    ...comment(
      `lr, the learning rate: ${rate.why}; if the loss becomes large or NaN, lower it.`,
      "  ",
    ),
    `  optimizer: { name: sgd, lr: ${rate.value}, momentum: 0.9, weight_decay: ${weightDecay} }`,
    `  schedule: { name: cosine, warmup_steps: ${warmupSteps} }`,
  ];
}

/** What to change in the recipe to begin with trained weights, as comments. */
function fineTuning(): string[] {
  return [
    "",
    ...comment(
      "Few photos learn far more from trained weights: take these lines for model and size above, " +
        "and put resnet18.safetensors beside this file. qtrain help fine-tuning tells how to get it.",
    ),
    "# model: { name: resnet18, stem: imagenet }",
    "# init: resnet18.safetensors",
    '# freeze: [conv1, norm1, "layer1-*", "layer2-*", "layer3-*"]',
    "# and in data: size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]",
  ];
}

/** A value without texts that need quotes, as YAML on one line. */
function flow(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', "").replace(/[:,]/g, "$& ").replace(/\{/g, "{ ")
    .replace(/\}/g, " }");
}

/** A text as comment lines, broken between words. */
function comment(text: string, indent = ""): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : "";
    if (lines.length > 0 && indent.length + 2 + [...longer].length <= WIDTH) {
      lines[lines.length - 1] = longer;
    } else lines.push(word);
  }
  return lines.map((line) => `${indent}# ${line}`);
}

function upper(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

/** A text as YAML: in quotes if anything in it may have a meaning. */
function scalar(text: string): string {
  const isPlain = /^[\p{L}\p{N}_./][\p{L}\p{N}_./-]*$/u.test(text);
  const isOther = /^(null|true|false|yes|no|on|off|y|n|[\d.][\d.e_x-]*)$/i.test(text);
  return isPlain && !isOther ? text : JSON.stringify(text);
}
