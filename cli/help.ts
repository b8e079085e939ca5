/**
 * `qtrain help`: commands, topics and fields of recipes.
 *
 * @module
 */
import { nearest } from "../lib/core/did_you_mean.ts";
import { UsageError } from "../lib/core/errors.ts";
import { visible } from "../lib/core/text.ts";
import { type Command, defineCommand } from "./command.ts";
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
async function explain(word: string, commands: readonly Command[]): Promise<void> {
  const command = commands.find(({ name }) => name === word);
  const schema = await recipeSchema(), field = fieldHelp(schema, word);
  if (command) await command.run(["--help"]);
  const topic = Object.hasOwn(TOPICS, word) ? TOPICS[word] : undefined;
  if (topic) print(topic.text);
  if (field !== undefined) {
    const other = command || topic ? "\nOf a recipe: " : "";
    print(other + field);
  }
  if (command || topic || field !== undefined) return;
  const words = [...commands.map(({ name }) => name), ...Object.keys(TOPICS), ...fieldKeys(schema)];
  const last = word.includes(".") ? [] : words.filter((each) => each.endsWith(`.${word}`));
  const meant = last[0] ?? nearest(word, words);
  throw new UsageError(
    `qtrain help: expected a command, a topic or a field of recipes, got ${visible(word)}${
      meant ? ` (did you mean ${meant}?)` : ""
    }; qtrain help lists commands and topics`,
  );
}

function topicList(): string {
  const width = Math.max(...Object.keys(TOPICS).map((name) => name.length));
  return Object.entries(TOPICS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
    .join("\n");
}
