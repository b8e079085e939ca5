/**
 * `deno task compile [TARGET…]`: compiles qtrain to an executable for each system, in dist/. Needs the
 * network: Deno downloads its runtime for every target.
 *
 * @module
 */

/** Deno's names of the systems to compile for. */
const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

/** The permissions of qtrain: the same as in the tasks of deno.json and in docs/reliability.md. */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-env=QTRAIN_DATA,QTRAIN_TERMS,QTRAIN_CACHE,QTRAIN_NO_TUNE,QTRAIN_NO_SELF_TEST," +
  "QTRAIN_WATCHDOG,HOME,XDG_CACHE_HOME,LOCALAPPDATA,DENO_WEBGPU_BACKEND,XDG_RUNTIME_DIR",
];

/** What the live view needs beside them, in the task `live` and in binaries: to listen on loopback. */
export const LISTENS = "--allow-net=127.0.0.1";

/** What --mpi needs beside them, in the task `mpi` and in binaries: to call a library, and its launcher's words. */
export const CALLS_MPI: readonly string[] = [
  "--allow-ffi",
  "--allow-env=QTRAIN_MPI,OMPI_COMM_WORLD_SIZE,PMI_SIZE,SLURM_STEP_NUM_TASKS",
];

/** Entry modules of workers. No module imports them, so they are embedded by name. */
export const WORKERS: readonly string[] = [
  "lib/data/workers/worker.ts",
  "lib/runtime/cpu/leader.ts",
  "lib/runtime/cpu/follower.ts",
  "lib/bench/peak_worker.ts",
  "lib/view/watch/worker.ts",
  "lib/distributed/mpi/mpi_thread.ts",
];

/** Compiled SIMD loops: `deno compile` does not embed what `import source` names. */
const SIMD_MODULES: readonly string[] = [
  "kernels/simd.wasm",
  "kernels/simd_one_thread.wasm",
  "lib/bench/peak_rates.wasm",
  "lib/export/compute/convolve.wasm",
];

/** The arguments of deno to compile for a target. */
export function compileArguments(target: string, output = `dist/qtrain-${target}`): string[] {
  const file = target.includes("windows") ? `${output}.exe` : output;
  const include = [...WORKERS, ...SIMD_MODULES].flatMap((module) => ["--include", module]);
  const options = [
    ...PERMISSIONS,
    LISTENS,
    ...CALLS_MPI,
    ...include,
    "--target",
    target,
    "--output",
    file,
  ];
  return ["compile", ...options, "cli/main.ts"];
}

if (import.meta.main) {
  const unknown = Deno.args.filter((target) => !TARGETS.includes(target));
  if (unknown.length > 0) {
    console.error(`expected targets among ${TARGETS.join(", ")}, got ${unknown.join(", ")}`);
    Deno.exit(2);
  }
  for (const target of Deno.args.length > 0 ? Deno.args : TARGETS) {
    const args = compileArguments(target);
    const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
    if (code !== 0) Deno.exit(code);
  }
  // A binary contains code of others, whose notices must go with it.
  for (const file of ["LICENSE", "NOTICE"]) await Deno.copyFile(file, `dist/${file}`);
}
