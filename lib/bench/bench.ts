/**
 * The benchmark of `qtrain bench`: peak rates of the adapter, kernels, and whole training steps.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { openGpu, packedDotProduct } from "../runtime/gpu/device.ts";
import { hasTimestamps } from "../runtime/gpu/timing.ts";
import type { Tiles } from "../runtime/gpu/autotune.ts";
import type { ZooName } from "../recipe/model.ts";
import { VERSION } from "../core/version.ts";
import { measurePeakRates } from "./peak_rates.ts";
import { benchKernels, type KernelTables } from "./kernels.ts";
import type { LayerGroup } from "./layers.ts";
import type { BenchReport, ModelSteps, PeakRates } from "./report.ts";
import { type QuantizeSettings, SIZES } from "./variants.ts";
import { benchSteps } from "./steps.ts";

/** What to time, and how often. */
export interface BenchOptions {
  /** Networks of the kernel table; empty for no table. */
  readonly groups: readonly LayerGroup[];
  /** Networks to time whole steps of. */
  readonly models: readonly ZooName[];
  /** Quantizer settings to compare steps over, by name. */
  readonly variants: Readonly<Record<string, QuantizeSettings>>;
  readonly rounds: number;
  /** Images of a batch, instead of each network's default. */
  readonly batch?: number | undefined;
  /** Height and width of the images of whole steps, instead of each network's default. */
  readonly size?: number | undefined;
  readonly tiles: Tiles;
  /** Called with what is being timed. */
  progress(text: string): void;
}

/**
 * Runs the benchmark on the GPU.
 *
 * @throws DeviceError if there is no GPU, it has too little memory, or it cannot time kernels;
 * RecipeError, ModelError or DataError if batch or size do not fit
 */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { groups, models, rounds, batch, size, tiles, progress, variants } = options;
  const gpu = await openGpu(), timestamps = hasTimestamps(gpu);
  let peaks: PeakRates | undefined, tables: KernelTables | undefined;
  try {
    if (groups.length > 0) {
      if (!timestamps) {
        throw new DeviceError(
          `cannot time kernels: ${gpu.name} has no timestamp-query, the feature of WebGPU for it. ` +
            "qtrain bench steps uses the host's clock",
        );
      }
      progress("peak rates of this adapter");
      peaks = await measurePeakRates(gpu, rounds);
    }
  } finally {
    gpu.device.destroy();
  }
  if (peaks) {
    const sized = batch === undefined ? groups : groups.map((group) => ({ ...group, batch }));
    tables = await benchKernels(sized, { peaks, rounds, tiles, progress });
  }
  const steps: ModelSteps[] = [];
  for (const model of models) {
    const defaults = SIZES[model];
    const shape = { model, batch: batch ?? defaults.batch, size: size ?? defaults.size };
    steps.push(await benchSteps({ ...shape, rounds, variants, tiles, progress }));
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
    ...(peaks ? { peak_rates: peaks } : {}),
    ...tables,
    ...(steps.length > 0 ? { steps } : {}),
  };
}
