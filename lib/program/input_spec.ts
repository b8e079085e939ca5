/**
 * Shape, classes and normalization of a run's images. Checkpoints contain them, so that a run can
 * predict without its data.
 *
 * @module
 */
import { DataError } from "../core/errors.ts";
import type { DataShape } from "./plan.ts";
import { MAX_SIZE } from "../recipe/fields.ts";

/** Shape, classes and normalization of a run's images. */
export interface InputSpec extends DataShape {
  /** Names of the classes, by label, where the data has names. */
  readonly classNames?: readonly string[];
}

/** Encodes an input spec as JSON. */
export function encodeInputSpec({ shape, classes, mean, std, classNames }: InputSpec): string {
  return JSON.stringify({ shape, classes, mean, std, ...(classNames ? { classNames } : {}) });
}

/**
 * Decodes the JSON of {@linkcode encodeInputSpec}.
 *
 * @param file the path, for messages
 * @throws DataError when the text is something else
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
    // Reported below.
  }
  throw new DataError(
    `${file}: expected shape, classes, mean and std of images in the metadata, got "${
      text.slice(0, 200)
    }"`,
  );
}

/** Whether a recipe may have the value as a size or a number of classes. */
function isSize(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_SIZE;
}

/** Name of a class; its label if the data has no names. */
export function classNameOf({ classNames }: Pick<InputSpec, "classNames">, label: number): string {
  return classNames?.[label] ?? String(label);
}

/** Names of all classes, by label. */
export function classNamesOf(spec: Pick<InputSpec, "classNames" | "classes">): string[] {
  return Array.from({ length: spec.classes }, (_, label) => classNameOf(spec, label));
}
