/**
 * The adapters of this machine, and what qtrain needs of them.
 *
 * @module
 */
import { adapterName, readTiles, tileFile } from "../lib/runtime/gpu/autotune_cache.ts";
import { packedDotProduct, requestAdapter } from "../lib/runtime/gpu/device.ts";

/** A limit beside what WebGPU promises of every device, which is all that qtrain's kernels use. */
export interface Limit {
  readonly value: number;
  readonly base: number;
  readonly unit: "count" | "bytes";
}

/** One adapter. */
export interface Adapter {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** Whether int8 dot products are one instruction of WGSL. */
  readonly packedDot: boolean;
  /** Whether kernels can be timed on the device. */
  readonly timestamps: boolean;
  /** Kernels, each on one shape, whose tiles were timed on it. */
  readonly tiles: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, Limit>>;
}

/** The adapters that a native driver offers, the preferred one first; none without a driver. */
export async function findAdapters(): Promise<Adapter[]> {
  const found = new Map<string, Adapter>();
  for (const power of ["high-performance", "low-power"] as const) {
    const adapter = await requestAdapter(power);
    if (!adapter) continue;
    const described = await describe(adapter);
    if (!found.has(described.name)) found.set(described.name, described);
  }
  return [...found.values()];
}

async function describe({ info, features, limits }: GPUAdapter): Promise<Adapter> {
  const timed = await readTiles(tileFile(), adapterName(info));
  const count = (value: number, base: number): Limit => ({ value, base, unit: "count" });
  const size = (value: number, base: number): Limit => ({ value, base, unit: "bytes" });
  return {
    name: info.description || info.device || info.vendor || "unknown adapter",
    vendor: info.vendor,
    architecture: info.architecture,
    packedDot: packedDotProduct(),
    timestamps: features.has("timestamp-query"),
    tiles: [...timed.values()].filter(({ ratios }) => Object.keys(ratios).length > 0).length,
    features: [...features].sort(),
    limits: {
      "invocations a workgroup": count(limits.maxComputeInvocationsPerWorkgroup, 256),
      "workgroup storage": size(limits.maxComputeWorkgroupStorageSize, 16 * 2 ** 10),
      "storage buffers a stage": count(limits.maxStorageBuffersPerShaderStage, 8),
      "storage buffer binding": size(limits.maxStorageBufferBindingSize, 128 * 2 ** 20),
      "workgroups a dimension": count(limits.maxComputeWorkgroupsPerDimension, 65535),
    },
  };
}
