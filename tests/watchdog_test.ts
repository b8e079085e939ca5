/**
 * A GPU that never answers ends the process with a line; one that is slow does not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { requestAdapter } from "../lib/runtime/gpu/device.ts";
import { timeoutSeconds } from "../lib/runtime/gpu/watchdog.ts";
import { ROOT } from "./support/command.ts";

const ignore = await requestAdapter() === null || Deno.build.os === "windows";

/** A training with a slow step; all that it may do is to read. */
function training(seconds: string, slow: number, times: number): Deno.ChildProcess {
  const args = [`${ROOT}tests/support/hang.ts`, `${slow}`, `${times}`];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--allow-read",
      "--allow-env=QTRAIN_TEST_FOLDER,QTRAIN_WATCHDOG,XDG_RUNTIME_DIR,DENO_WEBGPU_BACKEND,LOG_TOKENS,LOG_STREAM",
      ...args,
    ],
    env: { NO_COLOR: "1", QTRAIN_WATCHDOG: seconds },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
/** Dispatches of a small kernel that take minutes together. */
const FOR_EVER = 4_000_000;

Deno.test({
  name: "a step that never ends is killed with one line that says how to go on",
  ignore,
  fn: async () => {
    const began = performance.now();
    const { success, signal, stdout, stderr } = await training("1", 3, FOR_EVER).output();
    assert.equal(success, false);
    assert.equal(signal, "SIGKILL");
    assert.equal(decode(stdout).trim().split("\n").at(-1), "3");
    assert.match(
      decode(stderr),
      /^the GPU \(.+\) has not answered for \d+(\.\d+)? s: .* --resume; .* --device cpu, .*0: waits for ever\)\n$/,
    );
    assert.ok(performance.now() - began < 120e3);
  },
});

Deno.test({
  name: "a process that was stopped for longer than the GPU may take goes on",
  ignore,
  fn: async () => {
    const child = training("1", 3, 0);
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    child.kill("SIGCONT");
    for (;;) if ((await reader.read()).done) break;
    const errors = decode(new Uint8Array(await new Response(child.stderr).arrayBuffer()));
    assert.deepEqual([(await child.status).code, errors], [0, ""]);
  },
});

Deno.test("patience comes from the environment; what is no number of seconds counts as none", () => {
  const of = (text: string | undefined) => timeoutSeconds(() => text);
  assert.deepEqual([of(undefined), of(""), of("90"), of("0"), of("0.5")], [60, 60, 90, 0, 0.5]);
  assert.deepEqual([of("soon"), of("-1"), of("Infinity")], [60, 60, 60]);
});
