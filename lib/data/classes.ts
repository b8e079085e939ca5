/**
 * Classes by name. A network's scores have an order, that of the classes it was trained on; other data
 * may have these classes in another order, or others. Names decide which is which, never positions.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import { listed } from "../core/text.ts";
import type { Dataset, Split, SplitName, SplitSource } from "./dataset.ts";
import type { FileWarnings } from "./file_warnings.ts";
import { openSplit } from "./open_split.ts";

/** What the images of a split are called. */
const NOUNS = { train: "training image", test: "test image" } as const;

/** How one list of classes relates to another. */
interface ClassMatch {
  /** For each of `names`, its label in `known`; `undefined` for a new class. */
  readonly labels: readonly (number | undefined)[];
  /** Classes of `known` that `names` lacks. */
  readonly missing: readonly string[];
  /** Classes of `names` that `known` lacks. */
  readonly added: readonly string[];
  /** Whether both have the same classes in the same order. */
  readonly same: boolean;
}

/**
 * Finds the classes of one list in another, by name. Unicode's forms of a letter count as one. An
 * ImageNet class is the same with and without words behind its number (`n02124075 Egyptian cat`).
 *
 * @param known the classes of a network, by label
 * @param names the classes of the data, by label
 */
export function matchClasses(known: readonly string[], names: readonly string[]): ClassMatch {
  const labelOf = new Map(known.map((name, label) => [keyOf(name), label]));
  const labels = names.map((name) => labelOf.get(keyOf(name)));
  const found = new Set(labels);
  return {
    labels,
    missing: known.filter((_, label) => !found.has(label)),
    added: names.filter((_, label) => labels[label] === undefined),
    same: known.length === names.length && labels.every((label, index) => label === index),
  };
}

function keyOf(name: string): string {
  return /^n\d{8}(?= |$)/.exec(name)?.[0] ?? name.normalize("NFC");
}

/** What a network was trained on. */
interface Known {
  /** Shape of its images. */
  readonly shape: readonly number[];
  /** How many classes there are. */
  readonly classes: number;
  /** Their names by label, if they have names. */
  readonly classNames?: readonly string[];
}

/** Data with the labels of a network. */
interface LabelledLikeNetwork {
  readonly data: Dataset;
  /** Images of the split that are left out, by class that the network does not know. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/**
 * Gives data the labels of a network. Images of classes that it does not know are left out, with a
 * warning; so are warnings about classes without images. Without names on both sides, labels are
 * taken as they are.
 *
 * @param of what knows the classes, for messages: `the run in runs/shirts`
 * @param split the split that is used: others may be without images
 * @throws {DataError} when the network knows none of the classes, or has fewer and there are no names,
 * or the images have another shape
 */
export function withLabelsOf(
  known: Known,
  data: Dataset,
  of: string,
  warn: (text: string) => void = () => {},
  split: SplitName = "test",
): LabelledLikeNetwork {
  const { classNames } = data;
  if (`${known.shape}` !== `${data.shape}`) {
    throw new DataError(
      `data.root: expected images of ${known.shape.join("×")}, as ${of} has, got ` +
        `${data.shape.join("×")}; use other data`,
    );
  }
  if (!known.classNames || !classNames) {
    // Labels that no file names are counted up to the highest that is there: fewer are the same classes.
    const fits = classNames ? data.classes === known.classes : data.classes <= known.classes;
    if (!fits) {
      throw new DataError(
        `data.root: expected data with the ${known.classes} classes of ${of}, got ` +
          `${data.classes}, and nothing tells which they are; use the data that it was trained on`,
      );
    }
    if (known.classNames || classNames) {
      warn(
        `${data.name}: classes are compared by number, as ${
          classNames ? of : "the data"
        } has no names for them`,
      );
    }
    return { data: { ...data, classes: known.classes }, leftOut: new Map() };
  }
  const { labels, missing, added, same } = matchClasses(known.classNames, classNames);
  if (same) return { data, leftOut: new Map() };
  if (added.length === classNames.length) {
    throw new DataError(
      `data.root: expected data with classes of ${of} (${listed(known.classNames)}), got none of ` +
        `them (${listed(classNames)}); use other data, or train on this`,
    );
  }
  const leftOut = new Map(added.map((name) => [name, countOf(data[split], classNames, name)]));
  if (missing.length > 0) {
    const lacks = `${missing.length} of the ${known.classes} classes of ${of}`;
    warn(`${data.name}: lacks ${lacks} (${listed(missing)})`);
  }
  if (added.length > 0) {
    const images = [...leftOut.values()].reduce((sum, count) => sum + count, 0);
    warn(
      `${data.name}: ${of} does not know ${count(added.length, "class", "classes")} ` +
        `(${listed(added)}); ${count(images, NOUNS[split])} left out`,
    );
  }
  const relabelled = {
    ...data,
    classes: known.classes,
    classNames: known.classNames,
    train: relabel(data.train, labels, data.fileWarnings),
    test: relabel(data.test, labels, data.fileWarnings),
  };
  if (relabelled[split].count === 0) {
    throw new DataError(
      `data.root: expected ${NOUNS[split]}s of the classes of ${of} (${
        listed(known.classNames)
      }), ` +
        `got none; add some, or use other data`,
    );
  }
  return { data: relabelled, leftOut };
}

/** The images of a split whose classes have a label, with that label. */
function relabel(
  split: Split,
  labels: readonly (number | undefined)[],
  fileWarnings: FileWarnings | undefined,
): Split {
  const kept = Array.from(split.labels, (label, index) => ({ index, label: labels[label] }))
    .filter((image): image is { index: number; label: number } => image.label !== undefined);
  const source = split.source && relabelSource(split.source, kept);
  if (source) return openSplit(source, fileWarnings?.add);
  const own = Uint32Array.from(kept, ({ label }) => label);
  return {
    count: kept.length,
    labels: own,
    async read(indices, images, into) {
      await split.read(indices.map((index) => kept[index]!.index), images, into);
      for (const [position, index] of indices.entries()) into[position] = own[index]!;
    },
    ...(split.nameOf ? { nameOf: (index) => split.nameOf!(kept[index]!.index) } : {}),
    ...(split.image ? { image: (index) => split.image!(kept[index]!.index) } : {}),
  };
}

function relabelSource(
  source: SplitSource,
  kept: readonly { readonly index: number; readonly label: number }[],
): SplitSource | undefined {
  const labels = Uint32Array.from(kept, ({ label }) => label);
  const all = kept.length === source.labels.length;
  if (source.kind === "folder") {
    // The cache is by index; without it, each image is decoded when it is read.
    const { cache, ...files } = source;
    const paths = all ? files.paths : kept.map(({ index }) => files.paths[index]!);
    return { ...files, paths, labels, ...(all && cache ? { cache } : {}) };
  }
  if (kept.length === 0) return undefined;
  if (all) return { ...source, labels };
  const size = source.images.length / source.labels.length;
  const images = new Uint8Array(kept.length * size);
  for (const [to, { index }] of kept.entries()) {
    images.set(source.images.subarray(index * size, (index + 1) * size), to * size);
  }
  return { ...source, images, labels };
}

function countOf(split: Split, names: readonly string[], name: string): number {
  const label = names.indexOf(name);
  let images = 0;
  for (const other of split.labels) if (other === label) images++;
  return images;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
