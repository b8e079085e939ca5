/**
 * Completion in zsh.
 *
 * @module
 */
import { type CommandWords, type Completion, type KeyWords, single } from "./words.ts";

const FILES = { none: "", yaml: `_files -g "*.(yaml|yml)"`, all: "_files" } as const;
const KEYS = { none: "", set: "; _qtrain_keys -S = -q", name: "; _qtrain_keys" } as const;

/** The script. */
export function zshScript(commands: readonly CommandWords[], keys: readonly KeyWords[]): string {
  const described = (name: string, text: string) =>
    single(`${name.replaceAll(":", "\\:")}:${text.replaceAll(":", "\\:")}`);
  const reply = ({ words, files }: Completion) =>
    [words.length > 0 ? `compadd -- ${words.join(" ")}` : "", FILES[files]]
      .filter((part) => part !== "").join("; ") || ":";
  const values = keys.filter(({ values }) => values.length > 0)
    .map(({ key, values }) => `      ${key}=*) compset -P '*='; compadd -- ${values.join(" ")} ;;`);
  const options = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flag, value }) =>
      value ? [`    '${name} ${flag}') ${reply(value)}; return ;;`] : []
    )
  );
  const flags = commands.map(({ name, options }) =>
    `      ${name}) found=(${options.map(({ flag, help }) => described(flag, help)).join(" ")}) ;;`
  );
  const rest = commands.map(({ name, arguments: given, keys: taken }) =>
    `    ${name}) ${reply(given)}${KEYS[taken]} ;;`
  );
  return `#compdef qtrain
# Completion of qtrain in zsh: source <(qtrain completions zsh)

_qtrain_keys() {
  compadd "$@" -- ${keys.map(({ key }) => key).join(" ")}
}

_qtrain() {
  local command= word prev=\${words[CURRENT-1]}
  local -a found
  for word in \${words[2,CURRENT-1]}; do
    case $word in
      ${commands.map(({ name }) => name).join("|")}) command=$word; break ;;
      *.yaml|*.yml) command=train; break ;;
    esac
  done
  if [[ $PREFIX == [a-z]*=* ]]; then
    case $PREFIX in
${values.join("\n")}
      *root=*|init=*) compset -P '*='; _files ;;
    esac
    return
  fi
  case "$command $prev" in
${options.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    case $command in
${flags.join("\n")}
      *) found=('--help:show the help' '--version:show the version') ;;
    esac
    _describe option found
    return
  fi
  case $command in
    "") found=(${commands.map(({ name, summary }) => described(name, summary)).join(" ")})
      _describe command found; _files -g "*.(yaml|yml)" ;;
${rest.join("\n")}
  esac
}

compdef _qtrain qtrain
`;
}
