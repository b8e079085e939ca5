/**
 * The result of `deno task bench:gpu`: its JSON and its Markdown.
 *
 * @module
 */
import type { BenchReport, KernelRow } from "../../lib/bench/report.ts";
import { benchMarkdown, digits } from "../../lib/bench/tables.ts";
import { percent } from "../../lib/core/format.ts";
import type { ZooName } from "../../lib/recipe/model.ts";
import { escapeMarkdown, markdownTable } from "../../lib/report/markdown.ts";
import type { KernelCheck } from "../../lib/runtime/self_test/self_test.ts";

/** How a part ended, and how long it took. */
export interface PartRecord {
  readonly part: string;
  /** `cut`: its time was over before all was done; `unfinished`: the process ended in it. */
  result: "unfinished" | "done" | "cut" | "skipped" | "failed";
  seconds: number;
  /** What was cut or skipped, and errors. */
  readonly notes: string[];
}

/** A tile of a kernel against its reference. */
export interface TileCheck extends KernelCheck {
  /** The network that the steps are of. */
  readonly network: string;
  /** E.g. `DOT=0 P=4 Q=2`. */
  readonly tile: string;
  /** Steps that ran with this tile. */
  steps: number;
}

/** The tiles of a kernel on one shape, timed. */
export interface TuningRow {
  readonly network: string;
  /** Kernel and shape. */
  readonly shape: string;
  /** Steps of the network that share the choice. */
  readonly steps: number;
  readonly default_tile: string;
  /** Milliseconds of the default tile; null where it was not timed. */
  readonly default_ms: number | null;
  readonly chosen_tile: string;
  /** Time of each other tile divided by that of the default; null: refused, or other bits. */
  readonly ratios: Readonly<Record<string, number | null>>;
}

/** A whole training step of another framework on the same GPU. */
export interface PeerRow {
  readonly peer: string;
  readonly version: string;
  readonly device: string;
  readonly model: ZooName;
  readonly batch: number;
  readonly ms: number;
  readonly images_per_second: number;
}

/** Network, images and batch of whole steps. */
export interface StepsSize {
  readonly model: ZooName;
  readonly batch: number;
  readonly size: number;
}

/** The JSON file. Times and rates have the units of lib/bench/report.ts. */
export interface GpuBench {
  /** Name and version of the format. */
  readonly format: "qtrain bench-gpu 1";
  /** Whether the adapter computes on the processor: then everything is much smaller. */
  software: boolean;
  /** The day, as YYYY-MM-DD. */
  readonly date: string;
  readonly seconds: { readonly allowed: number; spent: number };
  readonly parts: PartRecord[];
  /** As `qtrain doctor --report --json` prints it. */
  doctor: unknown;
  /** The same as text. */
  doctor_report: string;
  readonly tiles: TileCheck[];
  readonly sizes: StepsSize[];
  readonly tuning: TuningRow[];
  /** As `qtrain bench --json` prints it. */
  bench: BenchReport | null;
  readonly peers: PeerRow[];
}

/** Formats the result as Markdown. */
export function asMarkdown(result: GpuBench): string {
  const { bench, software, doctor_report } = result;
  return [
    "# Benchmark of a GPU",
    doctor_report,
    ...(software
      ? [
        "**A software adapter**: batches and images are much smaller than on a GPU; no figure " +
        "here is one of a GPU.",
      ]
      : []),
    summary(result),
    "## Parts",
    partsTable(result),
    ...(result.tiles.length > 0 ? ["## Tiles against their references", tilesTable(result)] : []),
    ...(result.tuning.length > 0 ? ["## Tiles chosen", tuningTable(result)] : []),
    ...(result.peers.length > 0 ? ["## Whole steps beside PyTorch", peersTable(result)] : []),
    ...(bench ? [benchMarkdown(bench).replace(/^# .*\n\n/, "").trimEnd()] : []),
  ].join("\n\n") + "\n";
}

/** What decides first whether a GPU is used well, as a list. */
function summary({ bench, tiles }: GpuBench): string {
  const lines: string[] = [];
  const wrong = new Set(tiles.filter((t) => t.result === "wrong").map((t) => t.kernel));
  if (tiles.length > 0) {
    lines.push(
      wrong.size === 0
        ? `none of ${tiles.length} checks of tiles found a wrong result`
        : `WRONG results from tiles of ${[...wrong].join(", ")}`,
    );
  }
  const shares = (bench?.kernels ?? []).filter(isProduct).map((row) => row.share_of_peak!);
  if (shares.length > 0) {
    const [least, most] = [Math.min(...shares), Math.max(...shares)];
    lines.push(
      `int8 products and 3×3 convolutions reach ${percent(least, 0)} to ${
        percent(most, 0)
      } of the ` +
        "measured peak",
    );
  }
  for (const { model, batch, variants: [first] } of bench?.steps ?? []) {
    if (!first) continue;
    lines.push(
      `a step of ${model}, batch ${batch}, takes ${
        digits(first.ms.median)
      } ms in ${first.variant}, ` +
        `${percent(first.host_share)} of it on the host`,
    );
  }
  return lines.map((line) => `- ${line}`).join("\n") || "- nothing was measured";
}

/** Whether a row is of a large product or a plain 3×3 convolution in int8. */
function isProduct({ group, arithmetic, share_of_peak }: KernelRow): boolean {
  return arithmetic === "int8" && share_of_peak !== null && /^(gemm|conv-\d+)$/.test(group);
}

function partsTable({ parts, seconds }: GpuBench): string {
  return markdownTable({
    headers: ["part", "result", "seconds", "notes"],
    alignments: ["left", "left", "right", "left"],
    rows: [
      ...parts.map(({ part, result, seconds, notes }) => [
        part,
        result,
        seconds.toFixed(1),
        notes.join("; "),
      ]),
      ["all", `of ${seconds.allowed} s`, seconds.spent.toFixed(1), ""],
    ],
  });
}

function tilesTable({ tiles }: GpuBench): string {
  const kernels = Map.groupBy(tiles, (t) => `${t.kernel} ${t.arithmetic}`);
  return markdownTable({
    headers: ["kernel", "arithmetic", "tiles", "equal", "close", "wrong"],
    alignments: ["left", "left", "right", "right", "right", "left"],
    rows: [...kernels.values()].map((all) => {
      const names = (result: KernelCheck["result"]) => [
        ...new Set(all.filter((t) => t.result === result).map(({ tile }) => tile)),
      ];
      return [
        all[0]!.kernel,
        all[0]!.arithmetic,
        `${new Set(all.map(({ tile }) => tile)).size}`,
        `${names("equal").length}`,
        `${names("close").length}`,
        names("wrong").join(", ") || "0",
      ];
    }),
  });
}

function tuningTable({ tuning }: GpuBench): string {
  const timed = tuning.filter(({ ratios }) => Object.keys(ratios).length > 0);
  const networks = Map.groupBy(timed, ({ network }) => network);
  return markdownTable({
    headers: ["network", "shapes timed", "tiles timed", "default kept", "most gained", "by"],
    alignments: ["left", "right", "right", "right", "right", "left"],
    rows: [...networks].map(([network, rows]) => {
      const ratioOf = (row: TuningRow) => row.ratios[row.chosen_tile] ?? 1;
      const best = rows.reduce((a, b) => ratioOf(b) < ratioOf(a) ? b : a);
      const gained = ratioOf(best) < 1;
      return [
        network,
        `${rows.length}`,
        `${rows.reduce((sum, { ratios }) => sum + Object.keys(ratios).length, 0)}`,
        `${rows.filter((row) => row.chosen_tile === row.default_tile).length}`,
        gained ? `× ${(1 / ratioOf(best)).toFixed(2)}` : "–",
        gained ? `${best.shape.split(" ")[0]}: ${best.chosen_tile}` : "",
      ];
    }),
  });
}

function peersTable({ peers, bench }: GpuBench): string {
  const own = (bench?.steps ?? []).flatMap(({ model, batch, variants }) =>
    variants.map(({ variant, ms, images_per_second }) => ({
      peer: `qtrain ${variant}`,
      version: bench!.qtrain,
      model,
      batch,
      ms: ms.median,
      images_per_second,
    }))
  );
  const all = [...own, ...peers].filter(({ model }) => peers.some((p) => p.model === model));
  const models = Map.groupBy(all, ({ model }) => model);
  return markdownTable({
    headers: ["network", "batch", "", "version", "ms a step", "images/s", "× qtrain"],
    alignments: ["left", "right", "left", "left", "right", "right", "right"],
    rows: [...models.values()].flatMap((rows) =>
      rows.map((row, i) => [
        i === 0 ? row.model : "",
        i === 0 ? `${row.batch}` : "",
        row.peer,
        row.version,
        digits(row.ms),
        digits(row.images_per_second),
        (row.ms / rows[0]!.ms).toFixed(2),
      ])
    ),
  }) + "\n\n" + peers.slice(0, 1).map(({ device }) =>
    escapeMarkdown(`PyTorch computes on ${device}.`)
  );
}
