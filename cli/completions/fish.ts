/**
 * Completion in fish.
 *
 * @module
 */
import type { CommandWords, KeyWords } from "./words.ts";

/** The script. */
export function fishScript(commands: readonly CommandWords[], keys: readonly KeyWords[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const quoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const lines = [
    "# Completion of qtrain in fish: qtrain completions fish | source",
    "complete -c qtrain -f",
  ];
  const add = (when: string, rest: string) =>
    lines.push(`complete -c qtrain -n ${quoted(when)} ${rest}`);
  const none = `not __fish_seen_subcommand_from ${names}`;
  const recipes = "(__fish_complete_suffix .yaml)";
  for (const { name, summary } of commands) add(none, `-a ${name} -d ${quoted(summary)}`);
  add(none, `-a ${quoted(recipes)}`);
  for (const { name, options, arguments: given, keys: taken } of commands) {
    // A recipe without a command trains it.
    const when = name === "train"
      ? `__fish_seen_subcommand_from train; or ${none}`
      : `__fish_seen_subcommand_from ${name}`;
    for (const { flag, help, value } of options) {
      const takes = !value ? "" : value.files === "none" ? "-x " : "-r -F ";
      const words = value && value.words.length > 0 ? `-a ${quoted(value.words.join(" "))} ` : "";
      add(when, `-l ${flag.slice(2)} ${takes}${words}-d ${quoted(help)}`);
    }
    if (given.words.length > 0) add(when, `-a ${quoted(given.words.join(" "))}`);
    if (given.files === "all") add(when, "-F");
    if (given.files === "yaml" && name !== "train") add(when, `-a ${quoted(recipes)}`);
    if (taken === "set") add(when, `-a '(__qtrain_keys)'`);
    if (taken === "name") add(when, `-a ${quoted(keys.map(({ key }) => key).join(" "))}`);
  }
  const all = keys.flatMap(({ key, help, values }) =>
    (values.length > 0 ? values : [""]).map((value) =>
      `${quoted(`${key}=${value}`)} ${quoted(help)}`
    )
  );
  const keysFunction = [
    "function __qtrain_keys",
    `    printf '%s\\t%s\\n' \\\n        ${all.join(" \\\n        ")}`,
    "end",
  ];
  return [lines[0], "", ...keysFunction, "", ...lines.slice(1), ""].join("\n");
}
