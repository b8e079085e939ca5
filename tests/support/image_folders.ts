/**
 * Small folders of images for tests, in each layout.
 *
 * @module
 */
import { jpeg, png } from "./images.ts";

/** An image of one colour with a ramp in it. */
export function plainPng(seed: number, width: number, height: number): Uint8Array<ArrayBuffer> {
  return png({ width, height, sample: (x, y, c) => (seed * 40 + c * 60 + x * 3 + y * 5) & 255 });
}

/** Two classes with three and two training images and one test image each. */
export const IMAGENET: Readonly<Record<string, Uint8Array>> = {
  "train/cat/1.png": plainPng(1, 4, 4),
  "train/cat/2.jpg": jpeg("colour"),
  "train/cat/3.JPEG": jpeg("grey"),
  "train/cat/notes.txt": new Uint8Array(1),
  "train/cat/.hidden.png": new Uint8Array(1),
  "train/dog/1.png": plainPng(2, 9, 5),
  "train/dog/deeper/2.PNG": plainPng(3, 4, 8),
  "val/cat/9.png": plainPng(4, 5, 5),
  "val/dog/8.png": plainPng(5, 4, 4),
};

/** Three training images and two test images. */
export const TINY: Readonly<Record<string, Uint8Array>> = {
  "wnids.txt": new TextEncoder().encode("n2\nn1\n"),
  "train/n1/images/n1_0.JPEG": jpeg("colour"),
  "train/n1/images/n1_1.JPEG": jpeg("grey"),
  "train/n1/n1_boxes.txt": new Uint8Array(1),
  "train/n2/images/n2_0.JPEG": jpeg("progressive"),
  "train/n2/n2_boxes.txt": new Uint8Array(1),
  "val/images/val_0.JPEG": jpeg("colour"),
  "val/images/val_1.JPEG": jpeg("grey"),
  "val/val_annotations.txt": new TextEncoder().encode(
    "val_0.JPEG\tn2\t0\t0\t9\t9\nval_1.JPEG\tn1\t0\t0\t9\t9\n",
  ),
};

/** Two classes of twelve images, no splits. */
export const PLAIN: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  ["red", "train"].flatMap((name, label) =>
    Array.from({ length: 12 }, (_, i) => [`${name}/${i}.png`, plainPng(label * 12 + i, 4, 4)])
  ),
);
