/**
 * Fits the model of a step to what was measured.
 *
 * @module
 */
import type { Measurement } from "./measurement.ts";
import {
  exchangeSeconds,
  type Fitted,
  fitTwo,
  type LinkSpeed,
  stepSeconds,
  wireBytes,
} from "./step_model.ts";
import { LINKS } from "./two_hosts.ts";

/** What is measured of a link's speed by its shape; of the unshaped one, only the software limits it. */
function speedOf(name: string): LinkSpeed {
  const { bandwidth = Infinity, delay = 0 } = LINKS.find((link) => link.name === name)!;
  return { bandwidth, delay: delay / 1000 };
}

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;

/** Slope of y ≈ a · x by least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((sum, [x, y]) => sum + of(x, y), 0);
  return sum((x, y) => x * y) / Math.max(Number.MIN_VALUE, sum((x) => x * x));
}

/** Seconds of a step's bytes on the wire from which what is hidden counts: less is the software's. */
const MIN_WIRE = 0.005;

/** The share of exchanges that is hidden, of all links that are slow enough to show it. */
function hiddenShare(links: Measurement["links"], loads: Measurement["loads"]): number {
  let hidden = 0, exchange = 0;
  for (const { link, network, wire, times } of links) {
    if (wireBytes(loads[network]!, 2, wire) / speedOf(link).bandwidth < MIN_WIRE) continue;
    hidden += times.hidden;
    exchange += times.exchange;
  }
  return exchange > 0 ? Math.min(1, Math.max(0, hidden / exchange)) : 0;
}

/** The model's constants. */
export function fit({ raw, atOnce, links, loads }: Measurement): Fitted {
  const free = raw.filter(({ link }) => link === "unshaped");
  // An all-to-all and an all-gather: two exchanges of one part each.
  const [latency, perByte] = fitTwo(free.map(({ part, ms }) => [2, 2 * part, ms / 1000]));
  // A further rank is one more message each way, which costs no more than one more small exchange.
  const one = atOnce[0]!;
  const perPeer = slope(
    atOnce.map(({ exchanges, ms }) => [exchanges - one.exchanges, (ms - one.ms) / 1000]),
  );
  const base: Fitted = {
    latency,
    perPeer: Math.max(0, perPeer),
    waits: 0,
    software: perByte > 0 ? 1 / perByte : Infinity,
    hidden: hiddenShare(links, loads),
    spread: median(links.map(({ times }) => times.spread)),
  };
  const far = links.filter(({ link }) => speedOf(link).delay > 0);
  const waits = slope(far.map(({ link, network, wire, times }) => {
    const speed = speedOf(link), near = exchangeSeconds(loads[network]!, 2, wire, speed, base);
    return [speed.delay, times.exchange / 1000 - near];
  }));
  return { ...base, waits: Math.max(0, waits) };
}

/** By how much the model's steps are off, as shares of those measured. */
export function residuals({ links, loads }: Measurement, fitted: Fitted): number[] {
  return links.map(({ link, network, wire, times }) => {
    const load = { ...loads[network]!, compute: times.compute / 1000 };
    return stepSeconds(load, 2, wire, speedOf(link), fitted) / (times.step / 1000) - 1;
  });
}
