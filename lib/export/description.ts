/**
 * What a program needs to know of an exported file, to use it without qtrain: it is written beside the
 * file as JSON (`FILE.json`), and as a card for people (card.ts).
 *
 * @module
 */
import { VERSION } from "../core/version.ts";
import { classNamesOf, type InputSpec } from "../program/input_spec.ts";
import { type OnnxTarget, quantizersFor } from "./onnx/encode.ts";
import { IMAGE, PROBABILITIES } from "./model_file.ts";
import { type ExportNetwork, isQuantized, type Quantizer } from "./network.ts";

/** What is known of a file. */
export interface DescribedFile {
  /** Its name, without a folder. */
  readonly name: string;
  readonly format: "onnx" | "tflite";
  /** What an ONNX file is written for. */
  readonly target?: OnnxTarget;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly network: ExportNetwork;
  /** Quantizer of the scores, in formats that store them as codes. */
  readonly logits?: Quantizer;
  /** Shape, classes and normalization of the images. */
  readonly spec: InputSpec;
  /** Where its images come from: the recipe's `data.format`. */
  readonly data: string;
  /** The recipe of the run, as YAML. */
  readonly recipe: string;
  /** Training steps of the checkpoint. */
  readonly step: number;
  /** Its answers beside those of the run; absent where they were not compared. */
  readonly check?: {
    readonly images: number;
    readonly runAccuracy: number;
    readonly fileAccuracy: number;
    readonly differing: number;
    readonly maxDifference: number;
  };
}

/** The quantizer of a tensor between layers, as the file has it: real = scale · (code − zero_point). */
interface DescribedQuantizer {
  readonly tensor: string;
  readonly codes: "int8" | "uint8";
  readonly scale: number;
  readonly zero_point: number;
  /** The real values of the lowest and the highest code. */
  readonly low: number;
  readonly high: number;
}

/** A file for other programs, as its description says it. */
export interface Description {
  readonly qtrain_version: string;
  readonly file: string;
  readonly format: DescribedFile["format"];
  readonly target?: DescribedFile["target"];
  readonly arithmetic: "int8" | "float32";
  readonly bytes: number;
  readonly sha256: string;
  /** Weights and biases. */
  readonly parameters: number;
  readonly input: {
    readonly name: string;
    readonly type: "uint8";
    readonly shape: readonly ["batch", h: number, w: number, c: number];
    readonly layout: "NHWC";
    /** Of a pixel as it is in the image. */
    readonly range: readonly [low: number, high: number];
    readonly channels: readonly string[];
  };
  /** What to do with an image before. The network itself normalizes: (pixel / 255 − mean) / std. */
  readonly preprocessing: {
    readonly steps: readonly string[];
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
  readonly output: {
    readonly name: string;
    readonly type: "float32";
    readonly shape: readonly ["batch", classes: number];
    readonly values: string;
  };
  /** Names by label; the labels as text where the data has no names. */
  readonly classes: readonly string[];
  /** Where the images of the training come from, and how long it took. */
  readonly training: { readonly data: string; readonly steps: number };
  readonly accuracy?: {
    readonly test_images: number;
    readonly run: number;
    readonly file: number;
    readonly differing_answers: number;
    readonly largest_difference: number;
  };
  /** In the order of computation; empty in float32. */
  readonly quantizers: readonly DescribedQuantizer[];
  /** YAML. */
  readonly recipe: string;
}

/** Describes a file. The same file gives the same description. */
export async function describeFile(file: DescribedFile): Promise<Description> {
  const { name, format, target, bytes, network, spec, check } = file, [h, w, c] = spec.shape;
  return {
    qtrain_version: VERSION,
    file: name,
    format,
    ...(target ? { target } : {}),
    arithmetic: isQuantized(network) ? "int8" : "float32",
    bytes: bytes.length,
    sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex(),
    parameters: parametersOf(network),
    input: {
      name: IMAGE,
      type: "uint8",
      shape: ["batch", h, w, c],
      layout: "NHWC",
      range: [0, 255],
      channels: c === 3 ? ["red", "green", "blue"] : c === 1 ? ["grey"] : numbered(c),
    },
    preprocessing: { steps: stepsOf(spec), mean: spec.mean, std: spec.std },
    output: {
      name: PROBABILITIES,
      type: "float32",
      shape: ["batch", spec.classes],
      values: "softmax of the scores, by label",
    },
    classes: classNamesOf(spec),
    training: { data: file.data, steps: file.step },
    ...(check
      ? {
        accuracy: {
          test_images: check.images,
          run: check.runAccuracy,
          file: check.fileAccuracy,
          differing_answers: check.differing,
          largest_difference: check.maxDifference,
        },
      }
      : {}),
    quantizers: quantizersOf(file),
    recipe: file.recipe,
  };
}

/** Whether a text is what {@linkcode describeFile} says, as JSON. */
export function isDescription(text: string): boolean {
  try {
    const { qtrain_version, sha256 } = JSON.parse(text);
    return typeof qtrain_version === "string" && typeof sha256 === "string";
  } catch {
    return false;
  }
}

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `channel ${i}`);
}

/** What qtrain does with an image file before its network gets it. */
function stepsOf({ shape: [h, w, c] }: InputSpec): readonly string[] {
  const decode = c === 3
    ? "decode as red, green, blue; drop transparency"
    : c === 1
    ? "decode, drop transparency, and turn colour into grey: (19595 red + 38470 green + 7471 blue + 32768) >> 16"
    : `arrange as ${c} channels`;
  return [
    decode,
    "rotate as EXIF says",
    `scale so that it just covers ${w}×${h} (width×height): the other side is rounded down`,
    "filter: triangle with antialiasing, across and then down, each rounded to a byte (Pillow's BILINEAR)",
    `crop ${w}×${h} at the centre; half a pixel is rounded to even`,
  ];
}

/** Weights and biases of a network. */
function parametersOf({ nodes }: ExportNetwork): number {
  let count = 0;
  for (const node of nodes) {
    if (node.op !== "conv") continue;
    const { weights } = node;
    count += weights.bias.length + ("codes" in weights ? weights.codes : weights.values).length;
  }
  return count;
}

function quantizersOf(
  { format, target = "ort", network, logits }: DescribedFile,
): readonly DescribedQuantizer[] {
  const found = new Map(quantizersFor(network, target));
  if (logits) found.set(network.logits.name, logits);
  // ONNX Runtime fuses uint8 on every processor; TensorRT and TFLite know int8 alone.
  const codes = format === "onnx" && target !== "tensorrt" ? "uint8" : "int8";
  return Array.from(found, ([tensor, { scale, zero }]) => {
    const at = (code: number) => Math.fround(scale * (code - zero));
    const zero_point = codes === "uint8" ? zero + 128 : zero;
    return { tensor, codes, scale, zero_point, low: at(-128), high: at(127) };
  });
}
