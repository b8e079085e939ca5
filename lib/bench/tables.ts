/**
 * The result of a benchmark as tables, for the terminal and for Markdown.
 *
 * @module
 */
import { bytes, percent, UNKNOWN, withThousands } from "../core/format.ts";
import { escapeMarkdown, markdownTable, type TextTable } from "../report/markdown.ts";
import type {
  BenchReport,
  KernelRow,
  ModelSteps,
  PeakRates,
  Spread,
  StatisticsRow,
  StepsRow,
} from "./report.ts";

/** A table with a title and notes. */
interface TitledTable extends TextTable {
  readonly title: string;
  readonly notes: readonly string[];
}

type Column<Row> = readonly [
  header: string,
  align: "left" | "right",
  cell: (row: Row, before: Row | undefined) => string,
];

function titled<Row>(
  title: string,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  notes: readonly string[] = [],
): TitledTable {
  return {
    title,
    headers: columns.map(([header]) => header),
    alignments: columns.map(([, align]) => align),
    rows: rows.map((row, i) => columns.map(([, , cell]) => cell(row, rows[i - 1]))),
    notes,
  };
}

/** The tables of a benchmark. */
export function benchTables(report: BenchReport): TitledTable[] {
  const { peak_rates: peaks, kernels = [], statistics = [], steps = [] } = report;
  return [
    ...(peaks ? [peakTable(peaks, report)] : []),
    ...groupsOf(kernels).map((pairs) => kernelTable(pairs, report)),
    ...(statistics.length > 0 ? [statisticsTable(report)] : []),
    ...steps.flatMap((one) => [
      stepsTable(one, report),
      ...(one.variants.some((row) => row.by_kernel_ms) ? [kernelsOfStepTable(one)] : []),
    ]),
  ];
}

/** The adapter and the machine, in one line. */
export function benchSummary(report: BenchReport): string {
  const { qtrain, device, adapter, packed_dot_product, processor, os, arch, cores, rounds } =
    report;
  const dot = packed_dot_product ? "packed dot product" : "no packed dot product";
  const about = device === "gpu" ? `, ${dot}` : processor === undefined ? "" : `, ${processor}`;
  return `qtrain ${qtrain}, ${adapter}${about}, ${os} ${arch}, ${cores} threads of the host; ` +
    `medians of ${rounds} ${rounds === 1 ? "round" : "rounds"} in turns`;
}

/** The benchmark as a Markdown file. */
export function benchMarkdown(report: BenchReport): string {
  const parts = benchTables(report).flatMap((table) => [
    `## ${escapeMarkdown(table.title)}`,
    "",
    markdownTable(table),
    "",
    ...table.notes.flatMap((note) => [escapeMarkdown(note), ""]),
  ]);
  return ["# Benchmark", "", escapeMarkdown(benchSummary(report)), "", ...parts].join("\n");
}

function peakTable(peaks: PeakRates, report: BenchReport): TitledTable {
  const { device, threads, peak_rates_one_thread: one } = report, isGpu = device === "gpu";
  const rowsOf = ({ int8, float32, copy, dots }: PeakRates, where: string) =>
    [
      ...Object.entries(dots ?? { "": int8 }).map(([dot, rate]) =>
        [`int8 products in registers${dot && `, ${dot}`}${where}`, rate, "GOP/s"] as const
      ),
      [`float32 products in registers${where}`, float32, "GOP/s"],
      [`copy of 64 MiB, read and written${isGpu ? "" : where}`, copy, "GB/s"],
    ] as const;
  const all = isGpu ? ", 8×8 a thread" : threads === 1 ? ", 1 thread" : `, ${threads} threads`;
  const rows = [...rowsOf(peaks, all), ...(one ? rowsOf(one, ", 1 thread") : [])];
  return titled<(typeof rows)[number]>(`Peak rates of this ${isGpu ? "adapter" : "CPU"}`, rows, [
    ["what", "left", ([what]) => what],
    ["best", "right", ([, { max }]) => digits(max)],
    ["spread", "right", ([, spread]) => range(spread, digits)],
    ["", "left", ([, , unit]) => unit],
  ]);
}

/** A layer in one direction, in both arithmetics. */
interface KernelPair {
  readonly int8: KernelRow | undefined;
  readonly float32: KernelRow | undefined;
  readonly either: KernelRow;
}

/** Groups rows by network, and pairs those of a layer and direction. */
function groupsOf(rows: readonly KernelRow[]): KernelPair[][] {
  const groups = new Map<string, Map<string, KernelPair>>();
  for (const row of rows) {
    const group = groups.get(row.group) ?? new Map<string, KernelPair>();
    const key = `${row.layer} ${row.direction}`;
    const pair = group.get(key) ?? { int8: undefined, float32: undefined, either: row };
    groups.set(row.group, group.set(key, { ...pair, [row.arithmetic]: row }));
  }
  return [...groups.values()].map((pairs) => [...pairs.values()]);
}

function kernelTable(pairs: readonly KernelPair[], { device }: BenchReport): TitledTable {
  const [{ either: { group, batch } }] = pairs as [KernelPair];
  const of = (variant: "int8" | "float32"): Column<KernelPair>[] => {
    const cell = (text: (row: KernelRow) => string) => (pair: KernelPair) =>
      pair[variant] ? text(pair[variant]) : UNKNOWN;
    return [
      [`${variant} ms`, "right", cell(({ ms }) => digits(ms.median))],
      ["spread", "right", cell(({ ms }) => range(ms, digits))],
      ["GOP/s", "right", cell((row) => maybe(row.gop_per_second, digits))],
      ["peak", "right", cell((row) => maybe(row.share_of_peak, share))],
      ["GB/s", "right", cell((row) => digits(row.gb_per_second))],
      ["copy", "right", cell((row) => share(row.share_of_copy))],
    ];
  };
  const ratio = ({ int8, float32 }: KernelPair) =>
    int8 && float32 ? (float32.ms.median / int8.ms.median).toFixed(2) : UNKNOWN;
  return titled(`Kernels: shapes of ${group}, batch ${batch}`, pairs, [
    [
      "layer",
      "left",
      ({ either }, before) => before?.either.layer === either.layer ? "" : either.layer,
    ],
    ["direction", "left", ({ either }) => either.direction],
    ...of("int8"),
    ...of("float32"),
    ["int8 ×", "right", ratio],
  ], [
    `peak: share of the products in registers in the same arithmetic${
      device === "gpu" ? "" : ", measured in turn"
    }; copy: share of the copy, above 100% if the tensors fit into caches; int8 ×: speed-up over ` +
    "float32.",
  ]);
}

function statisticsTable({ statistics = [] }: BenchReport): TitledTable {
  const sum = (of: (row: StatisticsRow) => number) => statistics.reduce((n, row) => n + of(row), 0);
  const all = sum(({ ms }) => ms.median), cost = sum(({ ms, share }) => ms.median * share);
  const byFastest = 1 - sum(({ ms_without }) => ms_without.min) / sum(({ ms }) => ms.min);
  return titled("Statistics in the epilogue of int8 convolutions", statistics, [
    ["shapes of", "left", ({ group }, before) => before?.group === group ? "" : group],
    ["layer", "left", ({ layer }) => layer],
    ["direction", "left", ({ direction }) => direction],
    ["ms", "right", ({ ms }) => digits(ms.median)],
    ["without", "right", ({ ms_without }) => digits(ms_without.median)],
    ["statistics", "right", ({ share }) => percent(share)],
  ], [
    `All together: ${percent(cost / all)} of ${digits(all)} ms; by the fastest of each ` +
    `${percent(byFastest)}. A row's share is the median over adjacent pairs; negative ` +
    "shares are noise.",
  ]);
}

function stepsTable(
  { model, batch, input, variants, operations, parameters }: ModelSteps,
  { device }: BenchReport,
) {
  const isGpu = device === "gpu", name = isGpu ? "GPU" : "CPU";
  const [first] = variants as readonly [StepsRow];
  const time = (of: (row: StepsRow) => number): (row: StepsRow) => string => (row) =>
    digits(of(row));
  return titled(
    `Steps: ${model}, batch ${batch}, ${input.join("×")}`,
    variants,
    [
      ["", "left", ({ variant }) => variant],
      ["ms a step", "right", time(({ ms }) => ms.median)],
      ["spread", "right", ({ ms }) => range(ms, digits)],
      [`× ${first.variant}`, "right", ({ ratio }) => ratio.median.toFixed(2)],
      ["spread", "right", ({ ratio }) => range(ratio, (x) => x.toFixed(2))],
      ["images/s", "right", time((row) => row.images_per_second)],
      ["GOP/s", "right", time((row) => row.gop_per_second)],
      [name, "right", time((row) => row.device_ms)],
      ["host", "right", time((row) => row.host_ms)],
      ["data", "right", time((row) => row.data_ms)],
      ["readback", "right", time((row) => row.readback_ms)],
      ["host share", "right", ({ host_share }) => percent(host_share)],
      ["kernels", "right", ({ kernels_ms }) => maybe(kernels_ms, digits)],
      ["first step", "right", time((row) => row.first_step_ms)],
      ["activations", "right", (row) => bytes(row.activation_bytes)],
      ["of float32", "right", ({ activation_ratio: r }) => maybe(r, (x) => x.toFixed(2))],
      ["moved", "right", ({ moved_bytes }) => bytes(moved_bytes)],
      ["memory", "right", ({ device_bytes }) => bytes(device_bytes)],
    ],
    [
      `${(operations / 1e9).toFixed(2)} GOP a step, ${withThousands(parameters)} ` +
      `parameters. All times in ms. A step is ${name} (the host waits for it) + host (TypeScript${
        isGpu ? ", uploads, encoding" : " of the main thread"
      }) + data (waiting for the next batch) + readback (a wait for an idle device, ` +
      `shared by steps in flight: ${variants.map(({ in_flight }) => in_flight).join(", ")}). ` +
      `kernels: all kernels${
        isGpu
          ? " by the device's clock, each in its own pass"
          : " by the clock of the leading thread"
      }; first step: from the recipe to the end of the first step, including compilation and ` +
      "calibration.",
    ],
  );
}

/** The kernels of whole steps, slowest first. */
function kernelsOfStepTable({ model, batch, input, variants }: ModelSteps): TitledTable {
  const times = variants.map(({ by_kernel_ms }) => by_kernel_ms ?? {});
  const slowest = (kernel: string) => Math.max(...times.map((ms) => ms[kernel] ?? 0));
  const kernels = [...new Set(times.flatMap((ms) => Object.keys(ms)))]
    .sort((a, b) => slowest(b) - slowest(a));
  return titled(`Kernels of a step, ms: ${model}, batch ${batch}, ${input.join("×")}`, kernels, [
    ["kernel", "left", (kernel) => kernel],
    ...variants.map(({ variant }, i): Column<string> => [
      variant,
      "right",
      (kernel) => maybe(times[i]![kernel] ?? null, digits),
    ]),
  ]);
}

/** A figure with three digits: `0.042`, `4.26`, `38.6`, `412`. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

const share = (fraction: number) => percent(fraction, 0);
const maybe = (value: number | null, text: (value: number) => string) =>
  value === null ? UNKNOWN : text(value);
const range = ({ min, max }: Spread, text: (value: number) => string) =>
  `${text(min)}–${text(max)}`;
