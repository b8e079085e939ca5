/**
 * `qtrain doctor`: shows the adapters and the CPU, tests the kernels, and reports what is missing.
 *
 * @module
 */
import { DeviceError, UsageError } from "../lib/core/errors.ts";
import { DOT_NAMES } from "../kernels/define_kernel.ts";
import { adapterName, readTiles, tileFile } from "../lib/runtime/gpu/autotune_cache.ts";
import { cpuSupport, threadsOf } from "../lib/runtime/cpu/support.ts";
import { isSoftware, packedDotProduct, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { testDots } from "../lib/runtime/self_test/dot_products.ts";
import { type KernelCheck, selfTest, selfTestCpu } from "../lib/runtime/self_test/self_test.ts";
import { VERSION } from "../lib/core/version.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { bytes, table } from "./format.ts";
import {
  type Details,
  difference,
  dotWords,
  examineFurther,
  reportBlock,
} from "./doctor_report.ts";
import { JSON_OUTPUT, THREADS } from "./options.ts";
import { print, printJson } from "./print.ts";

const OPTIONS = {
  report: {
    type: "boolean",
    usage: "--report",
    help: "print a block to paste into an issue, with the measured rates of dot products",
  },
  threads: THREADS,
  json: JSON_OUTPUT,
} as const satisfies Options;

/** `qtrain doctor`. */
export const doctorCommand = defineCommand({
  name: "doctor",
  synopsis: "qtrain doctor",
  summary: "Shows adapters and the CPU, and tests every kernel against known answers.",
  details:
    `A kernel is "equal" if it equals its reference bit by bit; on a GPU, "close" if it differs by at most
one code, or in the last digits of a float, as rounding does; otherwise "WRONG". The exit code is 1 if
something is wrong or missing; a GPU need not be there. Takes a few seconds.`,
  options: OPTIONS,
  run,
});

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

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`qtrain doctor: expected no arguments, got ${args.positionals.join(" ")}`);
  }
  const found = await examine(args.threads);
  const details = args.report ? await examineFurther(found) : undefined;
  if (args.json) printJson(examinationJson(found, details), 2);
  else print(details ? reportBlock(found, details) : asText(found));
  return found.problems.length === 0 ? 0 : 1;
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
    problems: found.problems,
  };
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

const WORDS = { equal: "equal", close: "close", wrong: "WRONG" } as const;

function asText(
  { versions: v, adapters, tileFile, dots, checks, cpu, cpuChecks, problems }: Examination,
): string {
  const blocks = [`qtrain ${v.qtrain}, Deno ${v.deno}, V8 ${v.v8}, ${v.os} ${v.arch}`];
  if (adapters.length === 0) {
    blocks.push(
      "adapter: none, as there is no Vulkan, Metal or Direct3D 12 driver (Debian's software one: apt-get " +
        "install mesa-vulkan-drivers); qtrain trains on the CPU",
    );
  }
  for (const [i, adapter] of adapters.entries()) {
    const { name, software, packedDot, timestamps, tiles, limits } = adapter;
    const rows = Object.entries(limits).map(([limit, { value, base, unit }]) => {
      const text = (n: number) => unit === "bytes" ? bytes(n) : String(n);
      return [limit, text(value), text(base), value >= base ? "enough" : "TOO LOW"];
    });
    blocks.push(
      [
        `adapter: ${name}${software ? " (software: only --device gpu takes it)" : ""}`,
        packedDot
          ? `packed dot product: ${i === 0 ? dotWords(dots) : "yes"}`
          : "packed dot product: no, emulated (slower, same results)",
        `timestamp-query: ${timestamps ? "yes" : "no (benchmarks use the host's clock)"}`,
        tilesLine(tiles, tileFile),
      ].join("\n"),
      table(["limit", "adapter", "needed", ""], rows, ["left", "right", "right", "left"]),
    );
  }
  if (checks.length > 0) blocks.push(checksTable(checks, "kernel on the GPU"));
  blocks.push(
    `CPU: ${cpu.threads} ${
      cpu.threads === 1 ? "thread" : "threads"
    } on ${cpu.cores} cores; WebAssembly SIMD ${cpu.simd ? "yes" : "NO"}, ` +
      `shared memory ${cpu.sharedMemory ? "yes" : "no (one thread)"}`,
  );
  if (cpuChecks.length > 0) blocks.push(checksTable(cpuChecks, "SIMD kernel on the CPU"));
  const hardware = adapters.find(({ software }) => !software);
  blocks.push(
    problems.length === 0
      ? `no problems: qtrain trains on the ${
        hardware ? "GPU, or on the CPU where a step is faster there" : "CPU"
      }`
      : `to do:\n${problems.map((p) => `- ${p}`).join("\n")}`,
  );
  return blocks.join("\n\n");
}

function checksTable(checks: readonly KernelCheck[], title: string): string {
  const rows = checks.map((c) => [
    c.kernel,
    c.arithmetic,
    WORDS[c.result],
    c.largest === 0 ? "" : difference(c),
  ]);
  return table([title, "arithmetic", "result", ""], rows);
}

function tilesLine(tiles: number, file: string | undefined): string {
  if (file === undefined) {
    return "tiles: not cached, as there is no cache folder; set QTRAIN_CACHE";
  }
  return `tiles: tuned for ${tiles} kernel${tiles === 1 ? "" : "s"}, cached in ${file}`;
}
