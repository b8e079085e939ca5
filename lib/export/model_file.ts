/**
 * A file with a network in another program's format: what is written beside the network, and what can
 * be done with one that has been read.
 *
 * @module
 */
import { VERSION } from "../core/version.ts";
import { encodeInputSpec, type InputSpec } from "../program/input_spec.ts";

/** The name of a file's input, uint8 [batch, height, width, channels]: images as they are. */
export const IMAGE = "image";
/** The name of a file's output, float32 [batch, classes]. */
export const PROBABILITIES = "probabilities";

/**
 * Most multiplications, comparisons and values of all layers for an image, so that a damaged file does
 * not run for hours; VGG-16 at 224×224 has 2³⁴.
 */
export const MAX_WORK = 2 ** 37;
/**
 * Most values of a tensor for an image, as padding in a small file can ask for memory without end;
 * 512×512 pixels of 256 channels have as many.
 */
export const MAX_VALUES = 2 ** 26;

/** A tensor that an interpreter has computed. */
export interface Observed {
  /** The name of the tensor (`ExportTensor` in network.ts). */
  readonly name: string;
  /** Its real values, [count, h, w, c]. */
  readonly values: Float32Array;
}

/** A network that has been read from a file, ready to compute. */
export interface Interpreter {
  /** Height, width and channels of its images. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** Number of classes. */
  readonly classes: number;
  /** What the file says of it, by key: {@linkcode encodeMetadata} in files of qtrain. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Computes the probabilities of images, [count, classes].
   *
   * @param images pixels, uint8 [count, h, w, c]
   * @param observe called with every tensor between layers, and with the logits
   */
  run(
    images: Uint8Array,
    count: number,
    observe?: (tensor: Observed) => void,
  ): Float32Array<ArrayBuffer>;
}

/**
 * The texts that a file has beside its network, by key.
 *
 * @param spec shape, classes and normalization of the images
 * @param recipe the recipe of the run, as YAML
 */
export function encodeMetadata(spec: InputSpec, recipe: string): Record<string, string> {
  const [h, w, c] = spec.shape;
  return {
    qtrain_version: VERSION,
    data: encodeInputSpec(spec),
    preprocessing:
      `Input ${IMAGE}: uint8, [batch, ${h}, ${w}, ${c}], pixels from 0 to 255 as they are (` +
      `${
        c === 3 ? "red, green, blue" : c === 1 ? "grey" : `${c} channels`
      }). An image of another ` +
      `size is scaled so that it just covers ${w}×${h} and cropped at its centre. The network ` +
      "normalizes the pixels itself.",
    recipe,
  };
}
