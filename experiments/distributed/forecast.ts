/**
 * Tables and a plot of what was measured, and of what the model of a step says of larger clusters.
 *
 * @module
 */
import { linear, logarithmic } from "../../lib/view/plot/axis.ts";
import { type PlotMark, svg as plotOf } from "../../lib/view/plot/line_plot.ts";
import { fit, residuals } from "./fit.ts";
import type { Measurement } from "./measurement.ts";
import { type Fitted, slowest, stepSeconds, wireBytes } from "./step_model.ts";

const RANKS = [8, 64, 512], GIGABITS = [1, 10, 100], WIRES = ["f32", "int8"] as const;
const NETWORKS = ["resnet18", "mobilenet-v2"];
/** A link in a cluster: of this bandwidth, with the delay of one on this host. */
const linkOf = (gigabits: number) => ({ bandwidth: gigabits * 1e9 / 8, delay: 0 });
const ms = (seconds: number) => (1000 * seconds).toFixed(seconds < 0.1 ? 2 : 0);
const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;

/** Tables in Markdown, and the plot. */
export function forecast(measured: Measurement): { readonly text: string; readonly svg: string } {
  const fitted = fit(measured), { processor, engine } = measured;
  const text = [
    `${processor}, ${engine}.`,
    hereTable(measured),
    rawTable(measured),
    linkTable(measured),
    fitText(measured, fitted),
    forecastTable(measured, fitted),
  ].join("\n\n");
  return { text, svg: plot(measured, fitted) };
}

function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows as [string[], ...string[][]];
  return [head, head.map(() => "---"), ...body].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function hereTable({ here }: Measurement): string {
  const spread = (list: readonly number[]) =>
    `${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)}–${Math.max(...list).toFixed(2)})`;
  return table([
    [
      ...["64 images", "one rank", "two ranks", "times as fast", "computing alone"],
      ...["one rank, two threads", "times as fast"],
    ],
    ...here.map(({ network, one, two, threads, ratios, computeRatios, threadRatios }) => [
      network,
      `${one.toFixed(1)} ms`,
      `${two.toFixed(1)} ms`,
      spread(ratios),
      spread(computeRatios),
      `${threads.toFixed(1)} ms`,
      spread(threadRatios),
    ]),
  ]);
}

function rawTable({ raw }: Measurement): string {
  const parts = [...new Set(raw.map(({ part }) => part))];
  return table([
    ["link", ...parts.map((part) => `${part / 1024} KiB`)],
    ...[...new Set(raw.map(({ link }) => link))].map((name) => [
      name,
      ...raw.filter(({ link }) => link === name).map(({ part, ms }) =>
        `${ms.toFixed(1)} ms, ${(2 * part / ms / 1000).toFixed(1)} MB/s`
      ),
    ]),
  ]);
}

function linkTable({ links }: Measurement): string {
  return table([
    ["network", "link", "wire", "computing", "step", "exchange late", "hidden", "sent a step"],
    ...links.map(({ network, link, wire, times }) => [
      network,
      link,
      wire,
      `${times.compute.toFixed(1)} ms`,
      `${times.step.toFixed(1)} ms`,
      `${times.late.toFixed(1)} ms`,
      `${times.hidden.toFixed(1)} of ${times.exchange.toFixed(1)} ms`,
      `${(times.sent / 1000).toFixed(0)} kB`,
    ]),
  ]);
}

function fitText(measured: Measurement, fitted: Fitted): string {
  const { latency, perPeer, waits, software, hidden, spread } = fitted;
  const off = residuals(measured, fitted).map(Math.abs);
  const most = Number.isFinite(software) ? `${(software / 1e6).toFixed(0)} MB/s` : "no limit";
  return `Fitted: ${ms(latency)} ms an exchange, ${ms(perPeer)} ms more for each further rank, ` +
    `${most} in software, ${waits.toFixed(1)} waits for a link's delay, ${
      percent(hidden)
    } hidden, ` +
    `a spread of ${percent(spread)}. The model's steps are off by ${percent(median(off))} in the ` +
    `median, ${percent(Math.max(...off))} at most.`;
}

function forecastTable({ loads }: Measurement, fitted: Fitted): string {
  const rows = NETWORKS.flatMap((network) =>
    WIRES.flatMap((wire) =>
      RANKS.map((ranks) => {
        const load = loads[network]!;
        const cells = GIGABITS.map((gigabits) => {
          const seconds = stepSeconds(load, ranks, wire, linkOf(gigabits), fitted);
          return `${ms(seconds)} ms, ${percent(load.compute / seconds)}`;
        });
        const sent = `${(wireBytes(load, ranks, wire) / 1e6).toFixed(1)} MB`;
        return [network, wire, `${ranks}`, sent, ...cells];
      })
    )
  );
  const computes = NETWORKS.map((network) => {
    const { images, compute, exchanges } = loads[network]!;
    return `${network} ${images} images in ${ms(compute)} ms, ${exchanges} exchanges`;
  });
  return `${computes.join("; ")}. The slowest rank of 512 takes ` +
    `${percent(fitted.spread * slowest(512))} longer than the mean.\n\n` +
    table([
      ["network", "wire", "ranks", "sent a step", ...GIGABITS.map((rate) => `${rate} Gb/s`)],
      ...rows,
    ]);
}

function plot({ loads }: Measurement, fitted: Fitted): string {
  const ranks = Array.from({ length: 10 }, (_, i) => 2 ** i);
  const marks: PlotMark[] = NETWORKS.flatMap((network, n) =>
    WIRES.flatMap((wire) =>
      GIGABITS.map((gigabits, g) => {
        const load = loads[network]!;
        const points = ranks.map((count) => {
          const seconds = stepSeconds(load, count, wire, linkOf(gigabits), fitted);
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
    y: linear(0, 1.1), // Room for the note above the lines.
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
    .replace(/<\/svg>\s*$/, `${legend.join("")}</svg>`) + "\n";
}
