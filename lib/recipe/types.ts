/**
 * What a recipe is once it is read. It is complete: every default is filled in and every shorthand
 * spelled out, so that no reader of it needs a default of its own. `input.ts` has what one writes.
 *
 * @module
 */

import type { DataFormatName } from "./data_formats.ts";
import type { Pair } from "./fields.ts";
import type { LayerSpec } from "./layers.ts";
import type { PathScope } from "./path_scope.ts";
import type { TrainSpec } from "./train.ts";

export type { Pair } from "./fields.ts";
export type {
  BatchNormSpec,
  Conv2dSpec,
  DropoutSpec,
  LayerSpec,
  LinearSpec,
  PlainSpec,
  PoolSpec,
  ResidualSpec,
} from "./layers.ts";
export type { OptimizerSpec, ScheduleSpec, TrainSpec } from "./train.ts";

/** A network that has a name. */
export type ZooName =
  | "cnn"
  | "mlp"
  | "resnet8"
  | "resnet20"
  | "resnet18"
  | "vgg16"
  | "mobilenet-v2";

/**
 * Which form of a network's first or last layers: `imagenet`, the paper's for 224×224; `small`, the
 * usual one for small images; `auto`: `small` for images of at most 64×64.
 */
export type Variant = "auto" | "imagenet" | "small";

/** A network of the zoo. */
export interface ZooSpec {
  /** Which one. */
  readonly name: ZooName;
  /** Channels of its first convolution (`mlp`: of a hidden layer), from which all others follow. */
  readonly width: number;
  /**
   * `resnet18`: 7×7 /2 and a max pool /2, or 3×3 alone. `mobilenet-v2`: the first two strides of 2,
   * or 1. The others have none.
   */
  readonly stem?: Variant;
  /** `vgg16`: two hidden layers of 64·width features, or a global pool. The others have none. */
  readonly head?: Variant;
}

/** A network of the zoo by name, or a list of layers. */
export type ModelSpec =
  | ZooSpec
  | { readonly layers: readonly LayerSpec[] };

/** Where the images come from. In numbers, 0 means: take it from the data. */
export interface DataSpec {
  /**
   * Which reader, or maker, of images. `glyphs`: made by the program. `idx`: four IDX files, as
   * MNIST is published. `cifar`: CIFAR-10 or CIFAR-100, binary version. `npz`: NumPy arrays
   * `x_train`, `y_train`, `x_test` and `y_test`, images u8. `folder`: JPEG and PNG images in a
   * folder for each class, `train/CLASS` and `val/CLASS`, or only `CLASS`.
   */
  readonly format: DataFormatName;
  /**
   * Absolute path of the data set's folder, with `npz` also of the `.npz` file; empty where the
   * format needs none.
   */
  readonly root: string;
  /** Kinds of images; labels are 0 to classes − 1. CIFAR-100: 100 fine or 20 coarse ones. */
  readonly classes: number;
  /**
   * Height and width of an image; `[0, 0]`: from the data. Images in folders are scaled so that they
   * just cover it, and cut to it around their middle.
   */
  readonly size: Pair;
  /** 1 to 4; 0: from the data. */
  readonly channels: number;
  /** Images of the training split to use; 0: all. */
  readonly train: number;
  /** Images of the test split to use; 0: all. */
  readonly test: number;
  /** Subtracted from pixel/255; one number for all channels, or one per channel. */
  readonly mean: readonly number[];
  /** Divides pixel/255 − mean; above 0; one number for all channels, or one per channel. */
  readonly std: readonly number[];
  /**
   * `folder`: share of each class that is held out for the test, above 0 and below 1, where the folder
   * has no `val`, `validation` or `test`; which images depends on the seed.
   */
  readonly holdout: number;
  /**
   * `folder`: what to do about a file that cannot be decoded. `fail`: stop and name it. `skip`: warn,
   * and put the next good image of its class in its place.
   */
  readonly on_bad_image: "fail" | "skip";
  /** What is done to training images, in this order; to test images nothing is. */
  readonly augment: readonly AugmentSpec[];
  /**
   * Threads that decode and augment images; 0: the one that trains. No result depends on it. `auto`:
   * one less than there are processors, 1 to 8, for images in files and for `resized_crop` and
   * `color_jitter`; 0 for what costs less.
   */
  readonly workers: "auto" | number;
}

/** One augmentation of training images: a map with its name as the only key. */
export type AugmentSpec =
  | {
    /** Left and right change places, in this share of images. */
    readonly flip: { readonly probability: number };
  }
  | {
    /** A window of the same size, anywhere in the image with so many black pixels around it. */
    readonly crop: { readonly padding: number };
  }
  | {
    /** A part of the image, scaled: shares of its area, and width / height, least and largest. */
    readonly resized_crop: {
      readonly scale: readonly [least: number, largest: number];
      readonly ratio: readonly [least: number, largest: number];
    };
  }
  | {
    /** Factors from 1 − x to 1 + x; `hue`: up to so much of the circle of colours, at most 0.5. */
    readonly color_jitter: {
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    };
  }
  | {
    /** A square with this side gets the mean colour. */
    readonly cutout: { readonly size: number };
  }
  | {
    /** Images of a batch and their labels are mixed in pairs; Beta(alpha, alpha) weighs them. */
    readonly mixup: { readonly alpha: number };
  };

/** How weights are quantized: symmetric, to nearest. */
export interface WeightsSpec {
  /** 2 to 8; with simulated arithmetic up to 16. */
  readonly bits: number;
  /** What sets the range; `none`: not quantized (simulated arithmetic alone). */
  readonly estimator: "current-minmax" | "none";
  /** A range for each output channel (in int8 for depthwise layers alone). */
  readonly per_channel: boolean;
}

/** How activations are quantized. */
export interface ActivationsSpec {
  /** 2 to 8; with simulated arithmetic up to 16. */
  readonly bits: number;
  /** What sets the range: a name in `estimators`; `none`: not quantized (simulated alone). */
  readonly estimator: string;
  /** η of the average, 0 ≤ η < 1: what the old range keeps. */
  readonly momentum: number;
  /** Zero point 0 and equal bounds on both sides. */
  readonly symmetric: boolean;
  /** Iterations that `delayed-max` looks back over, 1 to 32. */
  readonly window: number;
  /** Powers of two that `delayed-max` leaves above the largest value, 0 to 8. */
  readonly margin: number;
  /** Iterations between two searches of `dsgc`. */
  readonly interval: number;
  /** The range of `fixed`. */
  readonly range?: readonly [low: number, high: number];
}

/** How gradients are quantized. */
export interface GradientsSpec extends ActivationsSpec {
  /** How a value becomes a code. */
  readonly rounding: "stochastic" | "nearest";
  /** Whether `dsgc` multiplies a layer's learning rate by max(exp(−20·cosine distance), 0.1). */
  readonly scale_rate: boolean;
}

/** Other settings for the layers that a pattern matches. */
export interface LayerQuantizeSpec {
  /** Names of layers (`input`: the images), with `*` and `?`; `|` between patterns. */
  readonly match: string;
  /** What is different about their weights. */
  readonly weights?: Partial<WeightsSpec>;
  /** About their outputs. */
  readonly activations?: Partial<ActivationsSpec>;
  /** About the gradients of their outputs. */
  readonly gradients?: Partial<GradientsSpec>;
}

/** What is quantized, how, and who sets the ranges. `float32` ignores all but `arithmetic`. */
export interface QuantizeSpec {
  /**
   * `int8`: storage and dot products in int8; `simulated`: f32 rounded to what codes stand for, at the
   * same points; `float32`: no quantizers.
   */
  readonly arithmetic: "int8" | "simulated" | "float32";
  /** Quantizers of the weights. */
  readonly weights: WeightsSpec;
  /** Quantizers of what layers put out. */
  readonly activations: ActivationsSpec;
  /** Quantizers of the gradients of activations. */
  readonly gradients: GradientsSpec;
  /** Who turns statistics into the next ranges. */
  readonly scheduler: "host" | "device" | "auto";
  /** Batches that set the first ranges. */
  readonly calibration_batches: number;
  /** What is different about some layers; of two that match, the later wins. */
  readonly layers: readonly LayerQuantizeSpec[];
}

/** A complete recipe, deeply frozen. */
export interface Recipe {
  /** Where `data.root` and `init` may lead; not written with the recipe. */
  readonly pathScope: PathScope;
  /** Usable as the name of a folder. */
  readonly name: string;
  /** 0 to 2³² − 1. */
  readonly seed: number;
  /** The images. */
  readonly data: DataSpec;
  /** The network. */
  readonly model: ModelSpec;
  /**
   * What the weights start from: absolute path of a safetensors file (of qtrain, or with PyTorch's
   * names for a network of the zoo), or of a run's folder, whose newest checkpoint it then is; empty:
   * first values by the seed. A last layer for another number of classes is made new.
   */
  readonly init: string;
  /**
   * Layers that do not train, by patterns as in `quantize.layers`. They keep their weights; a frozen
   * batch norm normalizes with its running statistics, in training too, and does not update them.
   */
  readonly freeze: readonly string[];
  /** The arithmetic and its ranges. */
  readonly quantize: QuantizeSpec;
  /** Length and optimizer. */
  readonly train: TrainSpec;
  /** Bytes that all buffers on the device may add up to; 0: no limit. */
  readonly memory: number;
  /** `full`: logged steps say how far each quantized tensor lies from its real values. */
  readonly telemetry: "basic" | "full";
}
