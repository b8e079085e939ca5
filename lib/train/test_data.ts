/**
 * The images of a trained run that it is measured on, in the order and number of its classes.
 *
 * @module
 */
import { withLabelsOf } from "../data/classes.ts";
import type { Dataset, SplitName } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import { openSplit } from "../data/open_split.ts";
import { readManifest, sharesFiles } from "../data/paths/data_manifest.ts";
import { DATA_FORMATS } from "../recipe/data_formats.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { InputSpec } from "../program/input_spec.ts";
import type { TrainedRun } from "./checkpoint/load.ts";

/** Which images, and where warnings and progress go. */
interface TestDataOptions {
  /** The split to measure; `test` by default. */
  readonly split?: SplitName;
  readonly warn?: (text: string) => void;
  readonly progress?: (text: string) => void;
}

/**
 * Opens the data of a run's recipe, with the labels that its network has. Data in another place may lack
 * some classes, have others, or have them in another order: they are compared by name.
 *
 * @param path the run's folder
 * @returns the data, and the number of images of the split left out, by class that the network does not know
 * @throws DataError when the data is missing or has none of the network's classes
 */
export async function openTestData(
  path: string,
  { recipe, checkpoint: { data: known } }: TrainedRun,
  { split = "test", warn, progress }: TestDataOptions,
): Promise<ReturnType<typeof withLabelsOf>> {
  const messages = { ...(warn ? { warn } : {}), ...(progress ? { progress } : {}) };
  const whole = await openDataset(split === "test" ? forTest(recipe, known) : recipe, messages);
  const others = whole.heldOut && !await beganWith(path, recipe, whole);
  const opened = others && split === "test" ? allToTest(whole) : whole;
  // Checkpoints of earlier versions do not know their data.
  return withLabelsOf(known ?? opened, opened, `the run in ${path}`, warn, split);
}

/** The recipe without what it says of training images, and of classes where names tell which count. */
function forTest(recipe: Recipe, known: InputSpec | undefined): Recipe {
  const { data } = recipe;
  if (DATA_FORMATS[data.format].root === undefined) return recipe; // Made as the recipe says.
  // CIFAR's number of classes tells which labels to read.
  const named = known?.classNames !== undefined && data.format !== "cifar";
  return { ...recipe, data: { ...data, train: 0, ...(named ? { classes: 0 } : {}) } };
}

/** Whether a run began with the data, or with some of its images. */
async function beganWith(
  path: string,
  { pathScope }: Recipe,
  { files }: Dataset,
): Promise<boolean> {
  if (!pathScope.isOverridden("data.root") || !files) return true;
  const record = (await readManifest(path))["data.root"];
  return record === undefined || await sharesFiles(record, files);
}

/** Data of which no image was trained on: all of them are measured. */
function allToTest(data: Dataset): Dataset {
  const { train: { source: train }, test: { source: test }, layout = "" } = data;
  if (train?.kind !== "folder" || test?.kind !== "folder") return data;
  const { cache: _, ...files } = test;
  const all = {
    ...files,
    paths: [...train.paths, ...test.paths],
    labels: Uint32Array.from([...train.labels, ...test.labels]),
  };
  const folders = layout.replace(/, [^,]* of each(, at least one,)? held out to test$/, "");
  return {
    ...data,
    test: openSplit(all),
    layout: `${folders}, all images to test, as the run began with others`,
  };
}
