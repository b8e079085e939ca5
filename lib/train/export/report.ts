/**
 * What an export has written and found.
 *
 * @module
 */
import type { OnnxTarget } from "../../export/onnx/encode.ts";

/** How the answers of an exported file compare with those of the run, over the same images. */
export interface ExportCheck {
  /** Number of test images. */
  readonly images: number;
  /** Share of the images that the run gets right, 0–1. */
  readonly runAccuracy: number;
  /** Share of the images that the file gets right, computed by qtrain's interpreter of its format. */
  readonly fileAccuracy: number;
  /** Number of images whose likeliest class in the file is another than in the run. */
  readonly differing: number;
  /** Largest difference of a probability. */
  readonly maxDifference: number;
}

/** What an export has written and found. */
export interface ExportReport {
  /** Path of the file. */
  readonly file: string;
  /** Path of its description, JSON; absent for safetensors. */
  readonly description?: string;
  /** Path of its card, Markdown; absent for safetensors. */
  readonly card?: string;
  /** Format of the file. */
  readonly format: "onnx" | "tflite" | "safetensors";
  /** What an ONNX file is written for. */
  readonly target?: OnnxTarget;
  /** How its numbers are stored. */
  readonly arithmetic: "int8" | "float32";
  /** Height, width and channels of the images that it takes; absent for safetensors. */
  readonly shape?: readonly [h: number, w: number, c: number];
  /** Size of the file. */
  readonly bytes: number;
  /** Size of its weights in float32; absent for safetensors. */
  readonly float32Bytes?: number;
  /** Comparison with the run; absent with `check: 0`, and for safetensors. */
  readonly check?: ExportCheck;
}
