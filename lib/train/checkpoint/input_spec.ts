/**
 * What a run knows of its images, so that it can answer without its data: kept in its checkpoints.
 *
 * @module
 */
import { DataError } from "../../core/errors.ts";
import type { DataShape } from "../../program/plan.ts";
import { LARGEST } from "../../recipe/fields.ts";

/** Shape, classes and normalization of a run's images. */
export interface InputSpec extends DataShape {
  /** What people call the classes, by label, where the data says. */
  readonly classNames?: readonly string[];
}

/** The facts of a data set, as text. */
export function encodeInputSpec({ shape, classes, mean, std, classNames }: InputSpec): string {
  return JSON.stringify({ shape, classes, mean, std, ...(classNames ? { classNames } : {}) });
}

/**
 * Reads what {@link encodeInputSpec} wrote.
 *
 * @throws DataError when it is something else
 */
export function decodeInputSpec(text: string, file: string): InputSpec {
  const numbers = (value: unknown, length: number): value is number[] =>
    Array.isArray(value) && value.length === length && value.every(Number.isFinite);
  try {
    const { shape, classes, mean, std, classNames } = JSON.parse(text);
    const fits = numbers(shape, 3) && shape.every(isSize) && isSize(classes) &&
      numbers(mean, shape[2]!) && numbers(std, shape[2]!) && std.every((value) => value > 0) &&
      (classNames === undefined || Array.isArray(classNames) && classNames.length === classes);
    if (fits) {
      const [h, w, c] = shape as [number, number, number];
      const names = classNames ? { classNames: classNames.map(String) } : {};
      return { shape: [h, w, c], classes, mean, std, ...names };
    }
  } catch {
    // Said below.
  }
  throw new DataError(
    `${file}: expected shape, classes, mean and std of images in the metadata, found "${
      text.slice(0, 200)
    }"`,
  );
}

/** What a recipe may have as a size or a number of classes. */
function isSize(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LARGEST;
}

/** The name of a class: its label where the data has no names. */
export function classNameOf({ classNames }: InputSpec, label: number): string {
  return classNames?.[label] ?? String(label);
}
