/**
 * Cache of kernels that passed the self-test on this machine's adapters, in a file of the user's cache
 * folder, so that the self-test before a training runs only once.
 *
 * @module
 */
import { adapterName, cacheFile, readCache, writeCache } from "../gpu/cache_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { sourceOf } from "../gpu/tuning_key.ts";
import { DOT, type Kernel } from "../../../kernels/define_kernel.ts";
import type { Program } from "../../program/program.ts";
import { isMap } from "../../core/json_value.ts";
import { VERSION } from "../../core/version.ts";

/** The file's format and version. */
const FORMAT = "qtrain self-test 1";
/** Days after which a kernel is tested again, as WebGPU does not report a new driver. */
const MAX_AGE_DAYS = 30;
const DAY_MS = 86_400_000;

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
    if (!isMap(entry) || entry.source !== sourceOf(kernel) || typeof entry.day !== "number") {
      return true;
    }
    const age = now / DAY_MS - entry.day;
    return !(age >= -1 && age < MAX_AGE_DAYS);
  }));
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

function keyOf(arithmetic: Program["arithmetic"], kernel: Kernel): string {
  return `${arithmetic} ${kernel.name}`;
}

function named({ info, target }: Pick<Gpu, "info" | "target">): string {
  return `${adapterName(info)}, qtrain ${VERSION}${
    target.dots[0] === DOT.emulated ? ", EMULATE=1" : ""
  }`;
}
