/**
 * The benchmark of `qtrain bench`: peak rates of the adapter, kernels, and whole training steps.
 *
 * @module
 */
import { DeviceError } from "../core/errors.ts";
import { processorName, threadsOf } from "../runtime/cpu/support.ts";
import {
  type Device,
  type DeviceChoice,
  type DeviceOptions,
  openDevice,
} from "../runtime/device.ts";
import { packedDotProduct } from "../runtime/gpu/device.ts";
import { hasTimestamps } from "../runtime/gpu/timing.ts";
import type { ZooName } from "../recipe/model.ts";
import { VERSION } from "../core/version.ts";
import { measureCpuPeakRates, PeakThreads } from "./cpu_peak_rates.ts";
import { measurePeakRates } from "./peak_rates.ts";
import { benchKernels } from "./kernels.ts";
import type { LayerGroup } from "./layers.ts";
import type { BenchReport, ModelSteps } from "./report.ts";
import { inThreads, type QuantizeSettings, SIZES } from "./variants.ts";
import { benchSteps } from "./steps.ts";

/** What to time, and how often. */
export interface BenchOptions extends Pick<DeviceOptions, "threads" | "tiles"> {
  readonly device: DeviceChoice;
  /** Networks of the kernel table; empty for no table. */
  readonly groups: readonly LayerGroup[];
  /** Networks to time whole steps of. */
  readonly models: readonly ZooName[];
  /** Quantizer settings to compare steps over, by name. */
  readonly variants: Readonly<Record<string, QuantizeSettings>>;
  /** Whether to time the first variant and float32 in one thread of the CPU too. */
  readonly oneThread: boolean;
  readonly rounds: number;
  /** Images of a batch, instead of each network's default. */
  readonly batch?: number | undefined;
  /** Height and width of the images of whole steps, instead of each network's default. */
  readonly size?: number | undefined;
  /** Called with what is being timed. */
  progress(text: string): void;
}

/**
 * Runs the benchmark.
 *
 * @throws DeviceError if there is no such device, it has too little memory, or it cannot time kernels;
 * RecipeError, ModelError or DataError if batch or size do not fit
 */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { rounds, variants, progress, oneThread } = options;
  const device = await openDevice(options.device, { ...settingsOf(options), warn: progress });
  const { kind, gpu, name: adapter } = device;
  const threads = gpu ? undefined : threadsOf(options.threads);
  const tables = await kernelsOf(device, threads, options);
  const steps: ModelSteps[] = [];
  for (const model of options.models) {
    const { size, batch } = SIZES[model];
    steps.push(
      await benchSteps({
        device: { kind, ...settingsOf(options) },
        model,
        batch: options.batch ?? batch,
        size: options.size ?? size,
        rounds,
        variants: threads === undefined
          ? Object.entries(variants).map(([name, quantize]) => ({ name, quantize }))
          : inThreads(variants, threads, oneThread),
        progress,
      }),
    );
  }
  const processor = gpu ? "" : processorName();
  return {
    qtrain: VERSION,
    device: kind,
    adapter,
    ...(gpu ? { packed_dot_product: packedDotProduct(), timestamps: hasTimestamps(gpu) } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(processor === "" ? {} : { processor }),
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    rounds,
    ...tables,
    ...(steps.length > 0 ? { steps } : {}),
  };
}

/** Threads of the CPU, and tiles of a GPU's kernels. */
const settingsOf = ({ threads, tiles }: BenchOptions): DeviceOptions => ({
  ...(threads === undefined ? {} : { threads }),
  ...(tiles === undefined ? {} : { tiles }),
});

/** The peak rates and the tables of kernels; nothing without networks of them. Frees the device. */
async function kernelsOf(
  device: Device,
  threads: number | undefined,
  options: BenchOptions,
): Promise<Pick<BenchReport, "peak_rates" | "peak_rates_one_thread" | "kernels" | "statistics">> {
  const { batch, rounds, progress } = options, { gpu, kind } = device;
  const groups = batch === undefined
    ? options.groups
    : options.groups.map((group) => ({ ...group, batch }));
  const common = { device: { kind, ...settingsOf(options) }, rounds, progress };
  const pools: PeakThreads[] = [];
  try {
    if (groups.length === 0) return {};
    if (gpu && !hasTimestamps(gpu)) {
      throw new DeviceError(
        `cannot time kernels: ${gpu.name} has no timestamp-query, the feature of WebGPU for it. ` +
          "qtrain bench steps uses the host's clock",
      );
    }
    progress(`peak rates of this ${gpu ? "adapter" : "CPU"}`);
    if (gpu) {
      const peaks = await measurePeakRates(gpu, rounds);
      const tables = await benchKernels(groups, { ...common, peaks, peakNow: undefined });
      return { peak_rates: peaks, ...tables };
    }
    pools.push(await PeakThreads.open(threads!));
    if (threads! > 1) pools.push(await PeakThreads.open(1));
    const [peaks, one] = await measureCpuPeakRates(pools, rounds);
    const peakNow = (arithmetic: "int8" | "float32") => pools[0]!.rate(arithmetic);
    const tables = await benchKernels(groups, { ...common, peaks: peaks!, peakNow });
    return { peak_rates: peaks!, ...(one ? { peak_rates_one_thread: one } : {}), ...tables };
  } finally {
    gpu?.device.destroy();
    for (const pool of pools) pool.close();
  }
}
