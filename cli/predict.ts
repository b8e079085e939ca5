/**
 * `qtrain predict`: class and probability of images.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { predict } from "../lib/train/predict.ts";
import { type Command, first } from "./command.ts";
import { percent } from "./format.ts";
import { type Arguments, tilesOf } from "./options.ts";
import { print, printJson } from "./print.ts";

/** The command. */
export const predictCommand: Command = {
  name: "predict",
  usage:
    "qtrain predict RUN IMAGE… [--top N] [--best] [--device auto|gpu|cpu] [--no-tune] [--json]",
  summary: "Says of each image which class it is of, and how likely.",
  details: `RUN is the folder that training wrote, e.g. runs/quickstart; its data need not be there.
IMAGE is a JPEG or PNG file of any size, or a folder of them. An image is scaled so that it just
covers what the network sees, and cut in the middle. One that is missing or damaged is told of on
stderr, the others are answered all the same; the exit code is then 2.`,
  options: ["top", "best", "device", "no-tune", "json"],
  run,
};

async function run(args: Arguments): Promise<number> {
  const [path, images] = first(args, "predict", "the folder of a run");
  if (images.length === 0) {
    throw new UsageError(
      "qtrain predict: expected an image behind the folder of a run, got nothing; see qtrain " +
        "predict --help",
    );
  }
  const top = args.top ?? "1";
  if (!/^[1-9]\d{0,5}$/.test(top)) {
    throw new UsageError(
      `--top: expected a whole number of at least 1, got ${JSON.stringify(top)}`,
    );
  }
  const answers = await predict(path, images, {
    top: Number(top),
    ...(args.device ? { device: args.device } : {}),
    ...tilesOf(args, "remembered"),
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
      const classes = answer.top.map((l) => `${l.class} ${percent(l.probability, 1)}`);
      print(`${answer.image.padEnd(width)}  ${classes.join(", ")}`);
    }
  }
  return failed ? 2 : 0;
}
