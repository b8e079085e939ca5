/**
 * Options that several commands share.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { MAX_THREADS } from "../lib/runtime/cpu/support.ts";
import type { DeviceChoice } from "../lib/runtime/device.ts";
import type { Option } from "./command.ts";
import type { ProgressMode } from "./progress.ts";

/** Where to compute. */
export const DEVICE = {
  type: "string",
  usage: "--device auto|gpu|cpu",
  help: "where to compute (default: auto, a hardware GPU if there is one)",
  values: ["auto", "gpu", "cpu"],
} as const satisfies Option;

/** Threads of the CPU. */
export const THREADS = {
  type: "integer",
  usage: "--threads N",
  help: "threads of the CPU (default: one for each core)",
  max: MAX_THREADS,
} as const satisfies Option;

/**
 * The device and its threads, as options of the library.
 *
 * @throws UsageError when threads are given for the GPU, where they have no effect
 */
export function deviceOptions(
  { device, threads }: {
    readonly device: DeviceChoice | undefined;
    readonly threads: number | undefined;
  },
): { readonly device?: DeviceChoice; readonly threads?: number } {
  if (device === "gpu" && threads !== undefined) {
    throw new UsageError("--threads: expected only on the CPU, got --device gpu too");
  }
  return { ...(device ? { device } : {}), ...(threads === undefined ? {} : { threads }) };
}

/** Keeps kernels from being tuned. */
export const NO_TUNE = {
  type: "boolean",
  usage: "--no-tune",
  help: "use default tiles instead of the fastest on this GPU",
} as const satisfies Option;

/** Chooses the best checkpoint of a run. */
export const BEST = {
  type: "boolean",
  usage: "--best",
  help: "use the checkpoint with the best test accuracy",
} as const satisfies Option;

/** JSON on stdout. */
export const JSON_OUTPUT = {
  type: "boolean",
  usage: "--json",
  help: "print results as JSON",
} as const satisfies Option;

/** No progress. */
export const QUIET = {
  type: "boolean",
  usage: "--quiet",
  help: "print only results and errors",
} as const satisfies Option;

/** What progress to show. @throws UsageError when both options are given */
export function progressMode(
  { json, quiet }: { readonly json: boolean | undefined; readonly quiet: boolean | undefined },
): ProgressMode {
  if (json && quiet) throw new UsageError("--json and --quiet: expected one of them, got both");
  return json ? "json" : quiet ? "quiet" : "normal";
}
