/**
 * `qtrain data`: figures of a recipe's data, and a picture of augmented images.
 *
 * @module
 */
import { largest, smallest } from "../lib/core/min_max.ts";
import type { Dataset } from "../lib/data/dataset.ts";
import { DataLoader } from "../lib/data/loader.ts";
import { openDataset } from "../lib/data/open.ts";
import { expectBatch, leftOutOfEpochs } from "../lib/data/sampler.ts";
import { previewPng } from "../lib/data/inspect/preview.ts";
import {
  type DatasetStatistics,
  datasetStatistics,
} from "../lib/data/inspect/dataset_statistics.ts";
import { UsageError } from "../lib/core/errors.ts";
import { writeAtomic } from "../lib/core/files.ts";
import { isOwnPng } from "../lib/image/png_encode.ts";
import { loadRecipe } from "../lib/recipe/load.ts";
import type { Recipe } from "../lib/recipe/recipe.ts";
import { type Arguments, defineCommand, firstPositional, type Options } from "./command.ts";
import { settingsTable, table, withThousands } from "./format.ts";
import { JSON_OUTPUT } from "./options.ts";
import { print, printJson } from "./print.ts";
import { Progress } from "./progress.ts";
import { augmentations, layout } from "./settings.ts";

/** Default path of the picture. */
const PREVIEW = "preview.png";
/** Maximum number of classes listed one by one. */
const MAX_LISTED = 30;
/** Width of the longest bar in columns. */
const BAR = 30;

const OPTIONS = {
  out: {
    type: "string",
    usage: "--out FILE",
    help: `the PNG file of the grid, a new one or an earlier one (default: ${PREVIEW})`,
  },
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain data`. */
export const dataCommand = defineCommand({
  name: "data",
  synopsis: "qtrain data recipe.yaml [key=value …]",
  summary: "Describes a recipe's data and draws a grid of augmented training images.",
  details:
    `Prints images by class, shape, mean and std next to those of the recipe, and warnings. The grid
shows 64 images of the first epoch as the network gets them; another seed (seed=2) shows others.
Needs no GPU. If the images are files, 2,000 to train and 500 to test are decoded; the first that
cannot be decoded are reported by name.`,
  options: OPTIONS,
  run,
});

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  const [path, overrides] = firstPositional(args, "data", "a recipe");
  const recipe = await loadRecipe(path, overrides);
  const out = args.out ?? PREVIEW;
  await expectPreviewOrNothing(out);
  const warnings = new Set<string>(), progress = new Progress();
  try {
    const { data, ...found } = await inspect(recipe, out, (text) => warnings.add(text), progress);
    const notes = [...warnings, ...found.notes, ...batchNotes(recipe, data)];
    if (recipe.data.on_bad_image === "fail" && data.fileWarnings?.count("bad")) {
      notes.push("training stops at files that cannot be decoded, as data.on_bad_image is fail");
    }
    const root = data.files?.root ?? "";
    const placed = { ...recipe, data: { ...recipe.data, root } };
    if (args.json) printJson(asJson(placed, data, found, notes, out), 2);
    else print(asText(placed, data, found, notes, out));
  } catch (error) {
    // They may tell why.
    for (const text of warnings) progress.error(text);
    throw error;
  }
  return 0;
}

/** Measures the data and draws the picture. */
async function inspect(
  recipe: Recipe,
  out: string,
  warn: (text: string) => void,
  progress: Progress,
): Promise<DatasetStatistics & { readonly data: Dataset }> {
  const { seed } = recipe;
  // Reports every image that cannot be decoded, not only the first.
  const skipping = { ...recipe, data: { ...recipe.data, on_bad_image: "skip" as const } };
  const live = (text: string) => progress.live(text);
  const data = await openDataset(skipping, { warn, progress: live })
    .finally(() => progress.done());
  const loader = await DataLoader.open(data, { ...recipe.data, seed, warn });
  try {
    const found = await datasetStatistics(loader, seed, live)
      .finally(() => progress.done());
    await writeAtomic(out, await previewPng(loader, seed));
    return { ...found, data };
  } finally {
    loader.close();
  }
}

/** What is odd about the batch size for so many images. */
function batchNotes({ train: { batch, micro_batch } }: Recipe, { train }: Dataset): string[] {
  try {
    expectBatch(train.count, batch);
  } catch (error) {
    return [(error as Error).message];
  }
  const left = leftOutOfEpochs(train.count, batch, micro_batch);
  return left ? [left.text] : [];
}

/** Refuses to replace a file that is no preview, such as a photo. */
async function expectPreviewOrNothing(path: string): Promise<void> {
  const start = new Uint8Array(128);
  try {
    using file = await Deno.open(path);
    if (!(await file.stat()).isFile) return; // Writing says what is wrong, or it is a pipe.
    const length = await file.read(start) ?? 0;
    if (length === 0 || isOwnPng(start)) return;
  } catch {
    return;
  }
  throw new UsageError(
    `--out: expected a new name or an earlier preview to replace, got another file at ${path}; ` +
      `choose another --out`,
  );
}

function asText(
  { data: spec }: Recipe,
  data: Dataset,
  { counts, imbalance, measured }: DatasetStatistics,
  notes: readonly string[],
  out: string,
): string {
  const list = (values: readonly number[]) => values.map((v) => v.toFixed(3)).join(", ");
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const least = smallest(counts.train), most = largest(counts.train);
  const ratio = imbalance === null ? "" : ` (${imbalance.toFixed(2)} times)`;
  const of = measured.images < data.train.count
    ? `, of ${withThousands(measured.images)} images`
    : "";
  const rows: [string, string][] = [
    [
      "data",
      data.name + (spec.root ? `, ${spec.format} in ${spec.root}` : ", made by the program"),
    ],
    ...layout(data),
    [
      "images",
      `${withThousands(sum(counts.train))} to train, ${withThousands(sum(counts.test))} to test`,
    ],
    ["shape", `${data.shape.join("×")}`],
    [
      "classes",
      `${data.classes}, ` +
      (least === most
        ? `${withThousands(least)} training images each`
        : `${withThousands(least)} to ${withThousands(most)} training images${ratio}`),
    ],
    ["mean", `${list(measured.mean)}${of}; the recipe subtracts ${list(data.mean)}`],
    ["std", `${list(measured.std)}${of}; the recipe divides by ${list(data.std)}`],
    ["augment", augmentations(spec) || "nothing"],
    ["preview", out],
  ];
  return [
    settingsTable(rows),
    "",
    classTable(data, counts),
    ...notes.map((note) => `note: ${note}`),
  ].join("\n");
}

/** Images by class, with bars; the largest and the smallest classes if there are many. */
function classTable(data: Dataset, { train, test }: DatasetStatistics["counts"]): string {
  const most = Math.max(largest(train), 1);
  const row = (label: number) => [
    data.classNames?.[label] ?? String(label),
    withThousands(train[label]!),
    withThousands(test[label]!),
    "█".repeat(Math.ceil(train[label]! / most * BAR)),
  ];
  const labels = train.map((_, label) => label);
  let rows = labels.map(row);
  if (labels.length > MAX_LISTED) {
    const bySize = labels.toSorted((a, b) => train[b]! - train[a]! || a - b);
    const left = `${labels.length - 10} more`;
    rows = [...bySize.slice(0, 5).map(row), [left], ...bySize.slice(-5).map(row)];
  }
  return table(["class", "train", "test", ""], rows, ["left", "right", "right", "left"]);
}

function asJson(
  { data: spec, seed }: Recipe,
  data: Dataset,
  { counts, imbalance, measured }: DatasetStatistics,
  notes: readonly string[],
  out: string,
): unknown {
  return {
    name: data.name,
    format: spec.format,
    root: spec.root,
    ...(data.layout === undefined ? {} : { layout: data.layout }),
    seed,
    train_images: data.train.count,
    test_images: data.test.count,
    shape: data.shape,
    classes: data.classes,
    ...(data.classNames ? { class_names: data.classNames } : {}),
    train_counts: counts.train,
    test_counts: counts.test,
    imbalance,
    measured,
    mean: data.mean,
    std: data.std,
    augment: spec.augment,
    notes,
    preview: out,
  };
}
