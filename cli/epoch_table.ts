/**
 * Epochs as a table on a terminal: a header, and a row as each epoch ends. Columns that do not fit are
 * left out; when the width changes what fits, the header comes again.
 *
 * @module
 */
import type { EpochEvent, StepEvent } from "../lib/train/events.ts";
import { duration, percent } from "./format.ts";

/** What a row tells. */
type Row = Omit<EpochEvent, "type" | "evaluation">;
type Step = Pick<StepEvent, "learningRate" | "clipped" | "observations">;

/** A column. Of those that do not fit, the one with the highest `rank` goes first. */
interface Column {
  readonly header: string;
  readonly rank: number;
  readonly width: number;
  /** Undefined where there is nothing to tell in this run. */
  text(row: Row, step: Step | undefined): string | undefined;
}

const COLUMNS: readonly Column[] = [
  {
    header: "epoch",
    rank: 0,
    width: 5,
    text: ({ epoch, epochs }) => `${epoch}/${epochs}`,
  },
  { header: "train loss", rank: 3, width: 10, text: (row) => row.trainLoss.toFixed(4) },
  { header: "train acc", rank: 5, width: 9, text: (row) => percent(row.trainAccuracy, 2) },
  { header: "test loss", rank: 4, width: 9, text: (row) => row.testLoss.toFixed(4) },
  { header: "test acc", rank: 1, width: 8, text: (row) => percent(row.testAccuracy, 2) },
  {
    header: "top-5",
    rank: 6,
    width: 7,
    text: ({ testTop5 }) => testTop5 === undefined ? undefined : percent(testTop5, 2),
  },
  { header: "lr", rank: 7, width: 7, text: (_, step) => step?.learningRate.toExponential(1) },
  {
    header: "clipped",
    rank: 8,
    width: 7,
    text: (_, step) => step && step.observations.length > 0 ? percent(step.clipped, 2) : undefined,
  },
  { header: "time", rank: 2, width: 6, text: (row) => duration(row.seconds) },
];
/** Behind a row whose test accuracy is the best so far. */
const BEST = "  best";

/** The table of one run. */
export class EpochTable {
  #header = "";

  /**
   * The lines of an epoch: its row, below the header where that is new.
   *
   * @param step the last step, whose learning rate and clipped share are told
   * @param columns of the terminal
   */
  lines(row: Row, step: Step | undefined, columns: number): string {
    const cells = COLUMNS.flatMap(({ header, rank, width, text }) => {
      const value = text(row, step);
      if (value === undefined) return [];
      // As wide as the last epoch of the run: 99/100 below 9/100.
      const most = header === "epoch" ? 2 * String(row.epochs).length + 1 : 0;
      return [{ header, rank, value, width: Math.max(width, most) }];
    });
    const total = () => cells.reduce((sum, cell) => sum + cell.width + 2, -2) + BEST.length;
    while (total() >= columns && cells.length > 2) {
      const last = cells.reduce((most, cell) => cell.rank > most.rank ? cell : most);
      cells.splice(cells.indexOf(last), 1);
    }
    const header = cells.map((cell) => cell.header.padStart(cell.width)).join("  ");
    const line = cells.map((cell) => cell.value.padStart(cell.width)).join("  ");
    const full = row.isBest ? line + BEST : line;
    if (header === this.#header) return full;
    this.#header = header;
    const rule = cells.map((cell) => "─".repeat(cell.width)).join("  ");
    return [header, rule, full].join("\n");
  }
}
