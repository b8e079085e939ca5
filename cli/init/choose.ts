/**
 * Chooses network and settings for a data set, each with the reason in words. The rules are ours: they
 * aim at a first result in minutes to an hour on a CPU, not at the best accuracy.
 *
 * @module
 */
import { withThousands } from "../../lib/core/format.ts";
import { largest, smallest } from "../../lib/core/min_max.ts";
import { leftOutOfEpochs } from "../../lib/data/sampler.ts";
import type { AugmentInput } from "../../lib/recipe/augment.ts";
import type { ZooName } from "../../lib/recipe/model.ts";
import type { Survey } from "./survey.ts";

/** A value and why it was chosen: a sentence without its full stop. */
export interface Choice<T> {
  readonly value: T;
  readonly why: string;
}

/** What a recipe says beside where the data is. */
export interface Choices {
  readonly size: Choice<readonly [h: number, w: number]>;
  readonly channels: Choice<number>;
  readonly augment: Choice<readonly AugmentInput[]>;
  readonly network: Choice<{ readonly name: ZooName; readonly width?: number }>;
  readonly epochs: Choice<number>;
  readonly batch: Choice<number>;
  readonly rate: Choice<number>;
  readonly weightDecay: number;
  readonly warmupSteps: number;
  /** Set if the classes differ much in size. */
  readonly imbalance: string | undefined;
  /** Set if there are so few photos that trained weights would help. */
  readonly fewPhotos: boolean;
}

/** Images up to this size are small: MNIST's, CIFAR's. */
const SMALL = 40;
/** Sizes that photos are scaled to. */
const SIZES = [32, 64, 96, 128, 224];
/** Photos are scaled to at most `size` where there are fewer than `images`: more pixels need more images. */
const SIZE_LIMITS = [
  { images: 1000, size: 64 },
  { images: 5000, size: 96 },
  { images: 20_000, size: 128 },
] as const;
/** Fewer photos than these profit from trained weights. */
const FEW_PHOTOS = 5000;
/** The largest class has so many times the images of the smallest: worth a hint. */
const IMBALANCE = 3;
/** Share of the images that an epoch may leave out as they do not fill a batch: training warns of more. */
const MAX_LEFT_OUT = 0.01;
/** Images seen in all epochs: 5 epochs of Fashion-MNIST, 12 of CIFAR-10. */
const SEEN = { grey: 300_000, colour: 600_000 } as const;

/** Chooses all of them. */
export function choose(found: Survey): Choices {
  const size = sizeOf(found), channels = channelsOf(found), side = Math.max(...size.value);
  const isGrey = channels.value < 3;
  const network = networkOf(found, side, isGrey), batch = batchOf(found, side);
  const epochs = epochsOf(found, isGrey && side <= SMALL);
  const steps = epochs.value * Math.max(1, Math.floor(found.train / batch.value));
  const rate = 0.05 * batch.value / 64;
  const few = found.files !== undefined && found.train < FEW_PHOTOS && side > SMALL;
  return {
    size,
    channels,
    augment: augmentOf(found, side, isGrey),
    network,
    epochs,
    batch,
    rate: { value: Number(rate.toPrecision(2)), why: "0.05 for 64 images, in proportion" },
    weightDecay: network.value.name === "cnn" ? 1e-4 : 5e-4,
    warmupSteps: Math.min(300, Math.round(steps / 20)),
    imbalance: imbalanceOf(found),
    fewPhotos: few && !isGrey,
  };
}

function sizeOf({ files, shape: [h, w], train }: Survey): Choices["size"] {
  if (!files) return { value: [h, w], why: "height and width, as the images are stored" };
  const { same, median } = files;
  if (same && Math.max(...same) <= 96) {
    return { value: same, why: "height and width, as all images have them" };
  }
  const limit = SIZE_LIMITS.find(({ images }) => train < images)?.size ?? Infinity;
  const side = SIZES.findLast((each) => each <= Math.min(median, limit)) ?? median;
  const stored = same
    ? `they are ${same.join("×")}`
    : `half of them have at least ${withThousands(median)} pixels on their shorter side`;
  const few = limit < median
    ? `, and ${
      withThousands(train)
    } are too few to learn finer detail from; twice the size takes four ` +
      "times as long"
    : "";
  return {
    value: [side, side],
    why: `images are scaled and cropped to this height and width: ${stored}${few}`,
  };
}

function channelsOf({ files, shape: [, , c] }: Survey): Choices["channels"] {
  if (!files) return { value: c, why: "as they are stored" };
  return files.grey
    ? { value: 1, why: "the images are grey" }
    : { value: 3, why: "the images are in colour" };
}

function networkOf({ train }: Survey, side: number, isGrey: boolean): Choices["network"] {
  const images = `${withThousands(train)} images`;
  if (isGrey && side <= SMALL) {
    return {
      value: { name: "cnn" },
      why: "four convolutions, which suits small grey images; resnet8 is the next larger one",
    };
  }
  if (side <= SMALL ? train < 20_000 : train < 2000) {
    return {
      value: { name: "resnet8" },
      why: `a small residual network, as there are ${images}; ${
        side <= SMALL
          ? "resnet20 learns more from more of them, in three times the time"
          : "resnet18 learns more from more of them"
      }`,
    };
  }
  if (side <= SMALL) {
    return {
      value: { name: "resnet20" },
      why:
        `made for images of this size, and ${images} are enough for it; resnet8 takes a third of ` +
        "the time",
    };
  }
  const width = side > 128 && train >= 200_000 ? 64 : side > 128 || train >= 20_000 ? 32 : 16;
  return {
    value: width === 64 ? { name: "resnet18" } : { name: "resnet18", width },
    why: width === 64
      ? `the published width, as there are ${images}; mobilenet-v2 is smaller`
      : `narrow, to suit ${images} and a small device: the published width is 64, which takes ` +
        `${(64 / width) ** 2} times the work`,
  };
}

function batchOf({ train }: Survey, side: number): Choices["batch"] {
  const most = side <= 64 ? 64 : side <= 128 ? 32 : 16;
  let wanted = most;
  while (wanted > 2 && wanted * 4 > train) wanted /= 2;
  const value = filledBatch(train, wanted);
  const rest = train % value === 0 ? "without a rest" : `but for ${train % value}`;
  const reasons = [
    wanted < most || value !== wanted
      ? `an epoch has ${withThousands(train)} images${wanted < most ? " only" : ""}`
      : "images of an update",
    ...(value !== wanted ? [`they fill batches of this size ${rest}`] : []),
    ...(wanted < most || value !== wanted ? [] : ["fewer take less memory"]),
  ];
  return { value, why: reasons.join("; ") };
}

/**
 * The batch nearest to `wanted`, from half of it to twice, of which an epoch leaves out hardly an image;
 * of few images, for which there may be none, the one that leaves out fewest. One image has no variance
 * for a batch norm.
 */
function filledBatch(train: number, wanted: number): number {
  const least = Math.max(2, Math.ceil(wanted / 2)), most = Math.min(train, wanted * 2);
  const sizes = Array.from({ length: Math.max(0, most - least + 1) }, (_, at) => least + at)
    .sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted) || a - b);
  const share = (size: number) => leftOutOfEpochs(train, size)?.share ?? 0;
  return sizes.find((size) => share(size) < MAX_LEFT_OUT) ??
    sizes.toSorted((a, b) => share(a) - share(b))[0] ?? Math.min(wanted, train);
}

function epochsOf({ train }: Survey, isEasy: boolean): Choices["epochs"] {
  const seen = isEasy ? SEEN.grey : SEEN.colour;
  const value = Math.min(60, Math.max(5, Math.round(seen / train)));
  return {
    value,
    why: `passes over the ${
      withThousands(train)
    } images: a first result; more may give more accuracy`,
  };
}

/**
 * Why a mirror image may be of another class; `undefined` if it is not likely. Photos in folders such as
 * "class 1" are numbered, not digits; grey images may well be.
 */
function mirrorProblem(names: Survey["classNames"], isGrey: boolean): string | undefined {
  if (!names && isGrey) {
    return "digits and letters are others in the mirror: add flip if your images are not";
  }
  const before = isGrey
    ? /^\p{L}+[ _-]+(?=.$)/u
    : /^(digit|letter|number|character)s?[ _-]*(?=.$)/iu;
  if (names?.every((name) => /^(\p{L}|\d+)$/u.test(name.replace(before, "")))) {
    return "the classes may be digits or letters, which are others in the mirror";
  }
  if (names?.some((name) => /(^|[^\p{L}])(left|right|links|rechts)([^\p{L}]|$)/iu.test(name))) {
    return "left and right change places in the mirror";
  }
  return undefined;
}

function augmentOf(found: Survey, side: number, isGrey: boolean): Choices["augment"] {
  const { files, train, classNames } = found, problem = mirrorProblem(classNames, isGrey);
  const flip: readonly AugmentInput[] = problem ? [] : ["flip"];
  const mirrored = problem ? `; no flip: ${problem}` : ", half of them mirrored";
  if (side <= SMALL && isGrey && train >= 20_000) {
    return { value: flip, why: `${withThousands(train)} images need little change${mirrored}` };
  }
  const scaled = files !== undefined && !(files.same && Math.max(...files.same) <= 96);
  if (scaled) {
    return {
      value: [{ resized_crop: { scale: [0.4, 1] } }, ...flip],
      why: `each epoch sees another part of each image${mirrored}`,
    };
  }
  const padding = Math.max(1, Math.round(side / (isGrey ? 14 : 8)));
  return {
    value: [{ crop: { padding } }, ...flip],
    why: `each epoch sees images shifted by up to ${padding} pixels${mirrored}`,
  };
}

function imbalanceOf({ counts }: Survey): string | undefined {
  const least = smallest(counts), most = largest(counts);
  if (most < IMBALANCE * Math.max(1, least)) return undefined;
  return `classes have ${withThousands(least)} to ${withThousands(most)} training images; ` +
    `this lets those with few count as much as the others`;
}
