/**
 * What reaches a terminal, a full disk or a reader that has gone: through the whole program.
 *
 * @module
 */
import assert from "node:assert/strict";
import { qtrain, ROOT } from "./support/command.ts";
import { withFolder } from "./data_helpers.ts";
import { plainPng } from "./support/image_folders.ts";
import { writeAll } from "../cli/print.ts";
import type { SystemError } from "../lib/core/errors.ts";
import { systemFailure, writeAtomic } from "../lib/core/files.ts";
import { printable, shellWord } from "../lib/core/text.ts";
import { PERMISSIONS } from "../cli/compile.ts";

/** Colours the terminal, orders text from right to left, and begins a line of its own. */
const RED = "a\x1b[31mb", REVERSED = "\u202egnp", BROKEN = "c\nd";

const RECIPE = "data: { format: folder, root: photos, size: 8 }\n" +
  "model: { name: mlp, width: 4 }\ntrain: { epochs: 2, batch: 4, log_every: 1 }\n";

const GLYPHS = "data: { format: glyphs, size: 12, train: 32, test: 16 }\n" +
  "model: { name: mlp, width: 4 }\ntrain: { epochs: 2, batch: 16, log_every: 1 }\n";

/** A folder of photos whose classes have these names, and recipes of it and of glyphs. */
function withPhotos(names: readonly string[], body: (folder: string) => Promise<void>) {
  const files: Record<string, Uint8Array> = {};
  for (const [label, name] of names.entries()) {
    for (const split of ["train", "val"]) {
      for (let i = 0; i < 4; i++) {
        files[`photos/${split}/${name}/${i}.png`] = plainPng(label * 4 + i, 8, 8);
      }
    }
  }
  const text = (t: string) => new TextEncoder().encode(t);
  return withFolder({ ...files, "r.yaml": text(RECIPE), "g.yaml": text(GLYPHS) }, body);
}

const ignore = Deno.build.os === "windows";

Deno.test("names of classes and files cannot control a terminal; JSON has them unchanged", {
  ignore,
}, () =>
  withPhotos([RED, REVERSED, BROKEN], async (cwd) => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await qtrain(args, { cwd });
      assert.equal(code, 0, stderr);
      assert.equal(printable(stdout), stdout);
      assert.equal(printable(stderr), stderr);
      return stdout;
    };
    const data = await run("data", "r.yaml");
    for (const name of ["a\\u001b[31mb", "\\u202egnp", "c\\u000ad"]) {
      assert.match(data, new RegExp(`^${RegExp.escape(name)} +4 +4  `, "m"));
    }
    const names = JSON.parse(await run("data", "r.yaml", "--json")).class_names;
    assert.deepEqual(names.toSorted(), [RED, REVERSED, BROKEN].toSorted());
    await run("r.yaml", "--device", "cpu", "--out", "run");
    const images = [RED, REVERSED].map((name) => `photos/val/${name}/1.png`);
    await run("predict", "run", ...images, "--device", "cpu");
    const answers = JSON.parse(await run("predict", "run", ...images, "--device", "cpu", "--json"));
    assert.deepEqual(answers.map(({ image }: { image: string }) => image), images);
  }));

Deno.test(
  "commands that are printed can be pasted, whatever the names of files are",
  { ignore },
  () =>
    withPhotos(["cat", "dog"], async (folder) => {
      const cwd = `${folder}/it's`, run = "-my $HOME #1\u00a0";
      await Deno.mkdir(cwd);
      await Deno.mkdir(`${folder}/old`);
      await Deno.rename(`${folder}/photos`, `${folder}/old/[2] photos & "more"`);
      const recipe = RECIPE.replace("photos", `'../old/[2] photos & "more"'`);
      await Deno.writeTextFile(`${cwd}/r *.yaml`, recipe);
      const refused = await qtrain(["r *.yaml", "--device", "cpu", `--out=${run}`], { cwd });
      assert.equal(refused.code, 2);
      const given = /give (data\.root=.*) on the command line/.exec(refused.stderr)?.[1];
      assert.ok(given, refused.stderr);

      const train = await paste(cwd, `qtrain 'r *.yaml' ${given} --device cpu ${OUT(run)}`);
      const next = [...train.matchAll(/(?:next:|^ {5}) (deno run .*)$/gm)].map(([, line]) => line!);
      assert.equal(next.length, 3, train);
      const [evaluate, predict, toFile] = next;
      await paste(cwd, `${evaluate} --device cpu`);
      const image = `${folder}/old/[2] photos & "more"/val/cat/1.png`;
      await paste(cwd, `${predict!.replace("IMAGE", shellWord(image))} --device cpu`);
      await paste(cwd, toFile!);
      assert.ok((await Deno.stat(`${cwd}/FILE.onnx`)).isFile);
    }),
);

const OUT = (run: string) => `--out=${shellWord(`./${run}`)}`;

/** Runs what was printed in a shell; its output. `qtrain` is the program. */
async function paste(cwd: string, line: string): Promise<string> {
  const { code, stderr } = await shell(cwd, line);
  assert.equal(code, 0, `${line}\n${stderr}`);
  return stderr;
}

/** Runs a command line of a shell, in which `qtrain` is the program. */
async function shell(cwd: string, script: string): Promise<{ code: number; stderr: string }> {
  const program = `qtrain() { '${Deno.execPath()}' run ${
    PERMISSIONS.map((p) => `'${p}'`).join(" ")
  } '${ROOT}cli/main.ts' "$@"; }\n`;
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${program}${script}`],
    cwd,
    env: { NO_COLOR: "1", QTRAIN_NO_TUNE: "1", QTRAIN_NO_SELF_TEST: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

const FULL = "stdout: cannot write: no space left on the disk; free some or choose another place";

Deno.test("stdout on a full disk is one line and exit code 1", {
  ignore: Deno.build.os !== "linux",
}, () =>
  withPhotos([], async (cwd) => {
    for (const args of ["--help", "check g.yaml", "data g.yaml", "g.yaml --device cpu --quiet"]) {
      assert.deepEqual(
        await shell(cwd, `qtrain ${args} > /dev/full`),
        { code: 1, stderr: `${FULL}\n` },
        args,
      );
    }
  }));

Deno.test("training goes on when its output cannot be written, and finishes its run", {
  ignore: Deno.build.os !== "linux",
}, () =>
  withPhotos([], async (cwd) => {
    const finished = async (out: string) => {
      const summary = JSON.parse(await Deno.readTextFile(`${cwd}/${out}/summary.json`));
      assert.equal(summary.status, "done");
      assert.equal(summary.steps, 4);
    };
    const train = "qtrain g.yaml --device cpu";
    const json = await shell(cwd, `${train} --json --out a > /dev/full`);
    assert.deepEqual(json, {
      code: 1,
      stderr: `${FULL}. Training goes on; its log is in a\n`,
    });
    await finished("a");
    assert.deepEqual(await shell(cwd, `${train} --out b 2> /dev/full`), { code: 0, stderr: "" });
    await finished("b");
    assert.equal((await shell(cwd, `${train} --out c > /dev/full 2>&1`)).code, 1);
    await finished("c");
    assert.equal((await shell(cwd, `${train} --out d 2>&1 | head -1 > /dev/null`)).code, 0);
    await finished("d");
    const gone = await shell(cwd, `${train} --json --out e | head -1 > /dev/null`);
    assert.deepEqual(gone, { code: 0, stderr: "" });
    await finished("e");
  }));

Deno.test("output waits for a pipe that is full and does not wait itself", () => {
  let text = "", calls = 0;
  writeAll({
    writeSync(bytes) {
      if (++calls % 2 === 1) throw new Deno.errors.WouldBlock("Resource temporarily unavailable");
      text += new TextDecoder().decode(bytes.subarray(0, 3));
      return Math.min(3, bytes.length);
    },
  }, "a long line");
  assert.equal(text, "a long line");
});

Deno.test("what the system refuses is one line with exit code 1, also where nobody expected it", () => {
  const full = Object.assign(new Error("Too many open files (os error 24): open '/x'"), {
    code: "EMFILE",
  });
  const found = systemFailure(full) as SystemError;
  assert.equal(found.exitCode, 1);
  assert.equal(
    found.message,
    "the system refused: too many files are open; allow more (ulimit -n 4096) (open '/x')",
  );
  const other = Object.assign(new Error("Exec format error (os error 8)"), { code: "ENOEXEC" });
  assert.equal(
    (systemFailure(other) as SystemError).message,
    "the system refused: Exec format error (os error 8)",
  );
  const numbered = new Error("File too large (os error 27)");
  if (!ignore) {
    assert.match(
      (systemFailure(numbered, "write", "x") as SystemError).message,
      /^x: cannot write: the file is too large for this file system/,
    );
  }
  const defect = new TypeError("x is undefined");
  assert.equal(systemFailure(defect), defect);
});

Deno.test("a first start that cannot store its packages is one line, and no defect", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-RWE", "--cached-only", `${ROOT}cli/main.ts`, "check", "x.yaml"],
    env: { NO_COLOR: "1", DENO_DIR: "/proc/none" },
  }).output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /^cannot load a package of qtrain: .*: connect to the network once, and let DENO_DIR be writable\n$/,
  );
});

Deno.test("paths that a person can correct are usage or data errors, failures of the disk are not", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    const wrong: [path: string, reason: RegExp][] = [
      [`${folder}/file/x`, /a part of the path is a file, not a folder/],
      [`${folder}/none/x`, /the folder does not exist/],
      [folder, /it is a folder/],
      [`${folder}/${"x".repeat(300)}`, /the name is too long/],
      [`${folder}/a\0b`, /NUL character/],
    ];
    if (!ignore) {
      await Deno.symlink(`${folder}/circle`, `${folder}/circle`);
      wrong.push([`${folder}/circle/x`, /links lead round in a circle/]);
    }
    for (const [path, reason] of wrong) {
      await assert.rejects(writeAtomic(path, "x"), { name: "UsageError", message: reason });
    }
    if (Deno.build.os !== "linux") return;
    const message = "/dev/full: cannot write: no space left on the disk; free some or choose " +
      "another place";
    await assert.rejects(writeAtomic("/dev/full", "x"), { name: "SystemError", message });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
