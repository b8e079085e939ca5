/**
 * The model card of an exported file, Markdown: what it is, where it comes from, how well it answers, and
 * programs that run it.
 *
 * @module
 */
import { bytes, percent, withThousands } from "../core/format.ts";
import { oneLine, shellWord } from "../core/text.ts";
import type { Description } from "./description.ts";
import { snippetsFor, takesImageFiles } from "./snippets.ts";

/** Classes that the card names; the description has all. */
const MAX_CLASSES = 100;
/** Begins the last line of each card, by which an export knows what it may replace. */
const MARK = "Written by qtrain ";

/** What runs files, by format and target. */
const RUNTIMES = {
  ort: "ONNX Runtime (Python, Node, C++, …) and other programs that read ONNX of opset 13",
  web:
    "ONNX Runtime web, on WASM or (imported as onnxruntime-web/webgpu) on a GPU, and ONNX Runtime elsewhere",
  tensorrt: "TensorRT, and ONNX Runtime",
  tflite: "LiteRT (TensorFlow Lite) on phones, boards and in browsers",
} as const;

/** Writes the card of a described file. */
export function cardOf(description: Description): string {
  const { file, input, qtrain_version } = description;
  return [
    `# ${inline(file)}`,
    whatItIs(description),
    "## How well it answers",
    accuracyText(description),
    "## Images in, probabilities out",
    inputText(description),
    "## How to run it",
    takesImageFiles(input.shape[3])
      ? `${inline(`qtrain predict ${shellWord(file)} photo.jpg`)} answers from the file.`
      : `No image file has ${input.shape[3]} channels: give the input an array of bytes, ` +
        `[${input.shape.join(", ")}], with the package of its format in your language.`,
    ...snippetsFor(description).map(({ title, usage, language, file, code }) =>
      `### ${title}\n\nSave as \`${file}\`. ${sentence(usage)}\n\n${fenced(code, language)}`
    ),
    ...withoutNode(description),
    "## Training",
    trainingText(description),
    ...quantizersText(description),
    `${MARK}${qtrain_version}. The same in JSON: ${inline(`${file}.json`)}.`,
  ].join("\n\n") + "\n";
}

/** Whether a text is a card. */
export function isCard(text: string): boolean {
  return text.trimEnd().split("\n").at(-1)!.startsWith(MARK);
}

function whatItIs(description: Description): string {
  const { format, target = "ort", arithmetic, parameters, classes, input } = description;
  const [, h, w, c] = input.shape, int8 = arithmetic === "int8";
  const size = bytes(description.bytes), weights = 4 * parameters;
  const name = { onnx: "ONNX", tflite: "TFLite" }[format];
  const smaller = int8
    ? ` Its ${withThousands(parameters)} weights alone take ${bytes(weights)} in float32, ` +
      `${(weights / description.bytes).toFixed(1)} times as much as the file.`
    : ` It has ${withThousands(parameters)} weights.`;
  return `A network that tells ${classes.length} classes apart in ${
    c === 1 ? "grey images" : c === 3 ? "colour images" : `images of ${c} channels`
  } of ${w}×${h} pixels: ${name}, ${
    int8 ? "int8 with the ranges of its training" : "float32"
  }, ${size}.${smaller} It is for ${
    RUNTIMES[format === "tflite" ? "tflite" : target]
  }.\n\nSHA-256: \`${description.sha256}\``;
}

function accuracyText({ accuracy, arithmetic }: Description): string {
  if (!accuracy) return "The file was not compared with the run.";
  const { test_images: images, run, file, differing_answers: other, largest_difference } = accuracy;
  return `| over ${withThousands(images)} test images | |
| --- | ---: |
| accuracy of the run | ${percent(run, 2)} |
| accuracy of the file | ${percent(file, 2)} |
| images with another answer than the run's | ${withThousands(other)} (${
    percent(other / images, 2)
  }) |
| largest difference of a probability | ${largest_difference.toPrecision(2)} |

The file was read back and computed by qtrain as its format defines it; other programs may round in ` +
    `other places.${
      arithmetic === "int8"
        ? " Batch norm is folded into the convolution before it, where the run rounds between the two."
        : ""
    }`;
}

function inputText(
  { input, output, preprocessing: { steps, mean, std }, classes }: Description,
): string {
  const shape = (dims: readonly (string | number)[]) => `[${dims.join(", ")}]`;
  const names = classes.slice(0, MAX_CLASSES).map((name, label) => `${label} ${inline(name)}`);
  if (classes.length > MAX_CLASSES) names.push("…");
  return `Input \`${input.name}\`: ${input.type} ${
    shape(input.shape)
  }, pixels from 0 to 255 as they are ` +
    `(${input.channels.join(", ")}). Output \`${output.name}\`: ${output.type} ${
      shape(output.shape)
    }, ${output.values}. From an image file to the input:\n\n${
      steps.map((step, i) => `${i + 1}. ${step}`).join("\n")
    }\n\nThe network normalizes by itself: (pixel / 255 − mean) / std, mean ${
      mean.map(short).join(", ")
    }, std ${std.map(short).join(", ")}.\n\nClasses by label: ${names.join(", ")}.`;
}

function withoutNode({ format }: Description): readonly string[] {
  if (format !== "tflite") return [];
  return [
    "### Node\n\nLiteRT has no package for Node. `qtrain predict` answers without Python or a browser, or " +
    "export the run as `.onnx` too, for onnxruntime-node.",
  ];
}

function trainingText({ training: { data, steps }, recipe }: Description): string {
  return `${withThousands(steps)} steps on data of the format \`${data}\`, by this recipe:\n\n${
    fenced(recipe, "yaml")
  }`;
}

function quantizersText({ quantizers }: Description): readonly string[] {
  if (quantizers.length === 0) return [];
  const rows = quantizers.map(({ tensor, scale, zero_point, low, high }) =>
    `| ${inline(tensor).replaceAll("|", "\\|")} | ${short(scale)} | ${zero_point} | ${
      short(low)
    } to ${short(high)} |`
  );
  return [
    "## Ranges",
    `Real value = scale · (code − zero point), ${
      quantizers[0]!.codes === "int8" ? "codes from −128 to 127" : "codes from 0 to 255"
    }.\n\n${
      ["| tensor | scale | zero point | range |", "| --- | ---: | ---: | --- |", ...rows].join("\n")
    }`,
  ];
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}

function sentence(text: string): string {
  return /[.]$/.test(text) ? text : `\`${text}\``;
}

/** Code on one line of Markdown that no character of the text ends. */
function inline(text: string): string {
  const shown = oneLine(text), ticks = longestRun(shown);
  const fence = "`".repeat(ticks + 1);
  return ticks > 0 ? `${fence} ${shown} ${fence}` : `\`${shown}\``;
}

/** A block of code that no line of the text ends. */
function fenced(text: string, language: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

/** The length of the longest run of backticks. */
function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, { length }) => Math.max(longest, length), 0);
}
