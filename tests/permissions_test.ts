/**
 * qtrain with the permissions that it needs and no others: to read, and to write its run's folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PERMISSIONS } from "../cli/compile.ts";
import { HAS_GPU, inFolder, ROOT } from "./support/command.ts";
import { jpeg, picture, png } from "./support/images.ts";

const GLYPHS = `data: { format: glyphs, size: 12, train: 32, test: 16 }
model: { name: mlp, width: 8 }
train: { epochs: 1, batch: 16 }
`;
const PHOTOS = `data: { format: folder, root: photos, size: 12, workers: 1, augment: [flip] }
model: { name: cnn, width: 4 }
train: { epochs: 1, batch: 4 }
`;
const DEVICE = HAS_GPU ? "gpu" : "cpu";

/** Of this process: where drivers and modules are. */
const KEPT = Object.fromEntries(
  Object.entries(Deno.env.toObject()).filter(([name]) => /^(PATH|VK_|DENO_)/.test(name)),
);

/** Runs a command line with these permissions and no others. No stack trace is ever right. */
async function limited(
  permissions: readonly string[],
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Record<string, string> },
) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--cached-only", ...permissions, `${ROOT}cli/main.ts`, ...args],
    cwd: options.cwd,
    clearEnv: true,
    env: {
      ...KEPT,
      NO_COLOR: "1",
      XDG_RUNTIME_DIR: "/",
      MESA_SHADER_CACHE_DISABLE: "1",
      ...options.env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.doesNotMatch(text(stdout) + text(stderr), /\n\s+at |bug in qtrain/);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const names = (folder: string) =>
  Array.fromAsync(Deno.readDir(folder), ({ name }) => name).then((list) => list.sort());

/** Where Deno keeps its own cache, wherever `HOME` points. */
async function denoCache(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

const ENV = PERMISSIONS.filter((flag) => flag.startsWith("--allow-env="));
/** What else is allowed, and whether there is a home. */
const WAYS: [string, readonly string[], boolean][] = [
  ["and its named variables", ENV, true],
  ["and no variable", [], true],
  ["and no home", ENV, false],
];

for (const [what, more, home] of WAYS) {
  Deno.test(`training needs to read and to write its run's folder, ${what}`, () =>
    inFolder({ "r.yaml": GLYPHS }, async (folder) => {
      const out = `${folder}/run`, permissions = ["--allow-read", `--allow-write=${out}`, ...more];
      const env = { DENO_DIR: await denoCache(), ...(home ? { HOME: folder } : {}) };
      const run = (...args: string[]) => limited(permissions, args, { cwd: folder, env });
      const trained = await run("r.yaml", "--out", out, "--device", DEVICE);
      assert.equal(trained.code, 0, trained.stderr);
      assert.doesNotMatch(trained.stderr, /remembered|cache|permission/i);
      assert.deepEqual(await names(folder), ["r.yaml", "run"]);
      assert.ok((await names(`${out}/checkpoints`)).length > 0);
      for (
        const args of [["eval", out, "--device", DEVICE], ["r.yaml", "--out", out, "--resume"]]
      ) {
        const { code, stderr } = await run(...args);
        assert.equal(code, 0, stderr);
      }
    }));
}

Deno.test("photos are decoded by workers without any permission but to read", () =>
  inFolder({ "r.yaml": PHOTOS }, async (folder) => {
    for (const [i, kind] of ["cat", "dog"].entries()) {
      await Deno.mkdir(`${folder}/photos/${kind}`, { recursive: true });
      for (let n = 0; n < 6; n++) {
        const sample = (x: number, y: number) => (x * 9 + y * n + i * 99) & 255;
        const bytes = n % 2 ? png({ width: 14, height: 12, sample }) : jpeg("colour");
        await Deno.writeFile(`${folder}/photos/${kind}/${n}.${n % 2 ? "png" : "jpg"}`, bytes);
      }
      for (const name of ["lossy.webp", "still.gif", "colour.bmp"]) {
        await Deno.writeFile(`${folder}/photos/${kind}/${name}`, picture(name));
      }
    }
    const out = `${folder}/run`, permissions = ["--allow-read", `--allow-write=${out}`];
    const args = ["r.yaml", "--out", out, "--device", DEVICE];
    const options = { cwd: folder, env: { DENO_DIR: await denoCache() } };
    const trained = await limited(permissions, args, options);
    assert.equal(trained.code, 0, trained.stderr);
    const image = `${folder}/photos/cat/0.jpg`;
    const said = await limited(["--allow-read"], ["predict", out, image], options);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stdout, /0\.jpg\s+(cat|dog) /);
  }));

Deno.test(
  "the live view needs to read and to listen, and a training that shows itself to write too",
  {
    ignore: Deno.build.os === "windows",
  },
  () =>
    inFolder({ "r.yaml": GLYPHS }, async (cwd) => {
      const port = freePort(), out = `${cwd}/run`;
      const cases: [string[], string[], "stdout" | "stderr", number][] = [
        [["--allow-read", "--allow-net=127.0.0.1"], ["watch", "."], "stdout", 0],
        [
          ["--allow-read", `--allow-write=${out}`, `--allow-net=127.0.0.1:${port}`],
          [
            "r.yaml",
            "--out",
            out,
            "--device",
            "cpu",
            "--watch",
            "--port",
            `${port}`,
            "train.epochs=9999",
          ],
          "stderr",
          130,
        ],
      ];
      for (const [permissions, args, stream, expected] of cases) {
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--no-prompt",
            "--cached-only",
            ...permissions,
            `${ROOT}cli/main.ts`,
            ...args,
          ],
          cwd,
          clearEnv: true,
          env: { ...KEPT, NO_COLOR: "1", DENO_DIR: await denoCache() },
          stdin: "null",
          stdout: stream === "stdout" ? "piped" : "null",
          stderr: stream === "stderr" ? "piped" : "null",
        }).spawn();
        const reader = child[stream].getReader();
        let text = "", url: string | undefined;
        while (!url) {
          const { value, done } = await reader.read();
          assert.ok(!done, text);
          [url] = /http:\S+(?=\n)/.exec(text += new TextDecoder().decode(value)) ?? [];
        }
        const response = await fetch(url);
        assert.equal(response.status, 200);
        await response.body?.cancel();
        child.kill("SIGINT");
        while (!(await reader.read()).done);
        assert.equal((await child.status).code, expected, text);
      }
    }),
);

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("where reading or writing is denied, one line names the place and the permission", () =>
  inFolder({ "r.yaml": GLYPHS }, async (folder) => {
    const cases: [string[], string[], number, RegExp][] = [
      [
        ["--allow-read"],
        ["r.yaml", "--out", `${folder}/run`],
        2,
        /run\S*: cannot write: .*--allow-write/,
      ],
      [
        [`--allow-read=${ROOT}`],
        [`${folder}/r.yaml`],
        2,
        /r\.yaml: expected a recipe.*--allow-read/,
      ],
    ];
    for (const [permissions, args, expected, message] of cases) {
      const { code, stderr } = await limited(permissions, args, {
        cwd: folder,
        env: { DENO_DIR: await denoCache() },
      });
      assert.equal(code, expected, stderr);
      assert.match(stderr.trimEnd(), message);
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    }
    assert.deepEqual(await names(folder), ["r.yaml"]);
  }));

Deno.test("what is shipped may read, write and see its own variables, and nothing else", async () => {
  const flags = PERMISSIONS.map((flag) => flag.split("=")[0]);
  assert.deepEqual(flags, ["--no-prompt", "--allow-read", "--allow-write", "--allow-env"]);
  const asked = new Set<string>();
  for (
    const file of [
      "lib/runtime/gpu/device.ts",
      "lib/runtime/gpu/autotune_cache.ts",
      "lib/data/paths/path_policy.ts",
    ]
  ) {
    const text = await Deno.readTextFile(ROOT + file);
    for (const [, name] of text.matchAll(/env(?:\.get|ironment)?\("([A-Z_]+)"/g)) asked.add(name!);
  }
  const allowed = ENV[0]!.split("=")[1]!.split(",");
  for (const name of asked) assert.ok(allowed.includes(name), name);
  const docs = await Deno.readTextFile(`${ROOT}docs/reliability.md`);
  const install = docs.split("\n").find((line) => line.includes("deno install"));
  assert.equal(
    install?.trim(),
    `deno install --global --name qtrain ${PERMISSIONS.join(" ")} cli/main.ts`,
  );
});
