/**
 * `qtrain export`: writes a run's network as a file for other programs.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { oneLine, shellWord } from "../lib/core/text.ts";
import { takesImageFiles } from "../lib/export/snippets.ts";
import { exportRun } from "../lib/train/export/export.ts";
import type { ExportReport } from "../lib/train/export/report.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { bytes as size, percent, withThousands } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { BEST, DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";

const OPTIONS = {
  out: {
    type: "string",
    usage: "--out FILE",
    help: "the file to write; ends in .onnx, .tflite or .safetensors",
    required: true,
  },
  target: {
    type: "string",
    usage: "--target ort|web|tensorrt",
    help: "what an .onnx is for: ONNX Runtime (default), the same in a browser, or TensorRT",
    values: ["ort", "web", "tensorrt"],
  },
  float32: {
    type: "boolean",
    usage: "--float32",
    help: "write an .onnx of real values in place of int8",
  },
  best: BEST,
  check: {
    type: "integer",
    usage: "--check N",
    help: "how many test images to check the file with (default: all; 0: do not check)",
    min: 0,
    max: 1e9,
  },
  "max-drop": {
    type: "string",
    usage: "--max-drop POINTS",
    help: "percentage points of accuracy that the file may lose (default: 1, more with few images)",
  },
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain export`. */
export const exportCommand = defineCommand({
  name: "export",
  synopsis: "qtrain export RUN [data.root=PATH]",
  summary: "Writes a run's network as an ONNX, TFLite or safetensors file for other programs.",
  details: `RUN is a folder that training wrote, e.g. runs/quickstart. What FILE ends in decides:

  .onnx         int8 with the ranges of the training (QDQ, opset 13), or float32
  .tflite       int8, for LiteRT
  .safetensors  weights and norm statistics in float32, with PyTorch's names; needs no data

.onnx and .tflite take images as they are, uint8 [batch, height, width, channels], and give
probabilities. The file is read back and answers the test images beside the run, before it gets its
name: where it is worse by more than --max-drop, the command fails and names the layer that differs
most. data.root=PATH tells where the data is now. FILE.json describes the file for programs, FILE.md for
people, with code that runs it in Python, Node and a browser. qtrain predict FILE IMAGE… answers from
it. An init takes a .safetensors. The same run gives the same bytes.`,
  options: OPTIONS,
  run,
});

async function run({ out, json, ...args }: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "export", "the folder of a run");
  const other = overrides.find((text) => !/^data\.(root|on_bad_image)=/.test(text));
  if (other !== undefined) {
    throw new UsageError(
      `qtrain export: expected the folder of a run and at most data.root=PATH and ` +
        `data.on_bad_image=skip, got ${other} too`,
    );
  }
  const { target, float32, check, best } = args, maxDrop = pointsOf(args["max-drop"]);
  const progress = new Progress();
  using interrupt = listenForInterrupt((text) => progress.error(text), "stopping the check");
  const report = await exportRun(path, out, {
    signal: interrupt.signal,
    ...(target ? { target } : {}),
    ...(float32 ? { float32 } : {}),
    ...(check === undefined ? {} : { check }),
    ...(maxDrop === undefined ? {} : { maxDrop }),
    ...(overrides.length > 0 ? { overrides } : {}),
    ...deviceOptions(args),
    tiles: args["no-tune"] ? "default" : "remembered",
    best: best ?? false,
    warn: (text) => progress.error(text),
    progress: (text) => progress.live(text),
  }).catch((error) => {
    if (!interrupt.signal.aborted) throw error;
    progress.error(`interrupted: ${out} was not written`);
  }).finally(() => progress.done());
  if (!report) return INTERRUPTED;
  if (json) printJson(jsonOf(report), 2);
  else print(textOf(report));
  return 0;
}

/** @throws UsageError for what is no share of 100 */
function pointsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const points = Number(text);
  if (/^[\d.]+$/.test(text) && points >= 0 && points <= 100) return points;
  throw new UsageError(
    `--max-drop: expected percentage points from 0 to 100, such as 0.5, got ${
      JSON.stringify(text)
    }`,
  );
}

const FORMATS = { onnx: "ONNX", tflite: "TFLite", safetensors: "safetensors" } as const;
const TARGETS = { ort: "ONNX Runtime", web: "ONNX Runtime web", tensorrt: "TensorRT" } as const;

function textOf(report: ExportReport): string {
  const { file, format, target, arithmetic, bytes, float32Bytes, check } = report;
  const kind = FORMATS[format] + (target ? ` for ${TARGETS[target]}` : "");
  const smaller = arithmetic === "int8" && float32Bytes !== undefined && float32Bytes > bytes
    ? ` (the weights alone take ${size(float32Bytes)} in float32)`
    : "";
  const lines = [`${oneLine(file)}: ${kind}, ${arithmetic}, ${size(bytes)}${smaller}`];
  if (check) {
    const { images, runAccuracy, fileAccuracy, differing } = check;
    lines.push(
      `test accuracy of the run ${percent(runAccuracy, 2)}, of the file ${
        percent(fileAccuracy, 2)
      } ` +
        `(${counted(images, "image")}, ${counted(differing, "answer")} ` +
        `${differing === 1 ? "differs" : "differ"})`,
    );
  } else if (format !== "safetensors") lines.push("not checked with test images");
  if (report.description !== undefined && report.card !== undefined) {
    lines.push(
      `described in ${oneLine(report.description)} and ${oneLine(report.card)}`,
    );
    if (takesImageFiles(report.shape?.[2] ?? 0)) {
      lines.push(`try it: ${PROGRAM} predict ${shellWord(file)} IMAGE`);
    }
  }
  return lines.join("\n");
}

function counted(count: number, what: string): string {
  return `${withThousands(count)} ${what}${count === 1 ? "" : "s"}`;
}

function jsonOf({ check, float32Bytes: float32_bytes, ...report }: ExportReport): unknown {
  if (!check) return { ...report, float32_bytes };
  const { images, differing, runAccuracy, fileAccuracy, maxDifference } = check;
  return {
    ...report,
    float32_bytes,
    check: {
      images,
      run_accuracy: runAccuracy,
      file_accuracy: fileAccuracy,
      differing,
      max_difference: maxDifference,
    },
  };
}
