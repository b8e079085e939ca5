/**
 * Memory traffic as tables and as JSON.
 *
 * @module
 */
import type { Layer } from "../lib/program/summary.ts";
import type { DataShape } from "../lib/program/plan.ts";
import type { LayerTime } from "../lib/report/measure.ts";
import type { ProgramTraffic } from "../lib/report/program_traffic.ts";
import { type Bytes, type LayerTraffic, sum } from "../lib/report/traffic.ts";
import type { Ranges } from "../lib/report/variants.ts";
import { percent, settingsTable, table } from "./format.ts";
import { withThousands } from "./settings.ts";

/** Times by variant and layer. */
export interface Measured {
  readonly adapter: string;
  readonly static: ReadonlyMap<string, LayerTime>;
  readonly dynamic?: ReadonlyMap<string, LayerTime>;
}

/** All that the command found out. */
export interface Report {
  readonly name: string;
  readonly data: DataShape;
  readonly batch: number;
  readonly layers: readonly Layer[];
  /** Row by row those of `layers`. */
  readonly traffic: readonly LayerTraffic[];
  /** What programs move; a variant that cannot be planned is missing. */
  readonly programs: { readonly [R in Ranges]?: ProgramTraffic };
  /** Why one is missing. */
  readonly problems: readonly string[];
  readonly measured?: Measured;
}

type Section = "forward" | "backward";

/** One quantity with static and with dynamic ranges; null: not known. */
interface Both {
  readonly static: number | null;
  readonly dynamic: number | null;
}

/** Rows of one section: the model, the program and the time of some layers together. */
interface Figures {
  readonly model: Bytes;
  readonly program: Both;
  /** Nanoseconds. */
  readonly time?: Both;
}

function figures(report: Report, rows: readonly LayerTraffic[], section: Section): Figures {
  const { programs, measured } = report;
  const both = (of: (ranges: Ranges) => ReadonlyMap<string, LayerTime> | undefined): Both => {
    const total = (ranges: Ranges) => {
      const layers = of(ranges);
      if (!layers) return null;
      return rows.reduce((n, { layer }) => n + (layers.get(layer)?.[section] ?? 0), 0);
    };
    return { static: total("static"), dynamic: total("dynamic") };
  };
  return {
    model: sum(rows.map((row) => row[section])),
    program: both((ranges) => programs[ranges]?.layers),
    ...(measured ? { time: both((ranges) => measured[ranges]) } : {}),
  };
}

/** Sums under each table, and which layers are in them. */
const TOTALS = [
  ["convolutions, linear", ({ group }: LayerTraffic) => group === "convolution"],
  ["others", ({ group }: LayerTraffic) => group === "other"],
  ["everything quantized", () => true],
] as const;

/** As tables: forward and backward. */
export function asText(report: Report): string {
  const { name, data, batch, layers, measured, problems, programs } = report;
  const parameters = withThousands(layers.reduce((n, l) => n + l.parameters, 0));
  const notes = [
    ...problems.map((problem) => `program: ${problem}`),
    ...(programs.static ? [rest(programs.static)] : []),
  ];
  return [
    settingsTable([
      ["network", `${name}: ${parameters} parameters`],
      ["images", `${data.shape.join("×")}, ${data.classes} classes, batch ${batch}`],
      ...(measured ? [["measured on", measured.adapter] as const] : []),
    ]),
    "",
    sectionTable(report, "forward"),
    "",
    sectionTable(report, "backward"),
    ...(notes.length > 0 ? ["", ...notes] : []),
  ].join("\n");
}

/** What the program moves beside the layers. */
function rest({ sections, layers }: ProgramTraffic): string {
  const { forward: _, backward: __, ...others } = sections;
  const all = { input: layers.get("input")!.forward, ...others };
  const words = Object.entries(all).map(([what, bytes]) => `${what} ${kb(bytes)}`);
  return `program, beside these layers: ${words.join(", ")}`;
}

function sectionTable(report: Report, section: Section): string {
  const cells = ({ model, program, time }: Figures) => [
    kb(model.static),
    kb(model.dynamic),
    more(model),
    kb(program.static),
    kb(program.dynamic),
    more(program),
    ...(time ? [ms(time.static), ms(time.dynamic), more(time)] : []),
  ];
  const rows = report.layers.map(({ name, kind, output }, i) => [
    name,
    kind,
    output.join("×"),
    ...cells(figures(report, [report.traffic[i]!], section)),
  ]);
  const totals = TOTALS.map(([name, belongs]) => [
    name,
    "",
    "",
    ...cells(figures(report, report.traffic.filter(belongs), section)),
  ]);
  const headers = ["static", "dynamic", "more", "program", "program dyn.", "more"];
  if (report.measured) headers.push("ms", "ms dyn.", "more");
  return table(
    [section, "KB of one image", "output", ...headers],
    [...rows, [], ...totals],
    ["left", "left", "left", ...headers.map(() => "right" as const)],
  );
}

const kb = (bytes: number | null) => bytes === null ? "–" : (bytes / 1024).toFixed(1);
const ms = (ns: number | null) => ns === null ? "–" : (ns / 1e6).toFixed(3);

/** How much more dynamic ranges take. */
function more({ static: a, dynamic: b }: Both): string {
  if (a === null || b === null || a === 0) return "–";
  const share = percent(b / a - 1, 0);
  return share.startsWith("-") ? share : `+${share}`;
}

/** As JSON, in bytes of one image and nanoseconds of a batch. */
export function asJson(report: Report): unknown {
  const { name, data, batch, layers, traffic, programs, problems, measured } = report;
  const of = (rows: readonly LayerTraffic[]) => ({
    forward: figures(report, rows, "forward"),
    backward: figures(report, rows, "backward"),
  });
  return {
    name,
    input: data.shape,
    classes: data.classes,
    batch,
    parameters: layers.reduce((n, l) => n + l.parameters, 0),
    adapter: measured?.adapter ?? null,
    layers: layers.map((layer, i) => ({
      ...layer,
      group: traffic[i]!.group,
      ...of([traffic[i]!]),
    })),
    totals: {
      convolutions: of(traffic.filter(TOTALS[0][1])),
      others: of(traffic.filter(TOTALS[1][1])),
      everything: of(traffic),
    },
    program_sections: {
      static: programs.static?.sections ?? null,
      dynamic: programs.dynamic?.sections ?? null,
    },
    problems,
  };
}
