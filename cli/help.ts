/**
 * `qtrain help`: commands, topics and fields of recipes.
 *
 * @module
 */
import { nearest } from "../lib/core/did_you_mean.ts";
import { UsageError } from "../lib/core/errors.ts";
import { visible } from "../lib/core/text.ts";
import type { JsonSchema } from "../lib/recipe/json_schema.ts";
import { meantKey } from "../lib/recipe/recipe_errors.ts";
import { type Command, defineCommand } from "./command.ts";
import { keyWords } from "./completions/words.ts";
import { fieldHelp, fieldKeys } from "./help/fields.ts";
import { TOPICS } from "./help/topics.ts";
import { print } from "./print.ts";
import { recipeSchema } from "./recipe_schema.ts";

/**
 * `qtrain help`.
 *
 * @param all loads all commands
 * @param overview the text of `qtrain --help`
 */
export function helpCommand(
  all: () => Promise<readonly Command[]>,
  overview: () => Promise<string>,
): Command {
  return defineCommand({
    name: "help",
    synopsis: "qtrain help [COMMAND|TOPIC|FIELD]",
    summary: "Explains a command, a topic, or a field of recipes such as train.optimizer.lr.",
    details: `Topics:\n${topicList()}`,
    options: {},
    words: Object.keys(TOPICS),
    async run({ positionals: [topic, ...more] }) {
      if (more.length > 0) {
        throw new UsageError(
          `qtrain help: expected one command, topic or field, got ${more.length + 1}`,
        );
      }
      if (topic === undefined) {
        print(`${await overview()}\n\nTopics (qtrain help TOPIC):\n${topicList()}`);
      } else await explain(topic, await all());
      return 0;
    },
  });
}

/** Prints what there is on a word: a command may have the name of a field too. */
async function explain(given: string, commands: readonly Command[]): Promise<void> {
  const word = given.replace(/(?<=.)\.$/, ""); // As completion leaves it: train.
  const command = commands.find(({ name }) => name === word);
  const schema = await recipeSchema(), field = fieldHelp(schema, word);
  if (command) await command.run(["--help"]);
  const topic = Object.hasOwn(TOPICS, word) ? TOPICS[word] : undefined;
  if (topic) print(topic.text);
  if (field !== undefined) {
    const other = command || topic ? "\nOf a recipe: " : "";
    print(other + field);
  }
  if (command || topic || field !== undefined || explainValue(word, schema)) return;
  const names = [...commands.map(({ name }) => name), ...Object.keys(TOPICS)];
  const meant = meantWord(word, names, fieldKeys(schema));
  throw new UsageError(
    `qtrain help: expected a command, a topic or a field of recipes, got ${visible(word)}${
      meant ? ` (did you mean ${meant}?)` : ""
    }; qtrain help lists commands and topics`,
  );
}

/** Prints the field that has a word as a value, and the names of others; returns whether one has. */
function explainValue(word: string, schema: JsonSchema): boolean {
  const [first, ...others] = /^(true|false)$/.test(word) ? [] : keyWords(schema)
    .filter(({ values }) => values.includes(word)).map(({ key }) => key);
  if (first === undefined) return false;
  const also = others.length === 0 ? "" : `, and of ${others.join(", ")}`;
  print(`${word} is a value of ${first}${also}\n\n${fieldHelp(schema, first)}`);
  return true;
}

/** The word that was most likely meant: of a path, the field that a recipe's error would name. */
function meantWord(
  word: string,
  names: readonly string[],
  keys: readonly string[],
): string | undefined {
  const path = word.split("."), above = word.slice(0, word.length - path.at(-1)!.length);
  const siblings = keys.filter((key) => key.startsWith(above))
    .map((key) => key.slice(above.length)).filter((rest) => !rest.includes("."));
  if (path.length > 1) {
    return meantKey(path, siblings, [...keys, ...names]) ?? nearest(word, keys);
  }
  const last = (key: string) => key.slice(key.lastIndexOf(".") + 1);
  const ofLast = (name: string | undefined) => keys.find((key) => last(key) === name);
  return ofLast(word) ?? nearest(word, [...names, ...keys]) ??
    ofLast(nearest(word, keys.map(last)));
}

function topicList(): string {
  const width = Math.max(...Object.keys(TOPICS).map((name) => name.length));
  return Object.entries(TOPICS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
    .join("\n");
}
