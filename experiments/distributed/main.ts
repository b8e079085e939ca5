/**
 * What a step costs on several ranks: on the cores of this machine, and over links between two hosts; a
 * model of the step fitted to that, and its forecast for larger clusters, as tables and as a plot.
 *
 *     deno task bench:ranks                    all of it, as root, with Open MPI: seven minutes
 *     deno task bench:ranks --out FILE         keeps what was measured
 *     deno task bench:ranks --forecast FILE    the tables and the plot of an earlier measurement
 *
 * @module
 */
import { parseArgs } from "node:util";
import { forecast } from "./forecast.ts";
import { measureLoads } from "./loads.ts";
import type { HereRow, LinkRow, Measurement } from "./measurement.ts";
import type { RankOptions, RankTimes } from "./times.ts";
import { LINKS, measureHere, measureOver } from "./two_hosts.ts";

/** Turns of one rank and two on this host, one after another. */
const TURNS = 5;
/** Bytes of the parts in exchanges of the engine alone. */
const PARTS = [1024, 65536, 1048576];
/** Numbers of small exchanges at once. */
const AT_ONCE = [1, 16, 64];
const PLOT = new URL("../../docs/images/distributed_forecast.svg", import.meta.url);

const NETWORKS = ["cnn", "resnet8"] as const, WIRES = ["f32", "int8"] as const;
const OPTIONS: RankOptions = {
  ...{ cases: [], parts: [], atOnce: [] },
  ...{ threads: 1, images: 32, batch: 64, steps: 15 },
};
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;

function mean(ranks: readonly RankTimes[]): RankTimes {
  const keys = Object.keys(ranks[0]!) as (keyof RankTimes)[];
  const entries = keys.map((
    key,
  ) => [key, ranks.reduce((sum, r) => sum + r[key], 0) / ranks.length]);
  return Object.fromEntries(entries) as RankTimes;
}

async function timeHere(): Promise<HereRow[]> {
  const options = { ...OPTIONS, cases: NETWORKS.map((network) => ({ network, wire: "f32" })) };
  const times = async (ranks: number, threads: number) =>
    (await measureHere(ranks, { ...options, threads } as RankOptions)).cases.map(mean);
  const one: RankTimes[][] = [], two: RankTimes[][] = [], threads: RankTimes[][] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    one.push(await times(1, 1));
    two.push(await times(2, 1));
    threads.push(await times(1, 2));
    console.error(`here, turn ${turn + 1} of ${TURNS}`);
  }
  return NETWORKS.map((network, i) => {
    const ratios = (to: readonly RankTimes[][], of: "step" | "compute") =>
      one.map((row, at) => row[i]![of] / to[at]![i]![of]);
    return {
      network,
      one: median(one.map((row) => row[i]!.step)),
      two: median(two.map((row) => row[i]!.step)),
      threads: median(threads.map((row) => row[i]!.step)),
      ratios: ratios(two, "step"),
      computeRatios: ratios(two, "compute"),
      threadRatios: ratios(threads, "step"),
    };
  });
}

async function timeLinks(): Promise<Pick<Measurement, "raw" | "links">> {
  const raw: Measurement["raw"][number][] = [], links: LinkRow[] = [];
  const cases = NETWORKS.flatMap((network) => WIRES.map((wire) => ({ network, wire })));
  for (const { name, ...speed } of LINKS) {
    const measured = await measureOver({ name, ...speed }, { ...OPTIONS, cases, parts: PARTS });
    raw.push(...measured.engineTimes.map((time) => ({ ...time, link: name })));
    links.push(
      ...cases.map((one, i) => ({ link: name, ...one, times: mean(measured.cases[i]!) })),
    );
    console.error(`${name} is measured`);
  }
  return { raw, links };
}

async function measureAll(): Promise<Measurement> {
  const { engine } = await measureHere(1, OPTIONS);
  const info = await Deno.readTextFile("/proc/cpuinfo");
  return {
    processor: /^model name\s*:\s*(.+)$/m.exec(info)?.[1] ?? "unknown",
    engine,
    here: await timeHere(),
    ...await timeLinks(),
    atOnce: (await measureHere(2, { ...OPTIONS, atOnce: AT_ONCE })).atOnceTimes,
    loads: await measureLoads(),
  };
}

const { values } = parseArgs({
  options: { forecast: { type: "string" }, out: { type: "string" } },
});
const measured: Measurement = values.forecast
  ? JSON.parse(await Deno.readTextFile(values.forecast))
  : await measureAll();
if (values.out) await Deno.writeTextFile(values.out, JSON.stringify(measured, undefined, 1));
const { text, svg } = forecast(measured);
await Deno.mkdir(new URL(".", PLOT), { recursive: true });
await Deno.writeTextFile(PLOT, svg);
console.log(text);
