/**
 * What a step costs on several ranks: on two cores of this machine, and over links between two hosts; a
 * model of the step fitted to that, and its forecast for larger clusters, as tables and as a plot.
 *
 *     deno task bench:ranks                    all of it, as root, with Open MPI: ten minutes
 *     deno task bench:ranks --forecast FILE    the tables and the plot of an earlier measurement
 *
 * @module
 */
import { parseArgs } from "node:util";
import { forecast } from "./forecast.ts";
import { LINKS, measureHere, measureOver } from "./two_hosts.ts";
import type { RankOptions, RankTimes } from "./times.ts";
import { loadsOf } from "./loads.ts";

/** Turns of one rank and two on this host, one after another. */
const TURNS = 5;
const PLOT = new URL("../../docs/images/distributed_forecast.svg", import.meta.url);

/** A measurement of two ranks over a link. */
export interface LinkRow {
  readonly link: string;
  readonly network: RankOptions["network"];
  readonly wire: RankOptions["wire"];
  readonly times: RankTimes;
  readonly bytesSent: number;
}

/** All that was measured. */
export interface Measurement {
  /** Median milliseconds of a step on this host: one rank, and two with half the images each. */
  readonly here: readonly {
    readonly network: string;
    readonly one: number;
    readonly two: number;
    /** Standard deviation of the turns' steps as a share of their mean. */
    readonly spread: number;
  }[];
  readonly links: readonly LinkRow[];
  readonly engine: string;
}

const NETWORKS = ["cnn", "resnet8"] as const;
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;

/** The slower rank's times, and the shorter wait: what both take together. */
function slower(ranks: readonly RankTimes[]): RankTimes {
  const most = (of: (times: RankTimes) => number) => Math.max(...ranks.map(of));
  return {
    step: most((r) => r.step),
    compute: most((r) => r.compute),
    exchange: most((r) => r.exchange),
    gather: most((r) => r.gather),
  };
}

async function measureAll(): Promise<Measurement> {
  const here: Measurement["here"][number][] = [], links: LinkRow[] = [];
  let engine = "";
  for (const network of NETWORKS) {
    const options = { network, images: 32, batch: 64, wire: "f32", steps: 3 } as const;
    const one: number[] = [], two: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      one.push(slower((await measureHere(1, options)).ranks).step);
      const both = await measureHere(2, options);
      engine = both.engine;
      two.push(slower(both.ranks).step);
    }
    const mean = two.reduce((a, b) => a + b) / TURNS;
    const spread = Math.sqrt(two.reduce((sum, t) => sum + (t - mean) ** 2, 0) / TURNS) / mean;
    here.push({ network, one: median(one), two: median(two), spread });
    console.error(
      `${network}: one rank ${median(one).toFixed(1)} ms, two ${median(two).toFixed(1)}`,
    );
    for (const link of LINKS) {
      for (const wire of ["f32", "int8"] as const) {
        const { ranks, bytesSent } = await measureOver(link, { ...options, wire });
        links.push({ link: link.name, network, wire, times: slower(ranks), bytesSent });
        console.error(JSON.stringify(links.at(-1)));
      }
    }
  }
  return { here, links, engine };
}

const { values } = parseArgs({
  options: { forecast: { type: "string" }, out: { type: "string" } },
});
const measured: Measurement = values.forecast
  ? JSON.parse(await Deno.readTextFile(values.forecast))
  : await measureAll();
if (values.out) await Deno.writeTextFile(values.out, JSON.stringify(measured, undefined, 1));
const { text, svg } = forecast(measured, await loadsOf());
await Deno.mkdir(new URL(".", PLOT), { recursive: true });
await Deno.writeTextFile(PLOT, svg);
console.log(text);
