/**
 * What to do next with a run, as commands.
 *
 * @module
 */
import { shellWord } from "../../core/text.ts";
import type { RunView } from "../run_log.ts";

/** A command and what it does. */
export interface NextCommand {
  readonly does: string;
  readonly command: string;
}

/** What `qtrain` stands for in a command. */
export const QTRAIN_STANDS =
  "qtrain stands for the command that starts qtrain, such as deno task qtrain in its folder.";

/** What can be done next with a run. */
export function nextCommands(run: RunView): NextCommand[] {
  const { path, status, summary } = run, folder = shellWord(path);
  const best = summary?.best_step, other = typeof best === "number" && best !== summary?.steps;
  // All three take the same checkpoint.
  const which = other ? `the best checkpoint, of step ${best}` : "it",
    more = other ? " --best" : "";
  const use: NextCommand[] = [
    { does: `measures ${which}, class by class`, command: `qtrain eval ${folder}${more}` },
    { does: `predicts images by ${which}`, command: `qtrain predict ${folder} IMAGE${more}` },
    {
      does: `exports ${which} for other programs`,
      command: `qtrain export ${folder} --out FILE.onnx${more}`,
    },
  ];
  const resume = { does: "continues it", command: resumeCommand(path) };
  switch (status) {
    case "running":
      return [
        { does: "shows it in a browser as it goes on", command: `qtrain watch ${folder}` },
        { ...resume, does: "continues it, if it was killed" },
      ];
    case "done":
      return use;
    case "interrupted":
    case "stopped":
      return [resume, ...(run.epochs.length > 0 ? use : [])];
    case "diverged":
      return [{
        does: `${
          run.epochs.length > 0 ? "continues from the last good checkpoint" : "begins again"
        } with a smaller learning rate`,
        command: `${resume.command} ${lowerRate(run)}`,
      }];
  }
}

/** The command that resumes a run. */
export function resumeCommand(path: string): string {
  return `qtrain ${shellWord(`${path}/recipe.yaml`)} --out ${shellWord(path)} --resume`;
}

/** A learning rate of a tenth, as an override. */
function lowerRate({ recipe }: RunView): string {
  const train = recipe?.train as { optimizer?: { lr?: unknown } } | undefined;
  const rate = train?.optimizer?.lr;
  const lower = typeof rate === "number" && rate > 0
    ? Number(Math.min(rate / 10, 0.1).toPrecision(3))
    : 0.01;
  return `train.optimizer.lr=${lower}`;
}
