/**
 * `qtrain doctor`: what this machine has, whether its GPU computes rightly, and what is missing.
 *
 * @module
 */
import { DeviceError, UsageError } from "../lib/core/errors.ts";
import { tileFile } from "../lib/runtime/gpu/autotune_cache.ts";
import { type KernelCheck, selfTest } from "../lib/runtime/self_test/self_test.ts";
import { VERSION } from "../lib/core/version.ts";
import { type Adapter, findAdapters } from "./adapters.ts";
import type { Command } from "./command.ts";
import { bytes, table } from "./format.ts";
import type { Arguments } from "./options.ts";
import { print, printJson } from "./print.ts";

/** The command. */
export const doctorCommand: Command = {
  name: "doctor",
  usage: "qtrain doctor [--json]",
  summary: "Shows adapters, limits and features, and tests every kernel against known answers.",
  details: `A kernel is equal to its reference in every bit; close, by at most one code or the last
digits of a float, which rounding explains; or WRONG. Exit code 1 when something is wrong
or missing. Takes a few seconds.`,
  options: ["json"],
  run,
};

interface Report {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapters: readonly Adapter[];
  /** Where the fastest tiles are remembered. */
  readonly tileFile: string | undefined;
  readonly checks: readonly KernelCheck[];
  /** What is wrong or missing, and what to do about it. */
  readonly problems: readonly string[];
}

async function run(args: Arguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`qtrain doctor: expected no more, got ${args.positionals.join(" ")}`);
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

async function examine(): Promise<Report> {
  const adapters = await findAdapters();
  const problems: string[] = [];
  for (const { name, limits } of adapters) {
    for (const [limit, { value, base }] of Object.entries(limits)) {
      if (value >= base) continue;
      problems.push(`${name}: expected ${limit} of at least ${base}, found ${value}`);
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
      `wrong answers from ${wrong.join(", ")}: do not train on this adapter; update its driver, ` +
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
      return [limit, text(value), text(base), value >= base ? "enough" : "TOO LITTLE"];
    });
    blocks.push(
      [
        `adapter: ${name}`,
        `packed dot product: ${packedDot ? "yes" : "no, spelled out (slower, same results)"}`,
        `timestamp-query: ${timestamps ? "yes" : "no (benchmarks use the clock)"}`,
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
      ? "all is well: qtrain trains on this adapter"
      : `to do:\n${problems.map((p) => `- ${p}`).join("\n")}`,
  );
  return blocks.join("\n\n");
}

function tilesLine(tiles: number, file: string | undefined): string {
  if (file === undefined) {
    return "tiles: not remembered, as no cache folder is known; set QTRAIN_CACHE";
  }
  return `tiles: timed for ${tiles} kernel${tiles === 1 ? "" : "s"}, remembered in ${file}`;
}

function difference({ type, largest }: KernelCheck): string {
  switch (type) {
    case "codes":
      return `off by ${largest === 1 ? "one code" : `${largest} codes`}`;
    case "integers":
      return `off by ${largest} (an extreme: in its last place)`;
    case "floats":
      return `off by ${largest.toExponential(1)} of the largest value`;
  }
}
