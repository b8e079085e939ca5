/**
 * Options that several commands share.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import type { Option } from "./command.ts";
import type { ProgressMode } from "./progress.ts";

/** Where to compute. */
export const DEVICE = {
  type: "string",
  usage: "--device auto|gpu|cpu",
  help: "where to compute (default: auto, the GPU if there is one)",
  values: ["auto", "gpu", "cpu"],
} as const satisfies Option;

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
