/**
 * `qtrain watch` and `--watch` as people run them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LISTENS } from "../cli/compile.ts";
import { command, HAS_GPU, inFolder, PROGRAM, qtrain, ROOT } from "./support/command.ts";
import { LiveEvents } from "./support/live_events.ts";

const RECIPE = `data: { format: glyphs, size: 12, train: 256, test: 32 }
model: { name: cnn, width: 4 }
train: { epochs: 5000, batch: 16, log_every: 1, schedule: { name: constant } }
`;
const MORE = { more: [LISTENS] };

/** Milliseconds to wait for a line. */
const PATIENCE_MS = 30_000;

/** Reads a stream until a pattern fits; the rest is read and dropped. */
async function awaited(
  stream: ReadableStream<Uint8Array>,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const late = setTimeout(() => void reader.cancel(), PATIENCE_MS);
  for (;;) {
    const { value, done } = await reader.read();
    assert.ok(!done, `it has ended, or says no more than: ${text}`);
    const found = pattern.exec(text += value);
    if (!found) continue;
    clearTimeout(late);
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return found;
  }
}

Deno.test("without the permission to listen, one line has the command that has it, before anything is trained", () =>
  inFolder({ "a recipe.yaml": RECIPE }, async (cwd) => {
    await Deno.mkdir(`${cwd}/runs`);
    const listening = PROGRAM.replace("-RWE", "-RWE --allow-net=127.0.0.1");
    const cases: [string[], string][] = [
      [["watch"], "watch"],
      [["watch", "runs", "--port", "9", "--open"], "watch runs --port 9 --open"],
      [["a recipe.yaml", "--watch"], "'a recipe.yaml' --watch"],
    ];
    for (const [args, words] of cases) {
      const { code, stderr } = await qtrain(args, { cwd });
      assert.equal(code, 2, stderr);
      assert.equal(
        stderr,
        `the live view: Deno has no permission to listen on 127.0.0.1. Run ${listening} ${words}\n`,
      );
    }
    const { stderr } = await qtrain(["watch", "configs"], { cwd: ROOT });
    assert.match(stderr, /Run deno task live watch configs\n$/);
    assert.deepEqual([...Deno.readDirSync(`${cwd}/runs`)], []);
  }));

Deno.test("a port that is taken, a file and a folder that is not there are refused in one line", () =>
  inFolder({ "r.yaml": RECIPE }, async (cwd) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String(listener.addr.port);
    const taken =
      `--port ${port}: cannot listen: another program has this port. Choose another, as in`;
    const cases: [string[], string][] = [
      [["watch", ".", "--port", port], taken],
      [["r.yaml", "--watch", "--port", port], taken],
      [["watch", "r.yaml"], "r.yaml: expected a run's folder, or one with runs, got a file"],
      [["watch", "nothing"], "nothing: cannot read: no such file; check the path"],
      [["watch", "a", "b"], "qtrain watch: expected one folder, got b too"],
      [
        ["watch", ".", "--port", "70000"],
        '--port: expected a whole number from 1 to 65535, got "70000"',
      ],
      [["r.yaml", "--port", port], "--port: expected --watch too, got --port alone"],
      [["r.yaml", "--open"], "--open: expected --watch too, got --open alone"],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await qtrain(args, { cwd, ...MORE });
      assert.equal(code, 2, stderr);
      assert.ok(stderr.startsWith(message), `${stderr} is not ${message}`);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
      assert.equal(stdout, "");
    }
    assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["r.yaml"]);
  }));

Deno.test("watch prints where to look, and ends at Ctrl-C with exit code 0 while a page is open", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder({}, async (cwd) => {
    const child = command(["watch", ".", "--open"], { cwd, ...MORE }).spawn();
    const [url] = await awaited(child.stdout, /http:\/\/127\.0\.0\.1:\d+\/(?=\n)/);
    await awaited(
      child.stderr,
      /no run yet[^]*cannot start a browser: (Deno has no permission to run|there is no) /,
    );
    await using events = await LiveEvents.open(url);
    await events.find("state");
    const began = performance.now();
    child.kill("SIGINT");
    assert.equal((await child.status).code, 0);
    assert.ok(performance.now() - began < 3000);
    assert.match((await events.find("close")).data.text, /Start it again: .*watch \.$/);
  }));

for (const device of HAS_GPU ? ["cpu", "gpu"] : ["cpu"]) {
  Deno.test(`--watch answers while it trains, and tells the end (${device})`, {
    ignore: Deno.build.os === "windows",
  }, () =>
    inFolder({ "r.yaml": RECIPE }, async (cwd) => {
      const args = ["r.yaml", "--out", "run", "--device", device, "--watch", "--quiet"];
      const child = command(args, { cwd, ...MORE }).spawn();
      await child.stdout.cancel();
      const [, url] = await awaited(child.stderr, /live view: (http\S+)\n/);
      await using events = await LiveEvents.open(url!);
      await events.find("state", ({ kind }) => kind === "live");
      const sections = () => events.all.filter(({ name }) => name === "section").length;
      const before = sections();
      await events.find("section", () => sections() > before + 1);
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        await (await fetch(url!)).text();
        assert.ok(performance.now() - began < 1500, "it does not wait for the training");
      }
      child.kill("SIGINT");
      assert.equal((await child.status).code, 130);
      assert.match((await events.find("close")).data.text, /To follow it again: .*watch run$/);
      const last = events.all.findLast(({ name }) => name === "state")!;
      assert.equal(last.data.kind, "ended");
      await events.end;
    }));
}
