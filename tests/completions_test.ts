/**
 * `qtrain completions`, in the shells that are installed.
 *
 * @module
 */
import { inFolder, qtrain } from "./support/command.ts";
import assert from "node:assert/strict";

/** Whether a program is on the path. */
async function has(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

const FILES = { "photos.yaml": "", "other.txt": "" };

async function shell(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
  })
    .output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout);
}

/** The options that bash's completion of a line sets, such as `filenames`. */
async function bashOptions(cwd: string, line: string): Promise<string> {
  const words = line.split(" ").map((word) => `'${word}'`);
  const script =
    `. ./q.bash; compopt() { printf '%s\\n' "$2"; }; COMP_WORDS=(${words.join(" ")}); ` +
    `COMP_CWORD=${words.length - 1}; COMP_LINE='${line}'; COMP_POINT=${line.length}; _qtrain`;
  const set = (await shell("bash", ["--norc", "-c", script], cwd)).split("\n");
  return [...new Set(set)].filter((option) => option).join(" ");
}

/** What bash offers for command lines, as its own word splitting passes them on. */
async function inBash(cwd: string, lines: readonly string[]): Promise<string[][]> {
  const calls = lines.map((line) => {
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    return `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${
      words.length - 1
    }; COMP_LINE='${line}'; COMP_POINT=${line.length}; _qtrain; printf '%s\\n' "\${COMPREPLY[@]}" --`;
  });
  const script = `. ./q.bash; ${calls.join("; ")}`;
  const output = await shell("bash", ["--norc", "-c", script], cwd);
  return output.split("--\n").slice(0, -1).map((part) => part.split("\n").filter((word) => word));
}

Deno.test({
  name: "bash completes commands, recipes, options, their values, and fields of recipes",
  ignore: Deno.build.os === "windows" || !await has("bash"),
  async fn() {
    const { code, stdout, stderr } = await qtrain(["completions", "bash"]);
    assert.deepEqual([code, stderr], [0, ""]);
    await inFolder({ ...FILES, "q.bash": stdout }, async (cwd) => {
      const lines = [
        "qtrain ch",
        "qtrain p",
        "qtrain photos.yaml --de",
        "qtrain photos.yaml --device ",
        "qtrain check photos.yaml tr",
        "qtrain check photos.yaml train.opt",
        "qtrain check photos.yaml train.optimizer.n",
        "qtrain check photos.yaml train.optimizer.name=a",
        "qtrain photos.yaml train.optimizer.nesterov=",
        "qtrain export runs/x --target w",
        "qtrain predict o",
        "qtrain completions z",
        "qtrain --v",
        "qtrain help che",
        "qtrain help resu",
        "qtrain help train.opt",
        "qtrain help train.optimizer.l",
        "qtrain help o",
      ];
      assert.deepEqual(await inBash(cwd, lines), [
        ["check"],
        ["predict", "photos.yaml"],
        ["--device"],
        ["auto", "gpu", "cpu"],
        ["train."],
        ["train.optimizer."],
        ["train.optimizer.name=", "train.optimizer.nesterov="],
        ["adamw"],
        ["true", "false"],
        ["web"],
        ["other.txt"],
        ["zsh"],
        ["--version"],
        ["check"],
        ["resume"],
        ["train.optimizer."],
        ["train.optimizer.lr"],
        [],
      ]);
    });
  },
});

Deno.test({
  name: "bash quotes what it completes as a file only where it is one, and ends finished words",
  ignore: Deno.build.os === "windows" || !await has("bash"),
  async fn() {
    const { stdout } = await qtrain(["completions", "bash"]);
    await inFolder({ ...FILES, "q.bash": stdout }, async (cwd) => {
      const options = (line: string) => bashOptions(cwd, line);
      // With filenames, bash writes train.optimizer.lr\=.
      assert.equal(await options("qtrain photos.yaml train.optimizer.lr"), "nospace");
      assert.equal(await options("qtrain ph"), "filenames");
      assert.equal(await options("qtrain help train.optimizer.lr"), "");
      assert.equal(await options("qtrain help train.opt"), "nospace");
    });
  },
});

Deno.test({
  name: "zsh and fish read their scripts, and fish completes by its own",
  ignore: !await has("fish") || !await has("zsh"),
  async fn() {
    const scripts = await Promise.all(["zsh", "fish"].map((name) => qtrain(["completions", name])));
    const [zsh, fish] = scripts.map(({ stdout }) => stdout);
    await inFolder({ ...FILES, "q.zsh": zsh!, "q.fish": fish! }, async (cwd) => {
      const defined = "compdef() { print $1 }; . ./q.zsh; (( $+functions[_qtrain] ))";
      assert.equal(await shell("zsh", ["-f", "-c", defined], cwd), "_qtrain\n");
      const of = async (line: string) =>
        (await shell("fish", ["-N", "-c", `source q.fish; complete -C '${line}'`], cwd))
          .split("\n").map((found) => found.split("\t")[0]!).filter((word) => word);
      assert.deepEqual(await of("qtrain che"), ["check"]);
      assert.deepEqual(await of("qtrain help che"), ["check"]);
      assert.deepEqual(await of("qtrain help train.optimizer.lr"), ["train.optimizer.lr"]);
      assert.deepEqual(await of("qtrain photos.yaml --devi"), ["--device"]);
      assert.deepEqual((await of("qtrain photos.yaml --device ")).sort(), ["auto", "cpu", "gpu"]);
      // fish itself adds files after any =.
      const values = await of("qtrain check photos.yaml train.optimizer.name=");
      assert.deepEqual(
        values.filter((value) => /=(adamw|sgd)$/.test(value)).length,
        2,
        `${values}`,
      );
    });
  },
});

Deno.test("completions asks for a shell that it knows", async () => {
  const says = async (args: string[], pattern: RegExp) => {
    const { code, stderr } = await qtrain(["completions", ...args]);
    assert.equal(code, 2);
    assert.match(stderr, pattern);
  };
  await says(
    [],
    /^qtrain completions: expected one of bash, zsh, fish, powershell, got nothing\n$/,
  );
  await says(["bahs"], /got bahs \(did you mean bash\?\)\n$/);
  const { code, stdout } = await qtrain(["completions", "powershell"]);
  assert.equal(code, 0);
  assert.match(stdout, /Register-ArgumentCompleter -Native -CommandName qtrain/);
});
