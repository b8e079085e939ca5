/**
 * Trainings on ranks that a launcher of MPI starts.
 *
 * @module
 */
import { CALLS_MPI, PERMISSIONS } from "../../cli/compile.ts";
import { ROOT } from "./command.ts";

/** The launchers that are installed. */
export const LAUNCHERS = [
  { name: "mpirun.openmpi", options: ["--oversubscribe"] },
  { name: "mpirun.mpich", options: [] },
].filter(({ name }) => isInstalled(name));

function isInstalled(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** A training as ranks that a launcher starts; without a launcher, as one. */
export function ranksCommand(
  ranks: number,
  args: readonly string[],
  { cwd, launcher, env = {} }: {
    readonly cwd: string;
    readonly launcher?: (typeof LAUNCHERS)[number] | undefined;
    readonly env?: Record<string, string>;
  },
): Deno.Command {
  const program = [
    Deno.execPath(),
    "run",
    "--no-check",
    ...PERMISSIONS,
    ...CALLS_MPI,
    `${ROOT}cli/main.ts`,
  ];
  const launch = launcher ? [launcher.name, ...launcher.options, "-n", `${ranks}`] : [];
  const [name, ...rest] = [...launch, ...program, ...args, "--mpi", "--device", "cpu"];
  return new Deno.Command(name!, {
    args: rest,
    cwd,
    env: {
      NO_COLOR: "1",
      QTRAIN_DATA: "",
      QTRAIN_NO_TUNE: "1",
      QTRAIN_NO_SELF_TEST: "1",
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** A hash of a run's last checkpoint. */
export async function newestDigest(run: string): Promise<string> {
  const names = await Array.fromAsync(Deno.readDir(`${run}/checkpoints`), ({ name }) => name);
  const bytes = await Deno.readFile(`${run}/checkpoints/${names.toSorted().at(-1)}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A process. */
interface Process {
  readonly pid: number;
  /** Its command line, with spaces. */
  readonly line: string;
}

/** All processes that a process has started, and these; on Linux. */
export function descendantsOf(pid: number): Process[] {
  const parents = new Map<number, number>(), lines = new Map<number, string>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const own = Number(name);
    if (!Number.isInteger(own)) continue;
    try {
      // The name in brackets may contain anything.
      const [, parent] = Deno.readTextFileSync(`/proc/${own}/stat`).split(") ").at(-1)!.split(" ");
      parents.set(own, Number(parent));
      lines.set(own, Deno.readTextFileSync(`/proc/${own}/cmdline`).replaceAll("\0", " "));
    } catch {
      // It has just ended.
    }
  }
  const isBelow = (own: number): boolean => {
    const parent = parents.get(own);
    return parent !== undefined && (parent === pid || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).map((own) => ({
    pid: own,
    line: lines.get(own) ?? "",
  }));
}
