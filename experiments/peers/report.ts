/**
 * The result as a table for a terminal, as Markdown, and as JSON.
 *
 * @module
 */
import { largest, smallest } from "../../lib/core/min_max.ts";
import { table } from "../../cli/format.ts";
import { median } from "../../lib/report/statistics.ts";
import type { Ready } from "./process.ts";
import { type Peer, PEERS } from "./peers.ts";
import { BATCH } from "./training.ts";

/** The measurements of a peer. */
export interface Measurement {
  readonly peer: Peer;
  ready?: Ready;
  /** Losses of the first steps: those of the warm-up, then those requested. */
  readonly losses: number[];
  /** Milliseconds of a step, by turn. */
  readonly times: number[];
  /** Steps of all turns. */
  steps: number;
  /** The same divided by the mean of the first peer's turns just before and after. */
  readonly ratios: number[];
  /** Why it was not measured, or only in part. */
  problem?: string;
}

/** A peer in the JSON file. */
interface Result {
  readonly peer: string;
  readonly what: string;
  readonly version: string | null;
  readonly device: string | null;
  /** `null` for a hardware GPU, or if it did not start. */
  readonly threads: number | null;
  readonly problem: string | null;
  readonly turns: number;
  /** Steps of all turns. */
  readonly steps: number;
  readonly step_ms: number | null;
  readonly fastest_ms: number | null;
  readonly slowest_ms: number | null;
  readonly images_per_second: number | null;
  /** Median of the ratios to the first peer, and their extremes. */
  readonly ratio: number | null;
  readonly smallest_ratio: number | null;
  readonly largest_ratio: number | null;
  readonly times_ms: readonly number[];
  readonly losses: readonly number[];
}

/** The JSON file. */
interface Report {
  readonly network: "cnn";
  readonly batch: number;
  readonly rounds: number;
  /** Threads requested. */
  readonly threads: number;
  /** The processor's name; empty where it is not known. */
  readonly processor: string;
  readonly cores: number;
  readonly host: string;
  readonly results: readonly Result[];
}

/** Summarizes the measurements. */
export function reportOf(
  measured: readonly Measurement[],
  settings: Pick<Report, "rounds" | "threads" | "processor">,
): Report {
  const { arch, os } = Deno.build;
  return {
    network: "cnn",
    batch: BATCH,
    ...settings,
    cores: navigator.hardwareConcurrency,
    host: `Deno ${Deno.version.deno}, ${os} ${arch}`,
    results: measured.map(resultOf),
  };
}

function resultOf({ peer, ready, problem, losses, times, steps, ratios }: Measurement): Result {
  const [step, ratio] = [times, ratios].map((v) => v.length > 0 ? median(v) : null) as [
    number | null,
    number | null,
  ];
  const least = (v: readonly number[]) => v.length > 0 ? smallest(v) : null;
  const most = (v: readonly number[]) => v.length > 0 ? largest(v) : null;
  return {
    peer: peer.name,
    what: peer.what,
    version: ready?.version ?? null,
    device: ready?.device ?? null,
    threads: ready?.threads ?? null,
    problem: problem ?? null,
    turns: times.length,
    steps,
    step_ms: tenths(step),
    fastest_ms: tenths(least(times)),
    slowest_ms: tenths(most(times)),
    images_per_second: step === null ? null : Math.round(1000 * BATCH / step),
    ratio: hundredths(ratio),
    smallest_ratio: hundredths(least(ratios)),
    largest_ratio: hundredths(most(ratios)),
    times_ms: times.map((t) => tenths(t)!),
    losses,
  };
}

const tenths = (v: number | null) => v === null ? null : Math.round(v * 10) / 10;
const hundredths = (v: number | null) => v === null ? null : Math.round(v * 100) / 100;

const HEADERS = [
  "",
  "version",
  "threads",
  "ms a step",
  "fastest–slowest",
  "turns",
  "steps",
  "images/s",
  `× ${PEERS[0]!.name}`,
  "from–to",
];
const ALIGNED = HEADERS.map((_, i) => i < 2 ? "left" : "right");

function cells(r: Result): string[] {
  const start = [r.peer, r.version ?? "–", `${r.threads ?? "–"}`];
  if (r.step_ms === null) return [...start, r.problem ? "failed" : "–", ...Array(6).fill("–")];
  const ratio = r.ratio === null
    ? ["–", "–"]
    : [r.ratio.toFixed(2), `${r.smallest_ratio!.toFixed(2)}–${r.largest_ratio!.toFixed(2)}`];
  return [
    ...start,
    ms(r.step_ms),
    `${ms(r.fastest_ms!)}–${ms(r.slowest_ms!)}`,
    `${r.turns}`,
    `${r.steps}`,
    `${r.images_per_second}`,
    ...ratio,
  ];
}

/** Three digits or more. */
const ms = (v: number) => v.toFixed(v < 100 ? 1 : 0);

/** Steps to list in the table of losses. */
function listedSteps(losses: number): number[] {
  return [...new Set([0, 1, 2, 4, 9, 14, 19, losses - 1])].filter((i) => i < losses)
    .toSorted((a, b) => a - b);
}

/** The table of losses; empty if no peer trained. */
function lossTable({ results }: Report): { headers: string[]; rows: string[][] }[] {
  const trained = results.filter((r) => r.losses.length > 0);
  if (trained.length === 0) return [];
  const steps = listedSteps(largest(trained.map((r) => r.losses.length)));
  return [{
    headers: ["loss of step", ...steps.map((i) => `${i + 1}`)],
    rows: trained.map((r) => [r.peer, ...steps.map((i) => r.losses[i]?.toFixed(4) ?? "–")]),
  }];
}

function notes({ results }: Report): string[] {
  return results.map((r) => {
    const what = `${r.peer}: ${r.what}${r.device ? `; ${r.device}` : ""}`;
    if (r.problem === null) return what;
    return `${what}; ${r.losses.length > 0 ? "stopped early" : "not measured"}: ${r.problem}`;
  });
}

const title = ({ batch, rounds, threads, processor, cores, host }: Report) =>
  `cnn, batch ${batch}, in turns (rounds: ${rounds}), --threads ${threads}, on ${
    processor || "an unknown processor"
  } (${cores} cores); ${host}`;

/** Formats the report for a terminal. */
export function asText(report: Report): string {
  return [
    title(report),
    table(HEADERS, report.results.map(cells), ALIGNED),
    ...lossTable(report).map(({ headers, rows }) =>
      table(headers, rows, headers.map((_, i) => i === 0 ? "left" : "right"))
    ),
    notes(report).join("\n"),
  ].join("\n\n");
}

/** Formats the report as Markdown, with a final newline. */
export function asMarkdown(report: Report): string {
  return [
    title(report),
    markdown(HEADERS, report.results.map(cells)),
    ...lossTable(report).map(({ headers, rows }) => markdown(headers, rows)),
    notes(report).map((n) => `- ${n}`).join("\n"),
  ].join("\n\n") + "\n";
}

function markdown(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) =>
    `| ${headers.map((_, i) => (row[i] ?? "").replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headers), line(headers.map(() => "---")), ...rows.map(line)].join("\n");
}
