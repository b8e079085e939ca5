/**
 * `deno task test [FILE…] [OPTION…]`: runs the tests of all files, or of some, with options of
 * `deno test`. The files are spread over processes, as a test waits for the GPU most of its time, and
 * every process has a throw-away home (support/isolate.ts).
 *
 * The last line counts as `deno test` does; the exit code is 1 if any test failed.
 *
 * @module
 */
import "./support/isolate.ts";

/** Files that take longest, longest first: each is a process, started before all others. */
const SLOW = [
  "kernels",
  "tiles",
  "simulated",
  "tint",
  "cli_bench",
  "permissions",
  "cli_compare",
  "init",
  "memory",
]
  .map((name) => `tests/${name}_test.ts`);

/** Files of a process: starting one takes about a second of a core. */
const FILES_TOGETHER = 6;

/** A software adapter and the tests share the cores. */
const MAX_PROCESSES = 4;

/** What to run, in order. */
function groups(files: readonly string[]): string[][] {
  const first = SLOW.filter((file) => files.includes(file)).map((file) => [file]);
  const rest = files.filter((file) => !SLOW.includes(file));
  for (let at = 0; at < rest.length; at += FILES_TOGETHER) {
    first.push(rest.slice(at, at + FILES_TOGETHER));
  }
  return first;
}

/** Every test file. */
function allFiles(): string[] {
  const names = Array.from(Deno.readDirSync("tests"), ({ name }) => `tests/${name}`);
  return names.filter((name) => name.endsWith("_test.ts")).sort();
}

/** What `deno test` counts: `ok | 12 passed (3 steps) | 0 failed | 1 ignored (4s)`. */
interface Counts {
  passed: number;
  steps: number;
  failed: number;
  ignored: number;
  filtered: number;
}

/** Adds the counts of a process's last line; false without one: a file did not load. */
function count(output: string, counts: Counts): boolean {
  const line = output.match(/^(?:ok|FAILED) \| \d+ passed.*$/gm)?.at(-1);
  const of = (what: RegExp) => Number(line?.match(what)?.[1] ?? 0);
  counts.passed += of(/(\d+) passed/);
  counts.steps += of(/passed \((\d+) steps?\)/);
  counts.failed += of(/(\d+) failed/);
  counts.ignored += of(/(\d+) ignored/);
  counts.filtered += of(/(\d+) filtered out/);
  return line !== undefined;
}

async function runAll(args: readonly string[]): Promise<boolean> {
  const files = args.filter((arg) => arg.endsWith(".ts"));
  const options = args.filter((arg) => !files.includes(arg));
  const waiting = groups(files.length > 0 ? files : allFiles());
  const counts: Counts = { passed: 0, steps: 0, failed: 0, ignored: 0, filtered: 0 };
  const failures: string[] = [], began = Date.now(), decoder = new TextDecoder();
  let ok = true;
  const work = async () => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "--no-check", "--permit-no-files", ...options, ...group],
        env: { NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const text = decoder.decode(stdout) + decoder.decode(stderr);
      console.log(text.trim() + "\n");
      const loaded = count(text, counts);
      if (success) continue;
      ok = false;
      failures.push(...text.match(/^.* => \.\/tests\/\S+:\d+:\d+$/gm) ?? []);
      if (!loaded) failures.push(`${group.join(" ")}: did not run to the end`);
    }
  };
  const cores = Math.min(MAX_PROCESSES, navigator.hardwareConcurrency);
  await Promise.all(Array.from({ length: cores }, work));
  const { passed, steps, failed, ignored, filtered } = counts;
  const seconds = Math.round((Date.now() - began) / 1000);
  for (const line of new Set(failures)) console.log(line);
  console.log(
    [
      `${ok ? "ok" : "FAILED"} | ${passed} passed${steps > 0 ? ` (${steps} steps)` : ""}`,
      `${failed} failed`,
      ...ignored > 0 ? [`${ignored} ignored`] : [],
      ...filtered > 0 ? [`${filtered} filtered out`] : [],
    ].join(" | ") + ` (${Math.floor(seconds / 60)}m${seconds % 60}s)`,
  );
  return ok;
}

Deno.exit(await runAll(Deno.args) ? 0 : 1);
