/**
 * Results on stdout. A reader that has gone (`qtrain … | head`) is no error: the rest is dropped.
 *
 * @module
 */

let open = true;

/** Writes a line, or several, to stdout. */
export function print(text: string): void {
  const bytes = new TextEncoder().encode(text + "\n");
  try {
    for (let at = 0; open && at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    open = false;
  }
}

/** Writes a value to stdout as JSON: on one line, or indented for a person too. */
export function printJson(value: unknown, indent?: number): void {
  print(JSON.stringify(value, null, indent));
}

/** How the person who reads a hint starts qtrain: the binary, or this source's task. */
export const PROGRAM = Deno.build.standalone ? "qtrain" : "deno task qtrain";
