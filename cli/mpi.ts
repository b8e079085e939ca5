/**
 * `qtrain recipe.yaml --mpi`: this process as one of the ranks that mpirun or srun has started.
 *
 * @module
 */
import { UsageError } from "../lib/core/errors.ts";
import { RankError, type Ranks } from "../lib/distributed/ranks.ts";
import type { Option } from "./command.ts";
import { failureOf, report } from "./failure.ts";
import { givenArguments, PROGRAM } from "./print.ts";

/** Trains with other processes. */
export const MPI = {
  type: "boolean",
  usage: "--mpi",
  help: "train together with the other processes that mpirun or srun has started",
} as const satisfies Option;

/** The ranks that train together, and what rank 0 says of them. */
export interface RankGroup {
  readonly ranks: Ranks;
  /** Whether this rank prints and has the run's folder. */
  readonly speaks: boolean;
  /** How many there are, on how many hosts, by which engine. */
  readonly summary: string;
  /** What is to be said of how they were started. */
  readonly note: string | undefined;
  /** How to start as many again: `mpirun -n 4 qtrain`. */
  readonly program: string;
}

/** The command that may call MPI's library. */
const MPI_PROGRAM = PROGRAM === "deno task qtrain"
  ? "deno task mpi"
  : PROGRAM.replace("deno run -RWE", "deno run -RWE --allow-ffi");

/**
 * Does the work of this process: alone, or with `mpi` as one of several ranks. Then an error of any ends
 * all with its message, which rank 0 prints, and its exit code.
 *
 * @returns the exit code
 * @throws UsageError, DeviceError when MPI cannot be used
 */
export async function onRank(
  mpi: boolean | undefined,
  work: (group: RankGroup | undefined) => Promise<number>,
): Promise<number> {
  if (!mpi) return await work(undefined);
  // Imported only here, as it calls foreign functions.
  const [{ openMpi }, { VARIABLES }] = await Promise.all([
    import("../lib/distributed/mpi/mpi_ranks.ts"),
    import("../lib/distributed/mpi/library.ts"),
  ]);
  await needsPermissions(VARIABLES);
  const ranks = await openMpi();
  let code: number;
  try {
    code = await work(await groupOf(ranks));
  } catch (error) {
    const failure = failureOf(error);
    code = failure.code;
    if (!(error instanceof RankError)) await ranks.fail(failure);
    if (ranks.rank === 0) report(error);
  }
  // After an error this may end the process.
  await ranks.close();
  return code;
}

async function groupOf(ranks: Ranks): Promise<RankGroup> {
  const { rank, size, onHost, engine } = ranks;
  const alike = await ranks.gather(new Uint8Array(Uint32Array.of(onHost).buffer));
  const hosts = Math.round(
    alike.reduce((sum, bytes) => sum + 1 / new Uint32Array(bytes.buffer)[0]!, 0),
  );
  const where = hosts === 1 ? "one host" : `${hosts} hosts`;
  return {
    ranks,
    speaks: rank === 0,
    summary: `${size} on ${where}, ${engine}`,
    note: size === 1
      ? `--mpi: trains alone, as one rank; ${MPI_PROGRAM} … --mpi behind mpirun -n K starts K ranks`
      : undefined,
    program: size === 1 ? MPI_PROGRAM : `mpirun -n ${size} ${MPI_PROGRAM}`,
  };
}

/** @throws UsageError without the permissions to call a library and to see what the launcher says */
async function needsPermissions(variables: readonly string[]): Promise<void> {
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "ffi" },
    ...variables.map((variable) => ({ name: "env" as const, variable })),
  ];
  for (const permission of wanted) {
    const { state } = await Deno.permissions.query(permission);
    if (state === "granted") continue;
    const lacks = permission.name === "ffi"
      ? "to call MPI's library (--allow-ffi)"
      : `to see ${variables.join(", ")} (--allow-env)`;
    throw new UsageError(
      `--mpi: Deno has no permission ${lacks}. Run mpirun -n K ${MPI_PROGRAM} ` +
        givenArguments(),
    );
  }
}
