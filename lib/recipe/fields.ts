/**
 * What fields of a recipe accept. The message of each rule is only what was *expected*; `load.ts`
 * adds the place and what was found there.
 *
 * @module
 */
import * as z from "./zod.ts";

/** Layer sizes, kernels and image sizes: what a sane network stays below. */
export const MAX_SIZE = 65536;

/** Resume rule of a field whose change is allowed, and reported as it changes the result. */
export const REPORTED = { resume: "reported" } as const;

/** Resume rule of a field whose change is allowed and changes no result. Others may not change. */
export const SILENT = { resume: "silent" } as const;

/** A list of words as an error says it. */
export const oneOf = (words: readonly string[]): string =>
  words.length === 1 ? words[0]! : `one of ${words.join(", ")}`;

/** One of a few words. */
export const word = <const T extends readonly string[]>(...words: T) => z.enum(words, oneOf(words));

/** A whole number from `least` to `most`. */
export const integer = (least: number, most: number = Number.MAX_SAFE_INTEGER) => {
  const error = most === Number.MAX_SAFE_INTEGER
    ? `a whole number of at least ${least}`
    : `a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
};

/** True or false. */
export const flag = () => z.boolean("true or false");

/** 0 ≤ x < 1: the weight that an average gives to what it already has. */
export const decay = () => {
  const error = "a number of at least 0 and less than 1";
  return z.number(error).min(0, error).lt(1, error);
};

/** A number above 0. */
export const positive = () => z.number("a number above 0").gt(0, "a number above 0");

/** A number from 0 to 1. */
export const fraction = () => {
  const error = "a number from 0 to 1";
  return z.number(error).min(0, error).max(1, error);
};

/** A map with these keys and no others. For an unknown key, the message is the list of keys. */
export const map = <T extends z.ZodRawShape>(shape: T, expected?: string) => {
  const keys = Object.keys(shape);
  const error = expected ?? `a map with keys such as ${keys.slice(0, 4).join(", ")}`;
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? oneOf(keys) : error,
  });
};

/** Height and width, in that order. */
export type Pair = readonly [number, number];

/** A whole number for both directions, or height and width. */
export type PairInput = number | Pair;

/** `T` with everything optional and without `K`, which are then added in a wider form. */
export type Loose<T, K extends keyof T> = Omit<Partial<T>, K>;

/** A number for both directions, or `[h, w]`; comes out as `[h, w]`. */
export const pair = (least: number) => {
  const side = integer(least, MAX_SIZE);
  const error = `a whole number from ${least} to ${MAX_SIZE}, or two of them as [h, w]`;
  return z.union([side, z.tuple([side, side])], error)
    .transform((v): [number, number] => typeof v === "number" ? [v, v] : v);
};

/** A number for all channels, or one per channel; comes out as a list. */
export const perChannel = (number: z.ZodNumber, what: string) => {
  const error = `${what}, or a list of 1 to 4 of them`;
  return z.union([number, z.array(number).min(1, error).max(4, error)], error)
    .transform((v): number[] => typeof v === "number" ? [v] : v);
};

/** The name of a layer. */
export const label = () => {
  const error = "a name of letters, digits, _ and -";
  return z.string(error).regex(/^[A-Za-z0-9_-]{1,64}$/, error);
};
