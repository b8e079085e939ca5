/**
 * What the schema finds wrong, and how it is said: `path: expected …, got …`, with the word that was
 * likely meant.
 *
 * @module
 */
import { hiddenCharacter, visible } from "../core/text.ts";
import { nearest } from "../core/did_you_mean.ts";
import { isMap, type Path, valueAt } from "../core/json_value.ts";

/** One thing that is wrong with a recipe. */
export interface Problem {
  /** Where it is. */
  readonly path: Path;
  /** Whether the last key of `path` is one that its map does not have. */
  readonly unknownKey: boolean;
  /** What a right value looks like; for an unknown key, the keys there are. */
  readonly expected: string;
}

/** What is read of the schema library's own issues. */
interface Issue {
  /** `unrecognized_keys`, or what else went wrong. */
  readonly code?: string | undefined;
  /** Where it is; the map, for unknown keys. */
  readonly path: readonly PropertyKey[];
  /** What was expected. */
  readonly message: string;
  /** The unknown keys. */
  readonly keys?: readonly string[];
}

/** One problem for each unknown key, and the first issue of every other path. */
export function toProblems(issues: readonly Issue[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { code, path, message, keys } of issues) {
    const at = path.map((step) => typeof step === "number" ? step : String(step));
    const unknownKey = code === "unrecognized_keys";
    for (const key of unknownKey ? keys ?? [] : [undefined]) {
      const full = key === undefined ? at : [...at, key];
      const id = JSON.stringify(full);
      if (!problems.has(id)) problems.set(id, { path: full, unknownKey, expected: message });
    }
  }
  return [...problems.values()];
}

/** Keys of earlier recipes, by their path with `*` for an index: what to write instead. */
const FORMER_KEYS: Readonly<Record<string, string>> = {
  "data.augment.*.flip.share": "this key is now probability",
  "data.augment.*.jitter": "this augmentation is now color_jitter",
  "quantize.calibrate": "this key is now calibration_batches",
  "quantize.lag": "lag is gone, as the scheduler on the device is faster: use scheduler: device",
  "quantize.layers.*.weights.momentum": "leave it out: no estimator of weights uses it",
  "quantize.weights.momentum": "leave it out: no estimator of weights uses it",
  "train.keep": "this key is now keep_checkpoints",
  "train.most_skips": "this key is now max_skipped_steps",
};

/** Signs of other keyboards that YAML and recipes take for letters. */
const TYPOGRAPHIC: Readonly<Record<string, string>> = {
  "：": "a full-width colon",
  "，": "a full-width comma",
  "｛": "a full-width bracket",
  "［": "a full-width bracket",
  "＃": "a full-width #",
  "“": "a typographic quote",
  "”": "a typographic quote",
  "„": "a typographic quote",
  "—": "a dash, not --",
  "–": "a dash, not -",
  "−": "a minus of print, not -",
  "‘": "a typographic quote",
  "’": "a typographic quote",
};

/** What to do about the first character of a text that looks like another; `undefined` if none does. */
export function oddCharacter(text: string): string | undefined {
  const sign = [...text].find((c) => Object.hasOwn(TYPOGRAPHIC, c));
  const odd = hiddenCharacter(text) ?? (sign && `${sign} is ${TYPOGRAPHIC[sign]}`);
  return odd && `; type it again: ${odd}`;
}

/** A value as a message shows it: short, on one line, strings in quotes, hidden characters as codes. */
export function describe(value: unknown): string {
  if (value === null) return "nothing";
  if (typeof value === "string") {
    return visible(JSON.stringify(value.length > 60 ? value.slice(0, 57) + "..." : value));
  }
  if (Array.isArray(value)) {
    const text = value.every((item) => typeof item !== "object")
      ? `[${value.slice(0, 9).map(describe).join(", ")}]`
      : "";
    return text !== "" && value.length < 9 && text.length <= 60 ? text : "a list";
  }
  if (typeof value === "object") return "a map";
  return typeof value === "function" ? "a function" : String(value);
}

/** A path as overrides spell it, hidden characters as codes. */
export function dotted(path: Path): string {
  return path.map((step) => step === "" ? '""' : visible(String(step))).join(".");
}

/** The words of `one of a, b, c`. */
function choices(expected: string): string[] {
  return expected.startsWith("one of ") ? expected.slice("one of ".length).split(", ") : [];
}

/**
 * The line for one problem, without its place.
 *
 * @param root the recipe as written, overrides included
 * @param keys every key that a recipe can have, as dotted paths
 */
export function explain(problem: Problem, root: unknown, keys: readonly string[]): string {
  const { expected, unknownKey } = problem;
  const path = writtenPath(problem.path, root);
  const place = path.length === 0 ? "" : `${dotted(path)}: `;
  if (unknownKey) {
    const former = formerKey(path);
    if (former) return `${place}${former}`;
    const meant = meantKey(path, choices(expected), keys);
    const odd = oddCharacter(String(path.at(-1))) ?? "";
    return `${place}unknown key${
      meant ? ` (did you mean ${meant}?)` : `; expected ${expected}`
    }${odd}`;
  }
  const value = valueAt(root, path);
  if (value === undefined) return `${place}missing; expected ${expected}`;
  const former = typeof value === "string" ? formerKey([...path, value]) : undefined;
  if (former) return `${place}${former}`;
  const meant = typeof value === "string" ? nearest(value, choices(expected)) : undefined;
  const odd = typeof value === "string" ? oddCharacter(value) ?? "" : "";
  const list = expected.startsWith("a list of ") && typeof value === "string"
    ? `; a list is in brackets, as in [${/^[\w-]+[*]?$/.test(value) ? value : describe(value)}]`
    : "";
  const hint = (meant ? ` (did you mean ${meant}?)` : "") + odd + list;
  return `${place}expected ${expected}, got ${describe(value)}${hint}`;
}

function formerKey(path: Path): string | undefined {
  return FORMER_KEYS[dotted(path.map((step) => typeof step === "number" ? "*" : step))];
}

/** A layer may be written as its bare type: what is wrong with the type is then wrong with it. */
function writtenPath(path: Path, root: unknown): Path {
  const parent = path.slice(0, -1);
  return path.at(-1) === "type" && !isMap(valueAt(root, parent)) ? parent : path;
}

/**
 * The dotted path of the field that a person most likely meant by one that there is not.
 *
 * @param siblings the fields of its map
 * @param keys every key that a recipe can have, as dotted paths
 */
export function meantKey(
  path: Path,
  siblings: readonly string[],
  keys: readonly string[],
): string | undefined {
  const near = nearest(String(path.at(-1)), siblings);
  return near === undefined ? elsewhere(path, keys) : dotted([...path.slice(0, -1), near]);
}

/** A key of the same name in another map, one below the same map first. */
function elsewhere(path: Path, keys: readonly string[]): string | undefined {
  const same = keys.filter((key) => key.split(".").at(-1) === path.at(-1));
  const parent = path.slice(0, -1).map((step) => `${step}.`).join("");
  return same.find((key) => key.startsWith(parent)) ?? same[0];
}
