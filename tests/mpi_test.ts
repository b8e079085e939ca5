import "./support/isolate.ts";
import assert from "node:assert/strict";
import { DeviceError } from "../lib/core/errors.ts";
import { abiOf, ABIS } from "../lib/distributed/mpi/bindings.ts";
import { launcherOf } from "../lib/distributed/mpi/library.ts";
import { localRanks } from "../lib/distributed/local_ranks.ts";
import { openMpi } from "../lib/distributed/mpi/mpi_ranks.ts";
import { MAX_NOTE, readNote, writeNote } from "../lib/distributed/mpi/note.ts";
import { ROOT } from "./support/command.ts";
import { exchangeAll } from "./support/exchanges.ts";

/** Launchers by their names in Debian, with what they need to start more ranks than there are cores. */
const LAUNCHERS = [
  { name: "Open MPI", words: ["mpirun.openmpi", "--oversubscribe", "--bind-to", "none"] },
  { name: "MPICH", words: ["mpirun.mpich"] },
] as const;

const isThere = (program: string) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });

/** Starts ranks of tests/support/mpi_rank.ts. @returns exit code, what the ranks saw, and all output */
async function launch(
  words: readonly string[],
  ranks: number,
  work: string,
  env: Record<string, string> = {},
) {
  const [program, ...options] = words;
  const permissions = ["--allow-ffi", "--allow-read", "--allow-env", "--no-prompt"];
  const rank = [Deno.execPath(), "run", "--no-check", ...permissions, "tests/support/mpi_rank.ts"];
  const process = new Deno.Command(program!, {
    args: [...options, "-n", String(ranks), ...rank, work],
    cwd: ROOT,
    env: {
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      NO_COLOR: "1",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const late = setTimeout(() => process.kill("SIGTERM"), 60_000);
  const { code, stdout, stderr } = await process.output();
  clearTimeout(late);
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  const saw = out!.split("\n").filter((line) => line.startsWith("saw ")).sort();
  return { code, saw, output: `${out}${err}` };
}

Deno.test("ranks in one thread exchange bytes as those of MPI do", async () => {
  await Promise.all(localRanks(3).map(exchangeAll));
});

for (const { name, words } of LAUNCHERS) {
  const ignore = !isThere(words[0]);

  Deno.test({
    name: `three ranks under ${name} exchange bytes of any number, several exchanges at once`,
    ignore,
    async fn() {
      const { code, saw, output } = await launch(words, 3, "exchange");
      assert.equal(code, 0, output);
      assert.equal(saw.length, 3, output);
      saw.forEach((line, rank) => assert.match(line, RegExp(`^saw ${rank} 3 3 3 ${name} v?[0-9]`)));
    },
  });

  Deno.test({
    name: `a rank that fails under ${name} ends all with its message and its exit code`,
    ignore,
    async fn() {
      const { code, saw, output } = await launch(words, 2, "fail");
      assert.deepEqual(saw, ["saw 0", "saw 1"], output);
      assert.equal(code, 5, output);
    },
  });

  Deno.test({
    name: `an error of ${name} itself is a rank's failure, with what the library says`,
    ignore,
    async fn() {
      const { code, saw, output } = await launch(words, 2, "truncate");
      assert.deepEqual(saw, ["saw 0", "saw 1"], output);
      assert.equal(code, 1, output);
    },
  });
}

Deno.test({
  name: "a library that is not the launcher's is refused",
  ignore: !LAUNCHERS.every(({ words }) => isThere(words[0])),
  async fn() {
    const { output } = await launch(LAUNCHERS[1].words, 2, "exchange", {
      QTRAIN_MPI: "libmpi.so.40",
    });
    assert.match(
      output,
      /Open MPI v\S+ sees one rank, but the launcher has started 2: .*QTRAIN_MPI=/,
    );
  },
});

Deno.test("a library that QTRAIN_MPI names and that is not there is refused by its name", async () => {
  Deno.env.set("QTRAIN_MPI", "/nowhere/libmpi.so");
  try {
    await assert.rejects(openMpi(), (error: Error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(
        error.message,
        /^QTRAIN_MPI: expected the path of an MPI library, got \/nowhere\//,
      );
      return true;
    });
  } finally {
    Deno.env.delete("QTRAIN_MPI");
  }
});

Deno.test("the launcher says which library comes first, and QTRAIN_MPI before it", () => {
  const of = (env: Record<string, string>, system = "linux") =>
    launcherOf((name) => env[name], system);
  assert.equal(of({ OMPI_COMM_WORLD_SIZE: "4" }).libraries[0], "libmpi.so.40");
  assert.equal(of({ OMPI_COMM_WORLD_SIZE: "4", PMI_SIZE: "4" }).libraries[0], "libmpi.so.40");
  assert.equal(of({ PMI_SIZE: "3" }).libraries[0], "libmpich.so.12");
  assert.deepEqual(of({ PMI_SIZE: "3", QTRAIN_MPI: "/opt/x.so" }), {
    size: 3,
    libraries: ["/opt/x.so"],
  });
  assert.equal(of({ SLURM_STEP_NUM_TASKS: "8" }).size, 8);
  assert.equal(of({}).size, undefined);
  assert.equal(of({ PMI_SIZE: "many" }).size, undefined);
  assert.ok(of({}).libraries.includes("libmpi_abi.so.0"));
  assert.ok(of({}, "darwin").libraries.every((name) => name.endsWith(".dylib")));
});

Deno.test("a library's ABI follows from what it says of itself", () => {
  assert.equal(abiOf("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4", 0), ABIS.openMpi);
  assert.equal(abiOf("Open MPI v5.0.7, package: Open MPI", 0), ABIS.openMpi);
  assert.equal(abiOf("MPICH Version:\t4.0.2\nMPICH Release date:", 0), ABIS.mpich);
  assert.equal(abiOf("Intel(R) MPI Library 2021.13 for Linux* OS\n", 0), ABIS.mpich);
  assert.equal(abiOf("MPICH Version: 5.0.0\n", -1), ABIS.mpich, "says that it has no standard ABI");
  assert.equal(abiOf("MPICH Version: 5.0.0\n", 1), ABIS.mpi5);
  assert.equal(abiOf("FooMPI 1.0", 0), undefined);
});

Deno.test("the values of the MPI-5 ABI are those of the standard's header", () => {
  assert.deepEqual(ABIS.mpi5, {
    name: "MPI-5",
    handle: "usize",
    world: 0x101,
    byte: 0x247,
    errorsReturn: 0x143,
    anySource: -1,
    ignoreStatus: 0n,
    status: { ints: 8, error: 2 }, // Source, tag, error and five reserved ones.
    funneled: 1024,
  });
});

Deno.test("a note of a failure comes back as it was, and a long one is cut between characters", () => {
  const failure = { code: 3, message: "über ✗" };
  assert.deepEqual(readNote(writeNote({ rank: 511, failure }).slice()), { rank: 511, failure });
  assert.deepEqual(readNote(writeNote({ rank: 2 }).slice()), { rank: 2 });
  const long = writeNote({ rank: 0, failure: { code: 1, message: "✗".repeat(3000) } });
  assert.ok(long.length <= MAX_NOTE);
  assert.match(readNote(long.slice()).failure!.message, /^✗+$/);
});
