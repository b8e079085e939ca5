/**
 * Completion in PowerShell.
 *
 * @module
 */
import type { CommandWords, Completion, KeyWords } from "./words.ts";

/** The script. PowerShell completes files by itself where a script returns nothing. */
export function powershellScript(
  commands: readonly CommandWords[],
  keys: readonly KeyWords[],
): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const list = (words: readonly string[]) => `@(${words.map(quoted).join(", ")})`;
  const words = ({ words }: Completion) => list(words);
  const keyed = keys.flatMap(({ key, values }) =>
    values.length > 0 ? values.map((value) => `${key}=${value}`) : [`${key}=`]
  );
  const table = commands.map(({ name, options, arguments: given, keys: taken }) => {
    const valued = options.flatMap(({ flag, value }) =>
      value ? [`${quoted(flag)} = ${words(value)}`] : []
    );
    return `  ${quoted(name)} = @{ Options = ${list(options.map(({ flag }) => flag))}; ` +
      `Words = ${words(given)}; Keys = ${
        { none: "@()", set: "$QtrainSets", name: "$QtrainKeys" }[taken]
      }; Values = @{ ${valued.join("; ")} } }`;
  });
  return `# Completion of qtrain in PowerShell: qtrain completions powershell | Out-String | Invoke-Expression

$QtrainKeys = ${list(keys.map(({ key }) => key))}
$QtrainSets = ${list(keyed)}
$QtrainCommands = @{
${table.join("\n")}
}

Register-ArgumentCompleter -Native -CommandName qtrain -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $given = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($wordToComplete -ne '') { $given = @($given | Select-Object -SkipLast 1) }
  $command = $given | Where-Object { $QtrainCommands.ContainsKey($_) } | Select-Object -First 1
  if (-not $command -and ($given | Where-Object { $_ -match '\\.ya?ml$' })) { $command = 'train' }
  if (-not $command) { $found = @($QtrainCommands.Keys | Sort-Object) }
  else {
    $own = $QtrainCommands[$command]
    $last = $given | Select-Object -Last 1
    if ($last -and $own.Values.ContainsKey($last)) { $found = $own.Values[$last] }
    elseif ($wordToComplete -like '-*') { $found = $own.Options }
    else { $found = @($own.Words) + @($own.Keys) }
  }
  $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
