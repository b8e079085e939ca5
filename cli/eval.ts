/**
 * `qtrain eval`: the test accuracy of a run.
 *
 * @module
 */
import { evaluate, type Evaluation } from "../lib/train/evaluate.ts";
import { UsageError } from "../lib/core/errors.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { classReport } from "./class_report.ts";
import { percent, withThousands } from "./format.ts";
import { BEST, DEVICE, deviceOptions, JSON_OUTPUT, NO_TUNE, THREADS } from "./options.ts";
import { print, printJson } from "./print.ts";
import { Progress } from "./progress.ts";

const OPTIONS = {
  split: {
    type: "string",
    usage: "--split test|train",
    help: "the images to measure (default: test)",
    values: ["test", "train"],
  },
  best: BEST,
  device: DEVICE,
  threads: THREADS,
  "no-tune": NO_TUNE,
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain eval`. */
export const evalCommand = defineCommand({
  name: "eval",
  synopsis: "qtrain eval RUN [data.root=PATH]",
  summary: "Measures a run's latest or best checkpoint: accuracy, each class, which are confused.",
  details: `RUN is a folder that training wrote, e.g. runs/quickstart. Nothing in it changes.
data.root=PATH gives other data, or the place of data that has moved or changed since the training.
--split train measures the images that the network learned from, without augmentation: far better there
than on the test images, it has learned them by heart.
data.on_bad_image=skip replaces images that cannot be decoded. Classes are compared by name: images of classes that the network does not know are left out.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "eval", "the folder of a run");
  const other = overrides.find((text) => !/^data\.(root|on_bad_image)=/.test(text));
  if (other !== undefined) {
    throw new UsageError(
      `qtrain eval: expected the folder of a run and at most data.root=PATH and ` +
        `data.on_bad_image=skip, got ${other} too`,
    );
  }
  const progress = new Progress();
  const found = await evaluate(path, {
    overrides,
    ...deviceOptions(args),
    tiles: args["no-tune"] ? "default" : "remembered",
    best: args.best ?? false,
    split: args.split ?? "test",
    warn: (text) => progress.error(text),
    progress: (text) => progress.live(text),
  }).finally(() => progress.done());
  const { split, accuracy, loss, images, leftOut, layout, step, device } = found;
  if (args.json) printJson(asJson(found), 2);
  else {
    const left = [...leftOut.values()].reduce((sum, count) => sum + count, 0);
    const without = left > 0 ? `, ${withThousands(left)} left out` : "";
    if (layout !== undefined) progress.print(`layout: ${layout}`);
    print(
      `${split} accuracy ${percent(accuracy, 2)}, ${split} loss ${loss.toFixed(4)} ` +
        `(${withThousands(images)} images${without}, after step ${step}, ${device})`,
    );
    const top5 = found.top5 === undefined ? "" : `top-5 accuracy ${percent(found.top5, 2)}, `;
    print(`${top5}calibration error ${percent(found.calibrationError, 2)}\n`);
    print(classReport(found));
  }
  return 0;
}

function asJson(found: Evaluation): unknown {
  const { classNames, classFigures, leftOut, mistakes } = found;
  return {
    split: found.split,
    accuracy: found.accuracy,
    loss: found.loss,
    images: found.images,
    ...(found.top5 === undefined ? {} : { top5: found.top5 }),
    calibration_error: found.calibrationError,
    calibration: found.calibration,
    classes: classFigures.map(({ label, precision, recall, f1, support }) => ({
      class: classNames[label],
      label,
      precision,
      recall,
      f1,
      images: support,
    })),
    confusion: found.confusion,
    mistakes: mistakes.map(({ index, label, predicted, probability, labelProbability }) => ({
      index,
      class: classNames[label],
      predicted: classNames[predicted],
      probability,
      class_probability: labelProbability,
    })),
    left_out: Object.fromEntries(leftOut),
    layout: found.layout,
    step: found.step,
    checkpoint: found.checkpoint,
    device: found.device,
  };
}
