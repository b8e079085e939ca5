/**
 * Runs the command line as people do: a process of its own, with the permissions that it ships with.
 *
 * @module
 */
import "./isolate.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PERMISSIONS } from "../../cli/compile.ts";
import { shellWord } from "../../lib/core/text.ts";
import { isSoftware, requestAdapter } from "../../lib/runtime/gpu/device.ts";

const adapter = await requestAdapter();

/** Whether there is a native GPU driver, hardware or not. */
export const HAS_GPU: boolean = adapter !== null;

/** What `--device auto` takes here. */
export const AUTO: "gpu" | "cpu" = adapter && !isSoftware(adapter.info) ? "gpu" : "cpu";

/** The repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** The command that messages name outside the repository's folder. */
export const PROGRAM = `deno run -RWE ${shellWord(`${ROOT}cli/main.ts`)}`;

/** How a process ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The process of a command line; it times no tiles and tests no adapter, so nothing depends on what the machine
 * remembers. */
export function command(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Record<string, string>;
    /** Permissions beside those that it ships with. */
    readonly more?: readonly string[];
  } = {},
): Deno.Command {
  // Deno fetches a package's versions again, and says so, until one process has lived long enough to keep them.
  const quiet = ["run", "--quiet", ...PERMISSIONS, ...options.more ?? []];
  return new Deno.Command(Deno.execPath(), {
    args: [...quiet, `${ROOT}cli/main.ts`, ...args],
    cwd: options.cwd ?? ROOT,
    env: {
      NO_COLOR: "1",
      QTRAIN_DATA: "",
      QTRAIN_NO_TUNE: "1",
      QTRAIN_NO_SELF_TEST: "1",
      ...options.env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs a command line to its end. No stack trace is ever right. */
export async function qtrain(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<Result> {
  const { code, stdout, stderr } = await command(args, options).output();
  const decoder = new TextDecoder();
  const result = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  assert.doesNotMatch(result.stdout + result.stderr, /\n\s+at |bug in qtrain/);
  return result;
}

/** Runs `body` in a new folder that holds `files`. */
export async function inFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "qtrain-test-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Compares with a file of tests/golden; `UPDATE_GOLDEN=1` writes it instead. */
export async function golden(name: string, text: string): Promise<void> {
  const path = `${ROOT}tests/golden/${name}`;
  if (Deno.env.get("UPDATE_GOLDEN")) await Deno.writeTextFile(path, text);
  assert.equal(text, await Deno.readTextFile(path), `tests/golden/${name}`);
}
