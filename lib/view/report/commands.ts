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
  const best = summary?.best_step, isBest = best === summary?.steps;
  const use: NextCommand[] = [
    { does: "measures it again, class by class", command: `qtrain eval ${folder}` },
    { does: "predicts images", command: `qtrain predict ${folder} IMAGE` },
    { does: "exports it for other programs", command: `qtrain export ${folder} --out FILE.onnx` },
  ];
  if (typeof best === "number" && !isBest) {
    use[0] = {
      does: `measures the best checkpoint, of step ${best}`,
      command: `qtrain eval ${folder} --best`,
    };
  }
  const resume = { does: "continues it", command: resumeCommand(path) };
  switch (status) {
    case "running":
      return [{ does: "shows it in a browser as it goes on", command: `qtrain watch ${folder}` }];
    case "done":
      return use;
    case "interrupted":
    case "stopped":
      return [resume, ...(run.epochs.length > 0 ? use : [])];
    case "diverged":
      return [{
        does: "continues from the last good checkpoint with a smaller learning rate",
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
