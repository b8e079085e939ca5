/**
 * Which kernels an adapter has answered rightly before, in a file of the user's cache folder beside the
 * tiles, so that the self-test before a training costs nothing from its second time on.
 *
 * @module
 */
import { adapterName, cacheFile, readCache, writeCache } from "../gpu/cache_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { sourceOf } from "../gpu/tuning_key.ts";
import type { Kernel } from "../../../kernels/define_kernel.ts";
import type { Program } from "../../program/program.ts";
import { isMap } from "../../core/json_value.ts";
import { VERSION } from "../../core/version.ts";

/** What the file says of itself. */
const FORMAT = "qtrain self-test 1";
/** Days after which a kernel is asked again: WebGPU does not tell of a new driver. */
const DAYS = 30;
const DAY = 86_400_000;

/** The file, or `undefined` where no folder is known. */
export function selfTestFile(): string | undefined {
  return cacheFile("self_test.json");
}

/** The kernels of a program that an adapter was not asked yet, or too long ago. */
export async function untestedKernels(
  program: Pick<Program, "arithmetic" | "sections">,
  gpu: Pick<Gpu, "info" | "emulateDot">,
  now = Date.now(),
): Promise<Set<Kernel>> {
  const before = await readCache(selfTestFile(), FORMAT, named(gpu));
  const kernels = Object.values(program.sections).flat().map((step) => step.kernel);
  return new Set(kernels.filter((kernel) => {
    const entry = before[keyOf(program.arithmetic, kernel)];
    if (!isMap(entry) || entry.source !== sourceOf(kernel) || typeof entry.day !== "number") {
      return true;
    }
    const age = now / DAY - entry.day;
    return !(age >= -1 && age < DAYS);
  }));
}

/** Remembers that they were answered rightly; where that may not be, they are asked again. */
export async function rememberPassed(
  arithmetic: Program["arithmetic"],
  kernels: Iterable<Kernel>,
  gpu: Pick<Gpu, "info" | "emulateDot">,
  now = Date.now(),
): Promise<void> {
  const day = Math.floor(now / DAY);
  const entries = [...kernels].map((kernel) =>
    [keyOf(arithmetic, kernel), { source: sourceOf(kernel), day }] as const
  );
  await writeCache(selfTestFile(), FORMAT, named(gpu), new Map(entries));
}

function keyOf(arithmetic: Program["arithmetic"], kernel: Kernel): string {
  return `${arithmetic} ${kernel.name}`;
}

function named({ info, emulateDot }: Pick<Gpu, "info" | "emulateDot">): string {
  return `${adapterName(info)}, qtrain ${VERSION}${emulateDot ? ", EMULATE=1" : ""}`;
}
