/**
 * Compiling without a network: Deno type-checks, resolves and embeds, and a dummy replaces its runtime,
 * so that the binary does not run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CALLS_MPI, compileArguments, LISTENS, PERMISSIONS, WORKERS } from "../cli/compile.ts";
import { VARIABLES } from "../lib/distributed/mpi/library.ts";
import { JPEG_DECODER } from "../lib/image/jpeg.ts";
import { inFolder, ROOT } from "./support/command.ts";

Deno.test(
  "deno compile embeds every shader and SIMD module, the decoder of JPEG, and the workers",
  {
    ignore: Deno.build.os !== "linux",
  },
  async () => {
    await inFolder({}, async (folder) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: compileArguments("x86_64-unknown-linux-gnu", `${folder}/qtrain`),
        cwd: ROOT,
        env: { DENORT_BIN: "/bin/true", NO_COLOR: "1" },
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const binary = new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/qtrain`));
      const shaders = await filesIn(`${ROOT}kernels`, ".wgsl");
      assert.ok(shaders.length > 20);
      const modules = [
        ...await filesIn(`${ROOT}kernels`, ".wasm"),
        ...await filesIn(`${ROOT}lib`, ".wasm"),
      ];
      assert.ok(modules.length >= 4);
      for (const path of [...shaders, ...modules]) {
        const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
        assert.ok(binary.includes(text), `${path} is not embedded`);
      }
      const decoder = new URL(import.meta.resolve(JPEG_DECODER));
      const wasm = new TextDecoder("latin1").decode(await Deno.readFile(decoder));
      assert.ok(binary.includes(wasm), "the decoder of JPEG is not embedded");
      assert.ok(binary.includes('"title": "qtrain recipe"'), "the schema is not embedded");
      for (const worker of WORKERS) assert.ok(binary.includes(worker.split("/").at(-1)!), worker);
    });
  },
);

async function filesIn(folder: string, ending: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await filesIn(path, ending));
    else if (name.endsWith(ending)) found.push(path);
  }
  return found;
}

Deno.test("the binary for Windows ends in .exe", () => {
  assert.equal(compileArguments("x86_64-pc-windows-msvc", "q").at(-2), "q.exe");
});

/** Tasks of developers that need all permissions: Deno lets no others read /dev and /proc. */
const ALL: ReadonlySet<string> = new Set(["test", "test:soak", "test:ranks", "bench:ranks"]);

Deno.test("binaries and the tasks of deno.json run with the same few permissions, and only the task mpi and binaries may call a library", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  assert.equal(tasks.qtrain.command, `deno run ${PERMISSIONS.join(" ")} cli/main.ts`);
  const live = [...PERMISSIONS, LISTENS, "--allow-run=xdg-open,open,explorer"].join(" ");
  // Quiet: Deno tells of each program of the three that is not there.
  assert.equal(tasks.live.command, `deno run --quiet ${live} cli/main.ts`);
  const mpi = [...PERMISSIONS, ...CALLS_MPI];
  assert.equal(tasks.mpi.command, `deno run ${mpi.join(" ")} cli/main.ts`);
  const named = CALLS_MPI.find((flag) => flag.startsWith("--allow-env="))!.split("=")[1];
  assert.equal(named, VARIABLES.join(","));
  const compiled = compileArguments("x86_64-unknown-linux-gnu").filter((arg) =>
    arg.startsWith("--allow-")
  );
  assert.deepEqual(compiled, [...PERMISSIONS.slice(1), LISTENS, ...CALLS_MPI]);
  for (const [name, { command }] of Object.entries<{ command: string }>(tasks)) {
    if (!ALL.has(name)) {
      assert.doesNotMatch(command, /\s(-A|--allow-all)\b/, name);
    }
  }
});
