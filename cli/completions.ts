/**
 * `qtrain completions`: prints a script that completes commands, options, files and fields of recipes.
 *
 * @module
 */
import { nearest } from "../lib/core/did_you_mean.ts";
import { UsageError } from "../lib/core/errors.ts";
import { visible } from "../lib/core/text.ts";
import { type Command, defineCommand } from "./command.ts";
import { bashScript } from "./completions/bash.ts";
import { fishScript } from "./completions/fish.ts";
import { powershellScript } from "./completions/powershell.ts";
import { type CommandWords, commandWords, type KeyWords, keyWords } from "./completions/words.ts";
import { zshScript } from "./completions/zsh.ts";
import { print } from "./print.ts";
import { recipeSchema } from "./recipe_schema.ts";

/** What makes the script of each shell. */
const SHELLS: Readonly<
  Record<string, (commands: readonly CommandWords[], keys: readonly KeyWords[]) => string>
> = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript };

/** `qtrain completions`. @param all loads all commands, whose options are completed */
export function completionsCommand(all: () => Promise<readonly Command[]>): Command {
  return defineCommand({
    name: "completions",
    synopsis: `qtrain completions ${Object.keys(SHELLS).join("|")}`,
    summary: "Prints a script by which a shell completes commands, options and fields of recipes.",
    details: `Add the line to the file that your shell reads at start, for a command called qtrain:
bash        ~/.bashrc                    eval "$(qtrain completions bash)"
zsh         ~/.zshrc, after compinit     source <(qtrain completions zsh)
fish        ~/.config/fish/config.fish   qtrain completions fish | source
PowerShell  $PROFILE                     qtrain completions powershell | Out-String | Invoke-Expression`,
    options: {},
    async run({ positionals }) {
      const [shell = "", ...more] = positionals, names = Object.keys(SHELLS);
      if (!Object.hasOwn(SHELLS, shell) || more.length > 0) {
        const meant = nearest(shell, names);
        throw new UsageError(
          `qtrain completions: expected one of ${names.join(", ")}, got ${
            positionals.map(visible).join(" ") || "nothing"
          }${meant && meant !== shell ? ` (did you mean ${meant}?)` : ""}`,
        );
      }
      print(SHELLS[shell]!(commandWords(await all()), keyWords(await recipeSchema())).trimEnd());
      return 0;
    },
  });
}
