/**
 * Which MPI library to load: the one that QTRAIN_MPI names, that of the launcher, or what is installed.
 *
 * @module
 */

/** What the launcher of this process says in its environment. */
export interface Launcher {
  /** Number of processes that it started; absent if there is no launcher. */
  readonly size: number | undefined;
  /** Paths or names of libraries to try, in this order. */
  readonly libraries: readonly string[];
}

/** Variables that say how many processes a launcher started: Open MPI's, MPICH's and its kin's, Slurm's. */
const SIZES = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] as const;

/** Variables of the environment that {@linkcode launcherOf} reads. */
export const VARIABLES = ["QTRAIN_MPI", ...SIZES] as const;

const OPEN_MPI = ["libmpi.so.40", "libmpi.40.dylib"];
const MPICH = ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpich.12.dylib"];
const STANDARD = ["libmpi_abi.so.0", "libmpi_abi.0.dylib"];
const ANY = ["libmpi.so", "libmpi.dylib"];

/** Folders of macOS's package managers, where its loader does not look by itself. */
const MAC_FOLDERS = ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib"];

/**
 * Reads the launcher's variables.
 *
 * @param get reads a variable of the environment
 */
export function launcherOf(
  get: (name: string) => string | undefined,
  system: string = Deno.build.os,
): Launcher {
  const sizes = SIZES.map((name) => Number(get(name) || NaN)), named = get("QTRAIN_MPI");
  const size = sizes.find((size) => Number.isInteger(size) && size > 0);
  if (named) return { size, libraries: [named] };
  const [openMpi, pmi] = sizes;
  const all = pmi! > 0 && !(openMpi! > 0)
    ? [...MPICH, ...STANDARD, ...ANY, ...OPEN_MPI]
    : [...OPEN_MPI, ...MPICH, ...STANDARD, ...ANY];
  const mac = system === "darwin";
  const names = all.filter((name) => name.endsWith(".dylib") === mac);
  return {
    size,
    libraries: mac
      ? names.flatMap((name) => [name, ...MAC_FOLDERS.map((folder) => `${folder}/${name}`)])
      : names,
  };
}
