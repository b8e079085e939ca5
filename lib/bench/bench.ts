/**
 * The benchmark of `qtrain bench`: the ceilings of the adapter, the kernel table, whole steps.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { openGpu, packedDotProduct } from "../runtime/gpu/device.ts";
import { hasTimestamps } from "../runtime/gpu/timing.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { ZooName } from "../recipe/types.ts";
import { VERSION } from "../core/version.ts";
import { measureCeilings } from "./ceilings.ts";
import { benchKernels, type KernelTables } from "./kernels.ts";
import type { LayerGroup } from "./layers.ts";
import type { BenchReport, Ceilings, ModelSteps, Progress } from "./report.ts";
import { type QuantizeSettings, SIZES } from "./variants.ts";
import { benchSteps } from "./steps.ts";

/** What is timed, and how often. */
export interface BenchOptions {
  /** Networks of the kernel table; none: there is no such table. */
  readonly groups: readonly LayerGroup[];
  /** Networks whose whole steps are timed. */
  readonly models: readonly ZooName[];
  /** Ways to compute that steps are compared over. */
  readonly variants: Readonly<Record<string, QuantizeSettings>>;
  readonly rounds: number;
  /** Images of a batch, in place of each network's own. */
  readonly batch?: number | undefined;
  /** Height and width of the images of whole steps, in place of each network's own. */
  readonly size?: number | undefined;
  /** Which tiles kernels run with. */
  readonly tiles: Tiles;
  /** Hears what is being timed. */
  readonly progress: Progress;
}

/**
 * Runs the benchmark on the GPU.
 *
 * @throws DeviceError when there is no GPU, it has too little memory, or kernels are asked for and it
 * has no timestamps; RecipeError, ModelError or DataError where batch or size do not fit
 */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { groups, models, rounds, batch, size, tiles, progress, variants } = options;
  const gpu = await openGpu(), timestamps = hasTimestamps(gpu);
  let ceilings: Ceilings | undefined, tables: KernelTables | undefined;
  try {
    if (groups.length > 0) {
      if (!timestamps) {
        throw new DeviceError(
          `kernels: expected timestamp-query, a feature of WebGPU that times them; ${gpu.name} has ` +
            "none. qtrain bench steps goes by the host's clock",
        );
      }
      progress("ceilings of this adapter");
      ceilings = await measureCeilings(gpu, rounds);
    }
  } finally {
    gpu.device.destroy();
  }
  if (ceilings) {
    const sized = batch === undefined ? groups : groups.map((group) => ({ ...group, batch }));
    tables = await benchKernels(sized, { ceilings, rounds, tiles, progress });
  }
  const steps: ModelSteps[] = [];
  for (const model of models) {
    const own = SIZES[model];
    const how = { model, batch: batch ?? own.batch, size: size ?? own.size };
    steps.push(await benchSteps({ ...how, rounds, variants, tiles, progress }));
  }
  return {
    qtrain: VERSION,
    adapter: gpu.name,
    packed_dot_product: packedDotProduct(),
    timestamps,
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    rounds,
    ...(ceilings ? { ceilings } : {}),
    ...tables,
    ...(steps.length > 0 ? { steps } : {}),
  };
}
