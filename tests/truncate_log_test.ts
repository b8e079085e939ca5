import assert from "node:assert/strict";
import { truncateLog } from "../lib/train/run_folder/truncate_log.ts";
import { randomNumbers } from "./support/kills.ts";

/** What is left of a log that is cut behind a step. */
async function cut(log: string, step: number): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, log);
    await truncateLog(path, step);
    return await Deno.readTextFile(path);
  } finally {
    await Deno.remove(path);
  }
}

const line = (step: number, length = 0) => `{"step":${step},"x":"${"x".repeat(length)}"}\n`;

Deno.test("a log is cut behind the last line of a step, whatever lies behind it", async () => {
  const kept = line(1) + line(2) + line(2);
  const ends = [
    "",
    line(3) + line(4),
    '{"step":3,"lo',
    '{"step":2,"lo',
    line(3) + "\0".repeat(70_000), // what a file system leaves where it knew the length alone
    "\n\n",
    "null\n",
    '{"no":1}\n',
  ];
  for (const end of ends) assert.equal(await cut(kept + end, 2), kept);
  for (const [step, left] of [[0, ""], [1, line(1)], [9, kept]] as const) {
    assert.equal(await cut(kept, step), left);
  }
  assert.equal(await cut("torn", 5), "");
  assert.equal(await cut("", 5), "");
});

Deno.test("a log of many blocks, with lines of any length, is cut at every step", async () => {
  const random = randomNumbers(5), lines: string[] = [];
  for (let step = 1; step <= 40; step++) {
    const length = step % 7 === 0 ? 64 * 1024 * random() * 2.5 : 9000 * random();
    lines.push(line(step, Math.floor(length)));
  }
  const log = lines.join("");
  for (let step = 0; step <= 40; step++) {
    const left = await cut(log + '{"step":41', step);
    assert.ok(left === lines.slice(0, step).join(""), `step ${step}`);
  }
});

Deno.test("a log that is not there needs no cut", async () => {
  await truncateLog("/nowhere/metrics.jsonl", 3);
});
