/**
 * What the terminal can show, as far as the environment tells and may be asked. qtrain is not given leave
 * to read these variables by its own tasks; then a terminal is taken for one of today.
 *
 * @module
 */

/** Whether lines can be erased and rewritten: not by `TERM=dumb`, as in editors. */
export function canRewrite(): boolean {
  return variable("TERM") !== "dumb";
}

/** Whether the blocks of a sparkline can be shown: in UTF-8, and not by the Linux console's font. */
export function hasBlocks(): boolean {
  if (variable("TERM") === "linux") return false;
  const locale = variable("LC_ALL") || variable("LC_CTYPE") || variable("LANG");
  return !locale || Deno.build.os === "windows" || /utf-?8/i.test(locale);
}

function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
