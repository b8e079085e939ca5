/**
 * What must be equal on all ranks of a training: found out before the first step, and at each checkpoint.
 *
 * @module
 */
import { DataError, DeviceError, UsageError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import type { Dataset } from "../data/dataset.ts";
import { dataDigest, describeDifference } from "../data/digest.ts";
import { parseRecipe } from "../recipe/load.ts";
import type { NetworkState } from "./network/types.ts";
import { differing } from "./run_folder/resume_check.ts";
import type { Team } from "./team.ts";

/** Fields that may be each host's own: where its files are, whose contents are compared, and its threads. */
const OF_A_HOST: ReadonlySet<string> = new Set(["name", "data.root", "data.workers", "init"]);

/**
 * Checks that all ranks have the same qtrain and the same recipe, and that all resume or none.
 *
 * @throws UsageError with what differs
 */
export async function expectSameRecipe(
  team: Team,
  recipeText: string,
  resume: boolean,
  estimators: readonly string[],
): Promise<void> {
  const all = await team.all({ version: VERSION, recipeText, resume }), [first] = all;
  for (const [rank, { version, recipeText: text, resume }] of all.entries()) {
    if (version !== first!.version) {
      throw new UsageError(
        `qtrain: rank ${rank} has version ${version}, rank 0 has ${
          first!.version
        }. Use one version ` +
          "on all hosts",
      );
    }
    if (resume !== first!.resume) {
      const [does, not] = resume ? [rank, 0] : [0, rank];
      throw new UsageError(
        `qtrain: rank ${does} is to resume a run, rank ${not} to begin one. Give all ranks --resume, ` +
          "or none",
      );
    }
    if (text === first!.recipeText) continue;
    const [ours, theirs] = [first!.recipeText, text].map((text) =>
      parseRecipe(text, "the recipe", [], estimators)
    );
    const found = differing(ours, theirs).find(({ path }) => !OF_A_HOST.has(path));
    if (!found) continue;
    const { path, was, now } = found;
    throw new UsageError(
      `recipe: ${path} is ${JSON.stringify(was)} on rank 0, ${
        JSON.stringify(now)
      } on rank ${rank}. ` +
        "Give all ranks the same recipe and the same key=value settings",
    );
  }
}

/** Checks that all ranks have the same data, wherever it is. @throws DataError with what differs */
export async function expectSameData(team: Team, data: Dataset): Promise<void> {
  if (!team.ranks) return;
  const all = await team.all(await dataDigest(data));
  for (const [rank, digest] of all.entries()) {
    const difference = describeDifference(all[0]!, digest, rank);
    if (difference !== undefined) throw new DataError(difference);
  }
}

/** Checks that all ranks compute on devices that give the same bits. @throws DeviceError when not */
export async function expectSameDevice(
  team: Team,
  device: { readonly kind: "cpu" | "gpu"; readonly name: string },
): Promise<void> {
  // Any processor gives the same bits, with any number of threads; a GPU those of its kind.
  const own = device.kind === "cpu" ? "the CPU" : `a GPU, ${device.name}`;
  const all = await team.all(own), rank = all.findIndex((other) => other !== all[0]);
  if (rank < 0) return;
  throw new DeviceError(
    `devices differ: rank 0 trains on ${all[0]}, rank ${rank} on ${all[rank]}, and their results ` +
      "may differ in the last digits. Use --device cpu on all, or GPUs of one kind",
  );
}

/** Checks that all ranks hold the same weights and ranges. @throws DeviceError when not */
export async function expectSameState(team: Team, state: NetworkState): Promise<void> {
  if (!team.ranks) return;
  const own = { weights: hashOf(weightsOf(state)), ranges: hashOf(rangesOf(state)) };
  const [first, ...others] = await team.all(own);
  for (const what of ["weights", "ranges"] as const) {
    const rank = 1 + others.findIndex((other) => other[what] !== first![what]);
    if (rank === 0) continue;
    throw new DeviceError(
      `the ${what} of rank ${rank} are not those of rank 0, as they must be: ` +
        "a host computes or remembers wrongly, or the ranks began from different files (init). The " +
        "checkpoint before is intact; qtrain doctor tests a host's kernels",
    );
  }
}

function weightsOf({ parameters, running, optimizer, averages }: NetworkState): Float32Array[] {
  return [...parameters, ...running, ...[...optimizer.values()].flat(), ...averages]
    .map(({ data }) => data);
}

function rangesOf({ ranges, memories }: NetworkState): Float32Array[] {
  const names = [...ranges.keys()].sort(), more = [...memories.keys()].sort();
  return [
    Float32Array.from(names.flatMap((name) => [ranges.get(name)!.low, ranges.get(name)!.high])),
    ...more.map((name) => memories.get(name)!),
  ];
}

/** A hash of the bits of values: FNV-1a over their words. */
function hashOf(all: readonly Float32Array[]): number {
  let hash = 0x811c9dc5;
  for (const { buffer, byteOffset, length } of all) {
    for (const word of new Uint32Array(buffer, byteOffset, length)) {
      hash = Math.imul(hash ^ word, 0x01000193);
    }
  }
  return hash >>> 0;
}
