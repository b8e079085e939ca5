/**
 * `qtrain predict`: class and probability of images.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { oneLine, shellWord } from "../lib/core/text.ts";
import { predict, type Prediction, type PredictionError } from "../lib/train/predict.ts";
import { isModelFile } from "../lib/train/scorer.ts";
import { RunFolder } from "../lib/train/run_folder/run_folder.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { percent, withThousands } from "./format.ts";
import { INTERRUPTED, listenForInterrupt } from "./interrupt.ts";
import { BEST, DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { isRead, print, printJson, PROGRAM } from "./print.ts";
import { Progress } from "./progress.ts";

/** Maximum columns that paths are padded to. */
const MAX_PADDING = 60;
/** Maximum number of failed images that stderr names. */
const MAX_NAMED = 100;

const OPTIONS = {
  top: {
    type: "integer",
    usage: "--top N",
    help: "how many classes to print for each image (default: 1)",
    max: 100_000,
  },
  best: BEST,
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
  jsonl: {
    type: "boolean",
    usage: "--jsonl",
    help: "print a line of JSON for each image",
  },
} as const satisfies Options;

/** `qtrain predict`. */
export const predictCommand = defineCommand({
  name: "predict",
  synopsis: "qtrain predict RUN|FILE IMAGE…",
  summary: "Predicts class and probability of each image.",
  details:
    `RUN is a folder that training wrote, e.g. runs/quickstart; its data is not needed. FILE is an
.onnx or .tflite that qtrain export wrote, or another one that reads uint8 images and has no other
operators; it is computed as its format defines it, on the CPU.
IMAGE is an image file of any size, or a folder, which stands for all images in it and below it. An
image is resized to cover the network's input and cropped at the centre. Answers are printed as they
are computed, in the order of the images. Images that are missing or damaged are reported on stderr;
the others are predicted all the same, and the exit code is 2.

With --json and --jsonl, the answer for an image that failed has an error in place of a class. --json
prints one array, which Ctrl-C closes and a kill leaves open; each line of --jsonl stands alone.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, images] = firstPositional(args, "predict", "the folder of a run, or a file");
  if (images.length === 0) {
    throw new UsageError(
      `qtrain predict: expected an image after ${path}, got nothing; see qtrain predict --help`,
    );
  }
  await checkOrder(path, images);
  if (args.json && args.jsonl) {
    throw new UsageError("--json and --jsonl: expected one of them, got both");
  }
  const asText = !args.json && !args.jsonl;
  const output: Output = asText
    ? textOutput()
    : args.json
    ? jsonOutput()
    : { write: (answer) => printJson(answer), end() {} };
  const progress = new Progress(), onTerminal = Deno.stdout.isTerminal();
  using interrupt = listenForInterrupt((text) => progress.error(text), "stopping");
  let done = 0, failed = 0;
  try {
    const answers = predict(path, images, {
      top: args.top ?? 1,
      ...deviceOptions(args),
      tiles: args["no-tune"] ? "default" : "remembered",
      best: args.best ?? false,
      warn: (text) => progress.error(text),
      progress: (text) => {
        // Answers on the terminal show the progress themselves.
        if (!onTerminal || done === 0) progress.live(text);
      },
    });
    for await (const answer of answers) {
      done++;
      if (onTerminal) progress.done();
      if ("error" in answer) failed++;
      if ("error" in answer && asText) reportError(answer, failed, progress);
      output.write(answer);
      if (interrupt.signal.aborted || !isRead()) break;
    }
  } finally {
    progress.done();
  }
  output.end();
  const { aborted } = interrupt.signal;
  if (done > 1 || aborted) {
    progress.error(
      (aborted ? "interrupted: " : "") + `predicted ${withThousands(done - failed)}` +
        (failed > 0
          ? ` of ${withThousands(done)} images, ${withThousands(failed)} failed`
          : done === 1
          ? " image"
          : " images"),
    );
  }
  return aborted ? INTERRUPTED : failed > 0 ? 2 : 0;
}

/** Says it where a run, or a file with a network, comes after an image. */
async function checkOrder(path: string, images: readonly string[]): Promise<void> {
  const isRun = async (path: string) =>
    isModelFile(path) || await RunFolder.open(path).then(() => true, () => false);
  if (await isRun(path)) return;
  for (const image of [images.at(-1)!, ...images.slice(0, MAX_NAMED)]) {
    if (!await isRun(image)) continue;
    throw new UsageError(
      `qtrain predict: expected ${
        isModelFile(image) ? "the file with the network" : "the folder of a run"
      } before the images, got it after ${path}; ` +
        `write ${PROGRAM} predict ${shellWord(image)} ${shellWord(path)}${
          images.length > 1 ? " …" : ""
        }`,
    );
  }
}

/** Names an image that failed on stderr, unless many have failed. */
function reportError({ error }: PredictionError, failed: number, progress: Progress): void {
  if (failed <= MAX_NAMED) progress.error(error);
  if (failed === MAX_NAMED) {
    progress.error("more images that fail are counted only; --jsonl has an error for each");
  }
}

/** Where answers go as they come. */
interface Output {
  write(answer: Prediction | PredictionError): void;
  end(): void;
}

/** A line for each image with an answer, its path in a column as wide as the longest so far. */
function textOutput(): Output {
  let width = 0;
  return {
    write(answer) {
      if ("error" in answer) return;
      const image = oneLine(answer.image);
      width = Math.max(width, Math.min(image.length, MAX_PADDING));
      const classes = answer.top.map((p) => `${oneLine(p.class)} ${percent(p.probability, 1)}`);
      print(`${image.padEnd(width)}  ${classes.join(", ")}`);
    },
    end() {},
  };
}

/** One array, written as it grows: an answer is held back until it is known whether a comma follows. */
function jsonOutput(): Output {
  let held: string | undefined;
  return {
    write(answer) {
      print(held === undefined ? "[" : `${held},`);
      held = JSON.stringify(answer, null, 2).replace(/^/gm, "  ");
    },
    end: () => print(held === undefined ? "[]" : `${held}\n]`),
  };
}
