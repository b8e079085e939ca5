/**
 * `deno task test:mutations [RECIPES FILES]`: damaged recipes and files, in one process. Every one of
 * them must be good all the same or be refused with a message for a person, its place and exit code 2.
 *
 * @module
 */
import type { Verdicts } from "../support/hostile.ts";
import { tryData } from "../support/mutated_data.ts";
import { tryRecipes } from "../support/mutated_recipes.ts";

const [recipes = 5000, files = 2000] = Deno.args.map(Number);
let wrong = 0;

function show(what: string, found: Verdicts): void {
  const { tried, accepted, refused, slowest, slowestName, growth } = found;
  console.log(
    `${tried} ${what}: ${refused} refused, ${accepted} good all the same, ` +
      `${found.wrong.length} wrong; at most ${Math.round(slowest)} ms (${slowestName}), ` +
      `${Math.round(growth / 2 ** 20)} MiB more`,
  );
  for (const line of found.wrong) console.log(line);
  wrong += found.wrong.length;
}

show("damaged recipes", await tryRecipes(recipes));
show("damaged files", await tryData(files));
Deno.exit(wrong > 0 ? 1 : 0);
