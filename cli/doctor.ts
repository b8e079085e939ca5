/**
 * `qtrain doctor`: shows the adapters and the CPU, tests the kernels, and reports what is missing.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import type { KernelCheck } from "../lib/runtime/self_test/self_test.ts";
import { type Arguments, defineCommand, type Options } from "./command.ts";
import { bytes, table } from "./format.ts";
import { difference, dotWords, reportBlock } from "./doctor_report.ts";
import { type Examination, examinationJson, examine, examineFurther } from "./examination.ts";
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
