/**
 * `qtrain predict`: class and probability of images.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { predict } from "../lib/train/predict.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { percent } from "./format.ts";
import { BEST, DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { print, printJson } from "./print.ts";

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
} as const satisfies Options;

/** `qtrain predict`. */
export const predictCommand = defineCommand({
  name: "predict",
  synopsis: "qtrain predict RUN IMAGE…",
  summary: "Predicts class and probability of each image.",
  details: `RUN is a folder that training wrote, e.g. runs/quickstart; its data is not needed.
IMAGE is a JPEG or PNG file of any size, or a folder of them. An image is resized to cover the
network's input and cropped at the centre. Images that are missing or damaged are reported on
stderr; the others are predicted all the same, and the exit code is 2.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, images] = firstPositional(args, "predict", "the folder of a run");
  if (images.length === 0) {
    throw new UsageError(
      "qtrain predict: expected an image after the folder of a run, got nothing; see qtrain " +
        "predict --help",
    );
  }
  const answers = await predict(path, images, {
    top: args.top ?? 1,
    ...deviceOptions(args),
    tiles: args["no-tune"] ? "default" : "remembered",
    best: args.best ?? false,
    warn: (text) => console.error(text),
  });
  if (args.json) printJson(answers, 2);
  const width = Math.max(...answers.map(({ image }) => image.length));
  let failed = false;
  for (const answer of answers) {
    if ("error" in answer) {
      failed = true;
      console.error(answer.error);
    } else if (!args.json) {
      const classes = answer.top.map((p) => `${p.class} ${percent(p.probability, 1)}`);
      print(`${answer.image.padEnd(width)}  ${classes.join(", ")}`);
    }
  }
  return failed ? 2 : 0;
}
