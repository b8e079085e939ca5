/**
 * Says why a file of weights does not fit a network: the cause that explains everything, if there is
 * one, else the tensors one by one.
 *
 * @module
 */
import { DataError, QtrainError } from "../../core/errors.ts";
import { shellWord } from "../../core/text.ts";
import { plan } from "../../program/plan.ts";
import { resolveRecipe } from "../../recipe/load.ts";
import { MAX_SIZE } from "../../recipe/fields.ts";
import type { ModelSpec, Variant, ZooName, ZooSpec } from "../../recipe/model.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { zoo } from "../../model/zoo.ts";
import type { InputSpec } from "../../program/input_spec.ts";
import { type Fit, fits, isComplete, unusedNames, type WeightsFile } from "./fit.ts";
import { torchvisionWeights } from "./foreign_file.ts";

/** What is wrong with a tensor. */
export interface Problem {
  readonly kind:
    | "missing"
    | "unexpected"
    | "other shape"
    | "other type"
    | "not finite"
    | "negative";
  /** Its name, and what was expected and found. */
  readonly text: string;
  /** A type that is not {@linkcode READABLE}. */
  readonly type?: string;
}

/** The types of weights that are read. */
export const READABLE = "F32, F16, BF16, F64 or FP8";

/** At most so many tensors are listed. */
const MAX_LISTED = 10;

/** The error for a file whose tensors do not fit, with the remedy. */
export function misfit(
  file: WeightsFile,
  fit: Fit,
  problems: readonly Problem[],
  { model, data: { format } }: Recipe,
  data: InputSpec,
): DataError {
  const expected = `init: ${file.path}: expected the weights of ` +
    ("layers" in model ? "this network" : model.name);
  if (problems.some(({ kind }) => !["other type", "not finite", "negative"].includes(kind))) {
    const other = zooModelOf(file, model, data);
    const got = other && describe(other, model, data, format);
    if (got !== undefined) return new DataError(`${expected}, got ${got}`);
    const deeper = otherNetwork(file, fit.prefix);
    if (deeper !== undefined) {
      return new DataError(
        `${expected}, got those of ${deeper}, which qtrain does not have. ${otherWeights(model)}`,
      );
    }
  }
  const names = Object.keys(file.tensors), own = new Set(fit.nameOf.values());
  const [wanted, ...others] = (fit.body.length > 0 ? fit.body : fit.head).map((t) =>
    fit.nameOf.get(t)!
  );
  if ([wanted!, ...others].every((name) => !Object.hasOwn(file.tensors, name))) {
    return new DataError(
      `${expected}, got ${names.length} tensor${names.length === 1 ? "" : "s"} of other names: ` +
        `${names.find((name) => !own.has(name)) ?? "none"}, … in place of ${wanted}, …. ` +
        otherWeights(model),
    );
  }
  const cause = commonCause(problems);
  return new DataError(
    cause === undefined
      ? `${expected}, got ${problems.length} ` +
        `tensor${problems.length === 1 ? " that does" : "s that do"} not fit:\n${list(problems)}` +
        "Correct model (and data, which sets channels and classes), or use other weights"
      : `${expected}, got ${cause}`,
  );
}

/** What several problems have in common, and what to do about it. */
function commonCause(problems: readonly Problem[]): string | undefined {
  const [{ type, text }] = problems as [Problem], among = `among them ${text.split(/[: ]/)[0]}`;
  if (problems.length > 1 && type !== undefined && problems.every((p) => p.type === type)) {
    return `${problems.length} tensors of type ${type}, ${among}; give them as ${READABLE}, as ` +
      "they were before they were quantized";
  }
  if (problems.every((p) => p.kind === "missing" && /\.running_(mean|var) /.test(p.text))) {
    return `norms without running_mean and running_var (${problems.length} are missing, ${among}), ` +
      "as those that are no batch norms; use weights of a network with batch norms";
  }
  return undefined;
}

const KINDS: readonly Problem["kind"][] = [
  "missing",
  "unexpected",
  "other shape",
  "other type",
  "not finite",
  "negative",
];

/** Problems by kind, a line each; at most ten, then how many more. */
function list(problems: readonly Problem[]): string {
  const sorted = KINDS.flatMap((kind) => problems.filter((problem) => problem.kind === kind));
  const rest = sorted.slice(MAX_LISTED);
  const counts = KINDS.flatMap((kind) => {
    const count = countOf(rest, kind);
    return count > 0 ? [`${count} ${kind}`] : [];
  });
  return sorted.slice(0, MAX_LISTED).map(({ kind, text }) => `  ${kind.padEnd(11)} ${text}\n`)
    .join("") + (rest.length > 0 ? `  … and ${rest.length} more: ${counts.join(", ")}\n` : "");
}

function countOf(problems: readonly Problem[], kind: Problem["kind"]): number {
  return problems.filter((problem) => problem.kind === kind).length;
}

/** A network of the zoo, and the channels of its images. */
interface ZooModel {
  readonly model: ZooSpec;
  readonly channels: number;
}

/** The network of the zoo whose weights a file holds, if it is one; the recipe's own comes first. */
function zooModelOf(file: WeightsFile, model: ModelSpec, data: InputSpec): ZooModel | undefined {
  const own = "layers" in model ? undefined : model;
  const names = Object.keys(zoo) as ZooName[];
  for (const name of names.sort((a, b) => Number(b === own?.name) - Number(a === own?.name))) {
    const { width, ...usual } = modelOf({ name });
    const takes = (["stem", "head"] as const).find((key) => key in usual);
    const asked = takes && own?.name === name ? own[takes]! : "auto";
    const variants: Variant[] = takes ? [asked, "imagenet", "small"] : ["auto"];
    let best: ZooModel | undefined, most = 0;
    for (const variant of variants) {
      const spec = { name, width, ...(takes ? { [takes]: variant } : {}) } as ZooSpec;
      for (const { width, channels } of sizesIn(file, spec, data)) {
        const sized = { model: { ...spec, width }, channels };
        const whole = fitsOf(file, sized, data).find((fit) =>
          isComplete(fit) && unusedNames(file, fit).strange.length === 0
        );
        if (whole && whole.found > most) [best, most] = [sized, whole.found];
      }
    }
    if (best) return best;
  }
  return undefined;
}

/** The widths and channels that this network may have by the file's tensors with its first name. */
function sizesIn(file: WeightsFile, model: ZooSpec, data: InputSpec) {
  const channels = data.shape[2], sizes = new Map<string, { width: number; channels: number }>();
  for (const { nameOf, body } of fitsOf(file, { model, channels }, data)) {
    const shape = file.tensors[nameOf.get(body[0]!)!]?.shape;
    if (!shape) continue;
    const size = { width: shape[0]!, channels: shape.length === 4 ? shape[1]! : channels };
    const exists = size.width >= 1 && size.width <= MAX_SIZE && size.channels >= 1 &&
      size.channels <= 4;
    if (exists) sizes.set(JSON.stringify(size), size);
  }
  return [...sizes.values()];
}

/** How a file fits a network of the zoo; not at all where there is no such network. */
function fitsOf(file: WeightsFile, { model, channels }: ZooModel, data: InputSpec): Fit[] {
  const [h, w] = data.shape, ones = Array<number>(channels).fill(1);
  const recipe = { ...float32(), model: model as ModelSpec };
  try {
    const shape = {
      classes: data.classes,
      shape: [h, w, channels],
      mean: ones,
      std: ones,
    } as const;
    return fits(file, plan(recipe, shape, { inference: true }).program, model);
  } catch (error) {
    if (error instanceof QtrainError) return []; // The images are too small for it, say.
    throw error;
  }
}

function float32(): Recipe {
  return resolveRecipe({
    data: { format: "glyphs" },
    model: { name: "mlp" },
    quantize: { arithmetic: "float32" },
    train: { batch: 1 },
  });
}

/** A network with the settings that it has by default. */
function modelOf(model: { readonly name: ZooName }): ZooSpec {
  return resolveRecipe({ data: { format: "glyphs" }, model }).model as ZooSpec;
}

/**
 * Names the network of the zoo that was found, how it differs, and the overrides that train it; `undefined`
 * if it is the recipe's own.
 */
function describe(
  { model: found, channels }: ZooModel,
  model: ModelSpec,
  data: InputSpec,
  format: string,
): string | undefined {
  const overrides: string[] = [], parts: string[] = [];
  const own = "layers" in model || model.name !== found.name ? undefined : model;
  if (own) {
    if (own.width !== found.width) {
      const [more, less] = [found.width / own.width, own.width / found.width];
      const times = more > 1 ? `${rounded(more)} times as many` : `${rounded(less)} times fewer`;
      parts.push(`width ${found.width} (${times} channels)`);
      overrides.push(`model.width=${found.width}`);
    }
    for (const key of ["stem", "head"] as const) {
      if (own[key] === found[key]) continue;
      parts.push(`${key}: ${found[key]}`);
      overrides.push(`model.${key}=${found[key]}`);
    }
  } else {
    const usual = modelOf({ name: found.name });
    const settings = Object.entries(found).filter(([key, value]) =>
      key === "name" || usual[key as keyof ZooSpec] !== value
    );
    const text = settings.map(([key, value]) => `${key}: ${value}`).join(", ");
    parts.push(...settings.slice(1).map(([key, value]) => `${key} ${value}`));
    overrides.push(`model={${text}}`);
  }
  const fixed = channels !== data.shape[2] && (format !== "folder" || ![1, 3].includes(channels));
  if (channels !== data.shape[2]) {
    parts.push(`${counted(channels)} (the data has ${data.shape[2]})`);
    if (!fixed) overrides.push(`data.channels=${channels}`);
  }
  if (parts.length + overrides.length === 0) return undefined;
  const remedies = [
    ...(overrides.length > 0
      ? [`give ${overrides.map((text) => shellWord(text)).join(" ")} on the command line`]
      : []),
    ...(fixed ? [`use weights for ${counted(data.shape[2])}, or data with ${channels}`] : []),
  ];
  const what = parts.length > 0 ? ` with ${parts.join(" and ")}` : "";
  return `those of ${found.name}${what}; ${remedies.join(", and ")}`;
}

function counted(channels: number): string {
  return `${channels} channel${channels === 1 ? "" : "s"}`;
}

function rounded(factor: number): string {
  return String(Math.round(factor * 100) / 100);
}

/** Names a well-known network that is not in the zoo by the numbers of its blocks. */
function otherNetwork({ tensors }: WeightsFile, prefix: string): string | undefined {
  const own = Object.keys(tensors).filter((name) => name.startsWith(prefix)).map((n) =>
    n.slice(prefix.length)
  );
  const counts = [1, 2, 3, 4].map((stage) => {
    const blocks = new Set(
      own.map((n) => /^layer(\d)\.(\d+)\./.exec(n) ?? [])
        .flatMap(([, s, block]) => Number(s) === stage ? [block] : []),
    );
    return blocks.size;
  }).join(", ");
  const depth = own.some((name) => /^layer\d\.\d+\.conv3\.weight$/.test(name))
    ? { "3, 4, 6, 3": 50, "3, 4, 23, 3": 101, "3, 8, 36, 3": 152 }[counts]
    : { "3, 4, 6, 3": 34 }[counts];
  if (depth !== undefined) {
    const usual = tensors[`${prefix}layer1.0.conv2.weight`]?.shape.join() === "64,64,3,3";
    return `${usual ? "" : "a form of "}resnet${depth} (${counts} blocks)`;
  }
  // Batch norms have a weight each too.
  const norms = own.filter((name) => /^features\.\d+\.running_mean$/.test(name)).length;
  const weights = own.filter((name) => /^features\.\d+\.weight$/.test(name)).length;
  const vgg = { 8: 11, 10: 13, 13: 16, 16: 19 }[weights - norms];
  if (vgg === undefined || (vgg === 16 && norms > 0)) return undefined;
  return norms > 0 ? `vgg${vgg} with batch norm` : `vgg${vgg} without batch norm`;
}

function otherWeights(model: ModelSpec): string {
  if ("layers" in model) return "Use other weights";
  const command = torchvisionWeights(model.name);
  return `Use weights of ${model.name}${model.name === "vgg16" ? " with batch norm" : ""}` +
    (command === undefined
      ? ""
      : `; torchvision's (after pip install torchvision safetensors):\n  ${command}`);
}
