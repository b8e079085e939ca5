/**
 * `qtrain doctor`: shows the adapters, tests the kernels, and reports what is missing.
 *
 * @module
 */
import { DeviceError, UsageError } from "../lib/core/errors.ts";
import { adapterName, readTiles, tileFile } from "../lib/runtime/gpu/autotune_cache.ts";
import { packedDotProduct, requestAdapter } from "../lib/runtime/gpu/device.ts";
import { type KernelCheck, selfTest } from "../lib/runtime/self_test/self_test.ts";
import { VERSION } from "../lib/core/version.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { bytes, table } from "./format.ts";
import { JSON_OUTPUT } from "./options.ts";
import { print, printJson } from "./print.ts";

const OPTIONS = { json: JSON_OUTPUT } as const satisfies Options;

/** `qtrain doctor`. */
export const doctorCommand = defineCommand({
  name: "doctor",
  synopsis: "qtrain doctor",
  summary: "Shows adapters, limits and features, and tests every kernel against known answers.",
  details:
    `A kernel is "equal" if it equals its reference bit by bit; "close" if it differs by at most one
code, or in the last digits of a float, as rounding does; otherwise "WRONG". The exit code is 1 if
something is wrong or missing. Takes a few seconds.`,
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
  readonly vendor: string;
  readonly architecture: string;
  /** Whether WGSL has packed int8 dot products. */
  readonly packedDot: boolean;
  /** Whether the device can time kernels. */
  readonly timestamps: boolean;
  /** Kernels, each for one shape, whose fastest tiles are cached. */
  readonly tiles: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, Limit>>;
}

interface Report {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapters: readonly Adapter[];
  /** The cache of the fastest tiles. */
  readonly tileFile: string | undefined;
  readonly checks: readonly KernelCheck[];
  /** What is wrong or missing, with the remedy. */
  readonly problems: readonly string[];
}

async function run(args: Arguments<typeof OPTIONS>): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`qtrain doctor: expected no arguments, got ${args.positionals.join(" ")}`);
  }
  const report = await examine();
  if (args.json) {
    printJson({
      ok: report.problems.length === 0,
      versions: report.versions,
      adapters: report.adapters,
      tile_file: report.tileFile ?? null,
      self_test: report.checks,
      problems: report.problems,
    }, 2);
  } else print(asText(report));
  return report.problems.length === 0 ? 0 : 1;
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

async function examine(): Promise<Report> {
  const adapters = await findAdapters();
  const problems: string[] = [];
  for (const { name, limits } of adapters) {
    for (const [limit, { value, base }] of Object.entries(limits)) {
      if (value >= base) continue;
      problems.push(`${name}: expected ${limit} of at least ${base}, got ${value}`);
    }
  }
  let checks: KernelCheck[] = [];
  try {
    checks = await selfTest();
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    problems.push(error.message);
  }
  const wrong = checks.filter((c) => c.result === "wrong").map((c) =>
    `${c.kernel} ${c.arithmetic}`
  );
  if (wrong.length > 0) {
    problems.push(
      `wrong results from ${wrong.join(", ")}: do not train on this adapter; update its driver ` +
        `or use --device cpu`,
    );
  }
  const { deno, v8 } = Deno.version, { os, arch } = Deno.build;
  return {
    versions: { qtrain: VERSION, deno, v8, os, arch },
    adapters,
    tileFile: tileFile(),
    checks,
    problems,
  };
}

const WORDS = { equal: "equal", close: "close", wrong: "WRONG" } as const;

function asText({ versions: v, adapters, tileFile, checks, problems }: Report): string {
  const blocks = [`qtrain ${v.qtrain}, Deno ${v.deno}, V8 ${v.v8}, ${v.os} ${v.arch}`];
  for (const { name, packedDot, timestamps, tiles, limits } of adapters) {
    const rows = Object.entries(limits).map(([limit, { value, base, unit }]) => {
      const text = (n: number) => unit === "bytes" ? bytes(n) : String(n);
      return [limit, text(value), text(base), value >= base ? "enough" : "TOO LOW"];
    });
    blocks.push(
      [
        `adapter: ${name}`,
        `packed dot product: ${packedDot ? "yes" : "no, emulated (slower, same results)"}`,
        `timestamp-query: ${timestamps ? "yes" : "no (benchmarks use the host's clock)"}`,
        tilesLine(tiles, tileFile),
      ].join("\n"),
      table(["limit", "adapter", "needed", ""], rows, ["left", "right", "right", "left"]),
    );
  }
  if (checks.length > 0) {
    const rows = checks.map((c) => [
      c.kernel,
      c.arithmetic,
      WORDS[c.result],
      c.largest === 0 ? "" : difference(c),
    ]);
    blocks.push(table(["kernel", "arithmetic", "result", ""], rows));
  }
  blocks.push(
    problems.length === 0
      ? "no problems: qtrain trains on this adapter"
      : `to do:\n${problems.map((p) => `- ${p}`).join("\n")}`,
  );
  return blocks.join("\n\n");
}

function tilesLine(tiles: number, file: string | undefined): string {
  if (file === undefined) {
    return "tiles: not cached, as there is no cache folder; set QTRAIN_CACHE";
  }
  return `tiles: tuned for ${tiles} kernel${tiles === 1 ? "" : "s"}, cached in ${file}`;
}

function difference({ type, largest }: KernelCheck): string {
  switch (type) {
    case "codes":
      return `off by ${largest === 1 ? "one code" : `${largest} codes`}`;
    case "integers":
      return `off by ${largest} (of an extreme: its last place)`;
    case "floats":
      return `off by ${largest.toExponential(1)} of the largest value`;
  }
}
