/**
 * Results on stdout. If the reader has gone (`qtrain … | head`), the rest is dropped without an error.
 *
 * @module
 */

let open = true;

/** Writes one or several lines to stdout. */
export function print(text: string): void {
  const bytes = new TextEncoder().encode(text + "\n");
  try {
    for (let at = 0; open && at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    open = false;
  }
}

/** Writes a value to stdout as JSON, on one line or indented. */
export function printJson(value: unknown, indent?: number): void {
  print(JSON.stringify(value, null, indent));
}

/** The command that starts qtrain, for hints: the binary, or the task of this source. */
export const PROGRAM = Deno.build.standalone ? "qtrain" : "deno task qtrain";
