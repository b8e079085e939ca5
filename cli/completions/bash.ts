/**
 * Completion in bash.
 *
 * @module
 */
import type { CommandWords, Completion, KeyWords } from "./words.ts";

const FILES = { none: "", yaml: "_qtrain_recipes", all: "_qtrain_files" } as const;
const KEYS = { none: "", set: "_qtrain_keys =", name: "_qtrain_keys ''" } as const;

/** The script. Words have no blanks and no characters that a shell gives a meaning. */
export function bashScript(commands: readonly CommandWords[], keys: readonly KeyWords[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const cases = (make: (command: CommandWords) => string | undefined) =>
    commands.flatMap((command) => {
      const body = make(command);
      return body === undefined ? [] : [`    ${command.name}) ${body} ;;`];
    }).join("\n");
  const reply = ({ words, files }: Completion) =>
    [words.length > 0 ? `_qtrain_words "${words.join(" ")}"` : "", FILES[files]]
      .filter((part) => part !== "").join("; ");
  const options = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flag, value }) =>
      value ? [`    "${name} ${flag}") ${reply(value) || ":"}; return ;;`] : []
    )
  ).join("\n");
  const values = keys.filter(({ values }) => values.length > 0)
    .map(({ key, values }) => `    ${key}) _qtrain_words "${values.join(" ")}" ;;`).join("\n");
  return `# Completion of qtrain in bash: eval "$(qtrain completions bash)"

_qtrain_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }

# A word is a file only where one is found: of others, bash would put a backslash before =.
_qtrain_file() {
  compopt -o filenames 2>/dev/null
  COMPREPLY+=("$1")
}

_qtrain_files() {
  local file
  while IFS= read -r file; do _qtrain_file "$file"; done < <(compgen -f -- "$cur")
}

_qtrain_recipes() {
  local file
  while IFS= read -r file; do
    if [[ -d $file || $file == *.yaml || $file == *.yml ]]; then _qtrain_file "$file"; fi
  done < <(compgen -f -- "$cur")
}

# Fields of a recipe, a part at a time: train. then train.optimizer. then train.optimizer.lr
# with what $1 adds, the = that sets it
_qtrain_keys() {
  local key rest next seen=" "
  for key in ${keys.map(({ key }) => key).join(" ")}; do
    [[ $key == "$cur"* ]] || continue
    rest=\${key#"$cur"}
    if [[ $rest == *.* ]]; then next="$cur\${rest%%.*}."; else next="$key$1"; fi
    [[ $seen == *" $next "* ]] && continue
    seen+="$next "
    COMPREPLY+=("$next")
    if [[ $next == *[.=] ]]; then compopt -o nospace 2>/dev/null; fi
  done
}

_qtrain_values() {
  case "$1" in
${values}
  esac
}

_qtrain() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command="" word i
  local line="\${COMP_LINE:0:COMP_POINT}"
  local last="\${line##*[[:space:]]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case " ${names} " in *" $word "*) command="$word"; break ;; esac
    case "$word" in *.yaml | *.yml) command=train; break ;; esac
  done
  if [[ $last == *=* ]]; then # bash splits words at = where COMP_WORDBREAKS has it
    cur="\${last#*=}"
    prev="\${last%%=*}"
    if [[ $prev != -* ]]; then
      _qtrain_values "$prev"
      if [[ \${#COMPREPLY[@]} == 0 && $prev == *root || $prev == init ]]; then _qtrain_files; fi
    fi
    if [[ $prev == -* ]]; then :; elif [[ $COMP_WORDBREAKS == *=* ]]; then return; else
      COMPREPLY=("\${COMPREPLY[@]/#/$prev=}")
      return
    fi
  fi
  case "$command $prev" in
${options}
  esac
  if [[ $cur == -* ]]; then
    case "$command" in
${cases(({ options }) => `_qtrain_words "${options.map(({ flag }) => flag).join(" ")}"`)}
    *) _qtrain_words "--help --version" ;;
    esac
    return
  fi
  case "$command" in
    "") _qtrain_words "${names}"; _qtrain_recipes ;;
${
    cases((command) => {
      const parts = [reply(command.arguments), KEYS[command.keys]];
      return parts.filter((part) => part !== "").join("; ") || undefined;
    })
  }
  esac
}

complete -F _qtrain qtrain
`;
}
