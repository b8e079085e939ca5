/**
 * `qtrain recipe.yaml --mpi`: as one rank of several that mpirun starts, where an MPI is installed, and
 * what is said where it cannot be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inFolder, qtrain, type Result } from "./support/command.ts";
import { LAUNCHERS, newestDigest, ranksCommand } from "./support/mpirun.ts";

const RECIPE = "name: t\ndata: { format: glyphs, size: 12, train: 96, test: 24 }\n" +
  "model: { name: cnn, width: 4 }\ntrain: { epochs: 2, batch: 48, micro_batch: 4 }\n";

const [LAUNCHER] = LAUNCHERS;

function resultOf({ code, stdout, stderr }: Deno.CommandOutput): Result {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function asRanks(...given: Parameters<typeof ranksCommand>): Promise<Result> {
  return resultOf(await ranksCommand(...given).output());
}

Deno.test(
  "two and three ranks give the checkpoint of one process, and rank 0 alone speaks",
  { ignore: !LAUNCHER },
  () =>
    inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      const alone = await qtrain(["r.yaml", "--out", "one", "--device", "cpu", "--quiet"], { cwd });
      assert.equal(alone.code, 0, alone.stderr);
      const expected = await newestDigest(`${cwd}/one`);
      for (const [i, ranks] of [2, 3].entries()) {
        const launcher = LAUNCHERS[i % LAUNCHERS.length], args = ["r.yaml", "--out", `of-${ranks}`];
        const { code, stdout, stderr } = await asRanks(ranks, args, { cwd, launcher });
        assert.equal(code, 0, stderr);
        assert.match(
          stderr,
          new RegExp(`^ranks +${ranks} on one host, \\S.*, ${12 / ranks} micro-batches each$`, "m"),
        );
        assert.equal(stdout.match(/test accuracy/g)?.length, 1, stdout);
        assert.equal(stderr.match(/^recipe /gm)?.length, 1, stderr);
        assert.equal(await newestDigest(`${cwd}/of-${ranks}`), expected, `${ranks} ranks`);
      }
    }),
);

Deno.test(
  "--json of several ranks are the lines of one, and an interrupted run names the way to resume it",
  { ignore: !LAUNCHER },
  () =>
    inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      const launcher = LAUNCHERS.at(-1)!, out = `${cwd}/run`;
      const args = ["r.yaml", "--out", out, "--json", "train.epochs=9999"];
      const child = ranksCommand(2, args, { cwd, launcher }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      while (!/"type":"epoch"/.test(text)) {
        const { value, done } = await reader.read();
        assert.ok(!done, text);
        text += value;
      }
      child.kill("SIGTERM");
      const drained = (async () => {
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          text += next.value;
        }
      })();
      const stderr = await new Response(child.stderr).text();
      await drained;
      // A launcher's own exit code says little: after a signal, Open MPI's is 1, MPICH's 130 or 0.
      await child.status;
      const lines = text.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(lines.filter(({ type }) => type === "start").length, 1);
      assert.equal(lines.at(-1).status, "interrupted");
      assert.match(
        stderr,
        /interrupted after step \d+; resume with: mpirun -n 2 deno run .*main\.ts \S+recipe\.yaml --out \S+ --resume --device cpu --mpi/,
      );
      const steps: number = lines.at(-1).steps;
      // Without MPI, as the run may have begun with it.
      const more = ["run/recipe.yaml", "--out", "run", "--resume", `train.epochs=${steps}`];
      const resumed = await qtrain([...more, "--device", "cpu"], { cwd });
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stderr, new RegExp(`^resumed +after step ${steps}$`, "m"));
    }),
);

Deno.test(
  "--mpi without mpirun trains as one rank and says so",
  { ignore: !LAUNCHER },
  () =>
    inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      const { code, stdout, stderr } = await asRanks(1, ["r.yaml"], { cwd });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^--mpi: trains alone, as one rank; .* behind mpirun -n K starts K/m);
      assert.match(stderr, /^ranks +1 on one host, .* without a launcher, 12 micro-batches each$/m);
      assert.match(stdout, /runs\/t$/m);
    }),
);

Deno.test(
  "what one rank or all cannot do ends all with one message and its exit code, and leaves no folder",
  { ignore: !LAUNCHER },
  () =>
    inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      // All ranks find these; the message is of the first one, or of rank 0.
      const cases: [ranks: number, args: string[], message: RegExp][] = [
        [
          3,
          ["r.yaml", "train.micro_batch=24"],
          /^(rank \d: )?3 ranks cannot share the 2 micro-batches/m,
        ],
        [2, ["none.yaml"], /^(rank \d: )?none\.yaml: expected a recipe/m],
      ];
      // One after the other: two mpirun of Open MPI that make its folder at once may fail.
      for (const [ranks, args, message] of cases) {
        const { code, stdout, stderr } = await asRanks(ranks, args, { cwd, launcher: LAUNCHER });
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.equal(stderr.match(new RegExp(message, "gm"))!.length, 1, stderr);
        assert.equal(stdout, "");
      }
      const names = await Array.fromAsync(Deno.readDir(cwd), ({ name }) => name);
      assert.deepEqual(names, ["r.yaml"]);
    }),
);

Deno.test("a library that is not there, and a permission that is missing, are said with the remedy", () =>
  inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    const env = { QTRAIN_MPI: "/nonexistent" };
    const [library, permission] = await Promise.all([
      asRanks(1, ["r.yaml"], { cwd, env }),
      qtrain(["r.yaml", "--mpi"], { cwd }),
    ]);
    assert.equal(library.code, 1);
    assert.match(
      library.stderr,
      /^QTRAIN_MPI: expected the path of an MPI library, got \/nonexistent/,
    );
    assert.equal(library.stderr.trim().split("\n").length, 1, library.stderr);
    assert.equal(permission.code, 2);
    assert.match(
      permission.stderr,
      /^--mpi: Deno has no permission to call MPI's library \(--allow-ffi\)\. Run mpirun -n K .* r\.yaml --mpi\n$/,
    );
  }));
