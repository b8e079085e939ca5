/**
 * Runs what reads a damaged file, and judges how that ended.
 *
 * @module
 */
import process from "node:process";
import { QtrainError } from "../../lib/core/errors.ts";

/** What came of many damaged files. */
export interface Verdicts {
  /** Files that were tried. */
  tried: number;
  /** Of these, those that were good enough all the same. */
  accepted: number;
  /** Of these, those that were refused as they should be. */
  refused: number;
  /** Those that were not, one line each. */
  readonly wrong: string[];
  /** Milliseconds of a processor that the slowest took, and which it was. */
  slowest: number;
  slowestName: string;
  /** Bytes that resident memory grew by at most, over what it was at the start. */
  growth: number;
}

/**
 * Tries `count` damaged files, one after the other in this process.
 *
 * @param work of one: the name of what it tried, and the trial
 * @param place what a message must say of where it went wrong
 */
export async function tryAll(
  count: number,
  work: (index: number) => Promise<{ name: string; run: () => unknown }>,
  place: RegExp,
): Promise<Verdicts> {
  const found: Verdicts = {
    tried: 0,
    accepted: 0,
    refused: 0,
    wrong: [],
    slowest: 0,
    slowestName: "",
    growth: 0,
  };
  const before = resident();
  for (let index = 0; index < count; index++) {
    const { name, run } = await work(index), began = processorTime();
    found.tried++;
    try {
      await run();
      found.accepted++;
    } catch (error) {
      const fault = faultOf(error, place);
      if (fault) found.wrong.push(`${name}: ${fault}`);
      else found.refused++;
    }
    const took = processorTime() - began;
    if (took > found.slowest) [found.slowest, found.slowestName] = [took, name];
    found.growth = Math.max(found.growth, resident() - before);
  }
  return found;
}

/** What is wrong with an error, where a person should not meet it. */
function faultOf(error: unknown, place: RegExp): string | undefined {
  if (!(error instanceof QtrainError)) {
    return `not one of ours: ${error instanceof Error ? error.stack : error}`;
  }
  if (error.exitCode !== 2) return `exit code ${error.exitCode}: ${error.message}`;
  if (!place.test(error.message)) return `no place: ${error.message}`;
  if (error.message.length > 8000) return `too long: ${error.message.length}`;
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(error.message)) {
    return `control characters: ${JSON.stringify(error.message.slice(0, 300))}`;
  }
  return undefined;
}

/** Milliseconds that this process computed: others on the machine do not count. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The most memory that this process had resident, in bytes. */
function resident(): number {
  return process.resourceUsage().maxRSS * 1024;
}
