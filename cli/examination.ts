/**
 * What `qtrain doctor` finds out: the adapters and the CPU, the results of both self-tests, and for its
 * report the rates of dot products and what the system tells.
 *
 * @module
 */
import { DOT_NAMES } from "../kernels/define_kernel.ts";
import { measurePeakRates } from "../lib/bench/peak_rates.ts";
import type { PeakRates } from "../lib/bench/report.ts";
import { DeviceError } from "../lib/core/errors.ts";
import { VERSION } from "../lib/core/version.ts";
import { cpuSupport, processorName, threadsOf } from "../lib/runtime/cpu/support.ts";
import { adapterName, readTiles, tileFile } from "../lib/runtime/gpu/autotune_cache.ts";
import {
  environment,
  isSoftware,
  openGpu,
  packedDotProduct,
  requestAdapter,
} from "../lib/runtime/gpu/device.ts";
import { testDots } from "../lib/runtime/self_test/dot_products.ts";
import { type KernelCheck, selfTest, selfTestCpu } from "../lib/runtime/self_test/self_test.ts";

/** Stands for what WebGPU, or a missing permission, keeps from us. */
export const UNKNOWN = "unknown";

/** Minimum rounds: those that `measurePeakRates` takes in any case. */
const ROUNDS = 1;

/** Variables of qtrain, and whether each holds a path. */
const VARIABLES = {
  QTRAIN_TERMS: false,
  QTRAIN_NO_TUNE: false,
  QTRAIN_NO_SELF_TEST: false,
  QTRAIN_WATCHDOG: false,
  QTRAIN_DATA: true,
  QTRAIN_CACHE: true,
} as const;

/** A limit, and the default that WebGPU guarantees, which is all that qtrain's kernels need. */
interface Limit {
  readonly value: number;
  readonly base: number;
  readonly unit: "count" | "bytes";
}

/** One adapter. */
interface Adapter {
  readonly name: string;
  /** Whether it computes on the processor. */
  readonly software: boolean;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** Whether WGSL has packed int8 dot products. */
  readonly packedDot: boolean;
  /** Whether the device can time kernels. */
  readonly timestamps: boolean;
  /** Kernels, each for one shape, whose fastest tiles are cached. */
  readonly tiles: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, Limit>>;
}

/** The CPU executor. */
interface Cpu {
  /** Threads that it has; 0 where it cannot run. */
  readonly threads: number;
  readonly cores: number;
  readonly simd: boolean;
  readonly sharedMemory: boolean;
}

/** What `qtrain doctor` finds. */
export interface Examination {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapters: readonly Adapter[];
  /** The cache of the fastest tiles. */
  readonly tileFile: string | undefined;
  /** Whether each way of dot products gives right results on the first adapter, by its name. */
  readonly dots: Readonly<Record<string, boolean>>;
  /** Kernels on the first adapter, with the first right way; none without one. */
  readonly checks: readonly KernelCheck[];
  readonly cpu: Cpu;
  /** SIMD kernels on the CPU. */
  readonly cpuChecks: readonly KernelCheck[];
  /** What is wrong or missing, with the remedy. */
  readonly problems: readonly string[];
}

/** The adapters of native drivers, the preferred one first; none without a driver. */
async function findAdapters(): Promise<Adapter[]> {
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
    software: isSoftware(info),
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
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

/** Runs a self-test; what it finds wrong, or an error of the device, becomes a problem. */
async function tested(
  test: () => Promise<KernelCheck[]>,
  remedy: string,
  problems: string[],
): Promise<KernelCheck[]> {
  try {
    const checks = await test();
    const wrong = checks.filter((c) => c.result === "wrong");
    const names = wrong.map((c) => `${c.kernel} ${c.arithmetic}`).join(", ");
    if (wrong.length > 0) problems.push(`wrong results from ${names}: ${remedy}`);
    return checks;
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    problems.push(error.message);
    return [];
  }
}

/** Examines the adapters and the CPU, and runs both self-tests. */
export async function examine(threads: number | undefined): Promise<Examination> {
  const adapters = await findAdapters();
  const problems: string[] = [];
  for (const { name, limits } of adapters) {
    for (const [limit, { value, base }] of Object.entries(limits)) {
      if (value >= base) continue;
      problems.push(`${name}: expected ${limit} of at least ${base}, got ${value}`);
    }
  }
  let dots: ReadonlyMap<number, boolean> = new Map();
  const test = async () => {
    dots = await testDots();
    const [first, ...others] = [...dots.keys()].filter((dot) => dots.get(dot));
    return await selfTest(first === undefined ? {} : { dots: [first, ...others] });
  };
  const checks = adapters.length === 0 ? [] : await tested(
    test,
    "do not train on this adapter; update its driver or use --device cpu",
    problems,
  );
  const { simd, sharedMemory, cores } = cpuSupport();
  const cpuChecks = await tested(
    () => selfTestCpu(threads),
    "do not train on this CPU; please report it with the processor's name",
    problems,
  );
  const running = cpuChecks.length > 0 ? threadsOf(threads) : 0;
  const { deno, v8 } = Deno.version, { os, arch } = Deno.build;
  return {
    versions: { qtrain: VERSION, deno, v8, os, arch },
    adapters,
    tileFile: tileFile(),
    dots: Object.fromEntries([...dots].map(([dot, isRight]) => [DOT_NAMES[dot]!, isRight])),
    checks,
    cpu: { threads: running, cores, simd, sharedMemory },
    cpuChecks,
    problems,
  };
}

/** What only the report has; `unknown` where a permission is missing. */
export interface Details {
  readonly osRelease: string;
  readonly processor: string;
  /** The graphics interfaces that the adapter may have been reached through. */
  readonly backend: string;
  /** Variables of qtrain that are set; of a path only that it is. */
  readonly variables: Readonly<Record<string, string>>;
  readonly peakRates?: PeakRates;
  /** Why there are no rates. */
  readonly notMeasured?: string;
}

/** Measures the rates of the preferred adapter, and asks the system the rest. */
export async function examineFurther({ adapters }: Examination): Promise<Details> {
  return {
    osRelease: Deno.permissions.querySync({ name: "sys", kind: "osRelease" }).state === "granted"
      ? Deno.osRelease()
      : UNKNOWN,
    processor: processorName() || UNKNOWN,
    backend: backendOf(),
    variables: variables(),
    ...(adapters.length === 0 ? {} : await measured()),
  };
}

async function measured(): Promise<Pick<Details, "peakRates" | "notMeasured">> {
  try {
    const gpu = await openGpu();
    try {
      return { peakRates: await measurePeakRates(gpu, ROUNDS) };
    } finally {
      gpu.device.destroy();
    }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { notMeasured: error.message };
  }
}

function backendOf(): string {
  const allowed = environment("DENO_WEBGPU_BACKEND");
  if (!allowed) return UNKNOWN;
  const { os } = Deno.build;
  const here = {
    vulkan: os !== "darwin" && "Vulkan",
    metal: os === "darwin" && "Metal",
    dx12: os === "windows" && "Direct3D 12",
    gl: "OpenGL",
  };
  const names = allowed.split(",").map((name) => here[name.trim() as keyof typeof here] ?? name);
  return names.filter((name) => name !== false).join(" or ") || "none";
}

function variables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(VARIABLES).flatMap(([name, isPath]) => {
      const { state } = Deno.permissions.querySync({ name: "env", variable: name });
      if (state !== "granted") return [[name, UNKNOWN]];
      const value = Deno.env.get(name);
      return value ? [[name, isPath ? "set" : value]] : [];
    }),
  );
}

/** What was found as JSON; with details, those of the report too. */
export function examinationJson(found: Examination, details?: Details) {
  return {
    ok: found.problems.length === 0,
    versions: found.versions,
    adapters: found.adapters,
    dots: found.dots,
    ...(details
      ? {
        os_release: details.osRelease,
        backend: details.backend,
        peak_rates: details.peakRates ?? null,
        not_measured: details.notMeasured ?? null,
        processor: details.processor,
        variables: details.variables,
      }
      : { tile_file: found.tileFile ?? null }),
    self_test: found.checks,
    cpu: {
      threads: found.cpu.threads,
      cores: found.cpu.cores,
      simd: found.cpu.simd,
      shared_memory: found.cpu.sharedMemory,
    },
    cpu_self_test: found.cpuChecks,
    problems: details ? found.problems.map(anonymous) : found.problems,
  };
}

/** Leaves out the user's name, which paths in messages of a driver may have. */
export function anonymous(text: string): string {
  const home = environment("HOME");
  const short = home && home !== "/" ? text.replaceAll(home, "~") : text;
  return short.replace(/(\/home|\/Users|[A-Z]:\\Users)[/\\][^/\\\s]+/g, "~");
}
