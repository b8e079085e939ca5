/**
 * Cache of what the self-test found on this machine's adapters: kernels that passed, and ways of dot
 * products that give right results. A file of the user's cache folder, so that the self-test before a
 * training runs only once.
 *
 * @module
 */
import { adapterName, cacheFile, readCache, writeCache } from "../gpu/cache_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { sourceOf } from "../gpu/tuning_key.ts";
import { DOT_NAMES, type Kernel, type Target } from "../../../kernels/define_kernel.ts";
import type { Program } from "../../program/program.ts";
import { isMap } from "../../core/json_value.ts";
import { VERSION } from "../../core/version.ts";
import { dotSource } from "./dot_products.ts";

/** The file's format and version. */
const FORMAT = "qtrain self-test 1";
/** Days after which a kernel is tested again, as WebGPU does not report a new driver. */
const MAX_AGE_DAYS = 30;
const DAY_MS = 86_400_000;
/** Entry of an adapter that names the right ways of dot products. */
const DOTS_KEY = "dot products";

/** Returns the path of the file; `undefined` if no cache folder is known. */
function selfTestFile(): string | undefined {
  return cacheFile("self_test.json");
}

/** Returns the kernels of a program that an adapter has not passed yet, or passed too long ago. */
export async function untestedKernels(
  program: Pick<Program, "arithmetic" | "sections">,
  gpu: Pick<Gpu, "info" | "target">,
  now = Date.now(),
): Promise<Set<Kernel>> {
  const before = await readCache(selfTestFile(), FORMAT, named(gpu));
  const kernels = Object.values(program.sections).flat().map((step) => step.kernel);
  return new Set(kernels.filter((kernel) => {
    const entry = before[keyOf(program.arithmetic, kernel)];
    return !isFresh(entry, sourceOf(kernel), now);
  }));
}

/** Returns whether an entry is of this text, and not too old. */
function isFresh(entry: unknown, source: string, now: number): boolean {
  if (!isMap(entry) || entry.source !== source || typeof entry.day !== "number") return false;
  const age = now / DAY_MS - entry.day;
  return age >= -1 && age < MAX_AGE_DAYS;
}

/** Records that kernels passed; if the file cannot be written, they are tested again next time. */
export async function rememberPassed(
  arithmetic: Program["arithmetic"],
  kernels: Iterable<Kernel>,
  gpu: Pick<Gpu, "info" | "target">,
  now = Date.now(),
): Promise<void> {
  const day = Math.floor(now / DAY_MS);
  const entries = [...kernels].map((kernel) =>
    [keyOf(arithmetic, kernel), { source: sourceOf(kernel), day }] as const
  );
  await writeCache(selfTestFile(), FORMAT, named(gpu), new Map(entries));
}

/**
 * Returns the ways of dot products that were found right on an adapter; `undefined` if none is known, or
 * the file may not be read. Does not ask for the permission.
 *
 * @returns `fresh`: whether they need not be tested again before a training
 */
export async function rememberedDots(
  { info }: Pick<Gpu, "info">,
  now = Date.now(),
): Promise<{ readonly dots: Target["dots"]; readonly fresh: boolean } | undefined> {
  const path = selfTestFile();
  if (path === undefined) return undefined;
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state !== "granted") return undefined;
  const entry = (await readCache(path, FORMAT, adapterName(info)))[DOTS_KEY];
  if (!isMap(entry) || !Array.isArray(entry.right)) return undefined;
  const [first, ...others] = entry.right.map((name) => DOT_NAMES.indexOf(name));
  if (first === undefined || [first, ...others].includes(-1)) return undefined;
  return { dots: [first, ...others], fresh: isFresh(entry, dotSource(), now) };
}

/** Records the ways of dot products that are right on an adapter, if the file can be written. */
export async function rememberDots(
  { info }: Pick<Gpu, "info">,
  dots: readonly number[],
  now = Date.now(),
): Promise<void> {
  const right = dots.map((dot) => DOT_NAMES[dot]), day = Math.floor(now / DAY_MS);
  const entry = { right, source: dotSource(), day };
  await writeCache(selfTestFile(), FORMAT, adapterName(info), new Map([[DOTS_KEY, entry]]));
}

function keyOf(arithmetic: Program["arithmetic"], kernel: Kernel): string {
  return `${arithmetic} ${kernel.name}`;
}

function named({ info, target }: Pick<Gpu, "info" | "target">): string {
  return `${adapterName(info)}, qtrain ${VERSION}, ${DOT_NAMES[target.dots[0]]} dot products`;
}
