/**
 * Fits the model of a step to measurements, and forecasts larger clusters: tables in Markdown, and a plot.
 *
 * @module
 */
import { linear, logarithmic } from "../../lib/view/plot/axis.ts";
import { type PlotMark, svg as plotOf } from "../../lib/view/plot/line_plot.ts";
import type { Measurement } from "./main.ts";
import {
  exchangeSeconds,
  type Fitted,
  fitTwo,
  type Load,
  slowest,
  stepSeconds,
  wireBytes,
} from "./step_model.ts";

type Loads = ReadonlyMap<string, Load & { readonly images: number }>;

const RANKS = [8, 64, 512], GIGABITS = [1, 10, 100], WIRES = ["f32", "int8"] as const;
const NETWORKS = ["resnet18", "mobilenet-v2"];
/** Seconds of a message in a cluster's network, where a link of the measurement has no delay of its own. */
const bandwidthOf = (gigabits: number) => gigabits * 1e9 / 8;
const MEASURED: Readonly<Record<string, number>> = {
  "unshaped": Infinity,
  "1 Gb/s": bandwidthOf(1),
  "100 Mb/s": bandwidthOf(0.1),
};
const ms = (seconds: number) => (1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0);
const percent = (share: number) => `${(100 * share).toFixed(0)}%`;

/** Tables and plot. */
export function forecast(
  measured: Measurement,
  loads: Loads,
): { readonly text: string; readonly svg: string } {
  const fitted = fit(measured, loads);
  const text = [
    hereTable(measured),
    linkTable(measured),
    fitText(measured, loads, fitted),
    forecastTable(loads, fitted),
  ].join("\n\n");
  return { text, svg: plot(loads, fitted) };
}

function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows as [string[], ...string[][]];
  return [head, head.map(() => "---"), ...body].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function hereTable({ here }: Measurement): string {
  return table([
    ["network, 64 images", "one rank, one thread", "two ranks, one thread each", "times as fast"],
    ...here.map(({ network, one, two }) => [
      network,
      `${one.toFixed(1)} ms`,
      `${two.toFixed(1)} ms`,
      (one / two).toFixed(2),
    ]),
  ]);
}

/** Steps of a measurement that put bytes on the link: 5 rounds of 3 steps and 3 exchanges, and a first step. */
const STEPS_ON_LINK = 31;

function linkTable({ links }: Measurement): string {
  return table([
    ["network", "link", "wire", "step", "computing", "exchange alone", "hidden", "sent a step"],
    ...links.map(({ network, link, wire, times, bytesSent }) => [
      network,
      link,
      wire,
      `${times.step.toFixed(1)} ms`,
      `${times.compute.toFixed(1)} ms`,
      `${times.exchange.toFixed(1)} ms`,
      percent(hiddenOf(times)),
      `${(bytesSent / STEPS_ON_LINK / 1000).toFixed(0)} kB`,
    ]),
  ]);
}

/** The share of the exchange that a step does not take longer for. */
function hiddenOf({ step, compute, exchange }: Measurement["links"][number]["times"]): number {
  return Math.min(1, Math.max(0, 1 - (step - compute) / exchange));
}

function fit({ links, here }: Measurement, loads: Loads): Fitted {
  // Of a link of known bandwidth what is left is the software's.
  const rows = links.flatMap(({ link, network, wire, times }) => {
    const bandwidth = MEASURED[link], load = loads.get(network)!;
    if (bandwidth === undefined) return [];
    const bytes = wireBytes(load, 2, wire), left = times.exchange / 1000 - bytes / bandwidth;
    return left > 0 ? [[load.exchanges + 1, bytes, left] as const] : [];
  });
  const [perMessage, perByte] = fitTwo(rows);
  const shares = links.map(({ times }) => hiddenOf(times)).toSorted((a, b) => a - b);
  return {
    perMessage,
    software: perByte > 0 ? 1 / perByte : Infinity,
    hidden: shares[shares.length >> 1]!,
    spread: Math.max(...here.map(({ spread }) => spread)),
  };
}

function fitText({ links }: Measurement, loads: Loads, fitted: Fitted): string {
  const { perMessage, software, hidden, spread } = fitted;
  const errors = links.flatMap(({ link, network, wire, times }) => {
    const bandwidth = MEASURED[link], load = loads.get(network)!;
    if (bandwidth === undefined) return [];
    const exchange = exchangeSeconds(load, 2, wire, bandwidth, fitted);
    const compute = times.compute / 1000;
    const step = compute + (1 - hidden) * exchange;
    return [step / (times.step / 1000) - 1];
  });
  const off = errors.map(Math.abs).toSorted((a, b) => a - b);
  return `Fitted: ${ms(perMessage)} ms a message, ` +
    (Number.isFinite(software) ? `${(software / 1e6).toFixed(0)} MB/s` : "no limit") +
    ` in software, ${
      percent(hidden)
    } of the exchange hidden, ranks' times of computing spread by ` +
    `${percent(spread)}. The model's steps are off by ${
      percent(off[off.length >> 1]!)
    } in the median, ` +
    `${percent(off.at(-1)!)} at most.`;
}

function forecastTable(loads: Loads, fitted: Fitted): string {
  const rows = NETWORKS.flatMap((network) =>
    WIRES.flatMap((wire) =>
      RANKS.map((ranks) => {
        const load = loads.get(network)!;
        const cells = GIGABITS.map((gigabits) => {
          const seconds = stepSeconds(load, ranks, wire, bandwidthOf(gigabits), fitted);
          return `${ms(seconds)} ms, ${percent(load.compute / seconds)}`;
        });
        const sent = `${(wireBytes(load, ranks, wire) / 1e6).toFixed(1)} MB`;
        return [network, wire, `${ranks}`, sent, ...cells];
      })
    )
  );
  const heads = GIGABITS.map((gigabits) => `${gigabits} Gb/s`);
  const computes = NETWORKS.map((network) => {
    const { images, compute } = loads.get(network)!;
    return `${network} ${images} images in ${ms(compute)} ms`;
  });
  return `A rank is a host that computes as this one: ${
    computes.join(", ")
  }; its slowest rank of 512 ` +
    `takes ${percent(fitted.spread * slowest(512))} longer than the mean.\n\n` +
    table([["network", "wire", "ranks", "sent a step", ...heads], ...rows]);
}

function plot(loads: Loads, fitted: Fitted): string {
  const ranks = Array.from({ length: 10 }, (_, i) => 2 ** i);
  const marks: PlotMark[] = NETWORKS.flatMap((network, n) =>
    WIRES.flatMap((wire) =>
      GIGABITS.map((gigabits, g) => {
        const load = loads.get(network)!;
        const points = ranks.map((count) => {
          const seconds = stepSeconds(load, count, wire, bandwidthOf(gigabits), fitted);
          return [count, load.compute / seconds] as const;
        });
        return { classes: `line n${n} g${g}${wire === "f32" ? "" : " dash"}`, points };
      })
    )
  );
  const drawn = plotOf({
    title: "Forecast of the efficiency of distributed steps, by number of ranks",
    width: 720,
    height: 360,
    x: logarithmic(1, 512),
    y: linear(0, 1),
    xLabel: "ranks",
    yNote: "share of a step that computes; dashed: 8 bits on the wire",
    format: percent,
    marks,
  });
  const legend = NETWORKS.flatMap((network, n) =>
    GIGABITS.map((gigabits, g) =>
      `<g transform="translate(${60 + 220 * g} ${378 + 18 * n})"><path class="line n${n} g${g}" ` +
      `d="M0 0H28"/><text x="34" dy=".32em">${network}, ${gigabits} Gb/s</text></g>`
    )
  );
  const style = "svg{background:#fff}text{fill:#555;font:11.5px system-ui,sans-serif}" +
    ".grid,.frame{stroke:#ddd;fill:none}.line{fill:none;stroke-width:1.8}.dash{stroke-dasharray:5 4}" +
    ".n0{stroke:#2a78d6}.n1{stroke:#d6602a}.g0{stroke-opacity:.4}.g1{stroke-opacity:.7}";
  return drawn
    .replace(/viewBox="0 0 720 360"/, 'viewBox="0 0 720 412" width="720" height="412"')
    .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace(/>/, `><style>${style}</style>`)
    .replace("</svg>", `${legend.join("")}</svg>`) + "\n";
}
