/**
 * The figures of pages about runs: what they draw of numbers that are missing, of names that are
 * hostile, and of very many classes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Curve, curvePlot, shareTick, short, smooth } from "../lib/view/plot/curve_plot.ts";
import { confusionPlot } from "../lib/view/plot/confusion_plot.ts";
import { errorAxis, linear } from "../lib/view/plot/axis.ts";
import { rangeAxis, rangeOverview, rangePanel } from "../lib/view/plot/range_plot.ts";
import { reliabilityPlot } from "../lib/view/plot/reliability_plot.ts";
import { pageHtml } from "../lib/view/page.ts";
import type { ConfusionCell } from "../lib/metrics/prediction_metrics.ts";

const HOSTILE = `<script>alert("x")</script>'&\u202e🐈`;

/** Checks that elements are closed in order, attributes quoted, nothing is loaded, no number is none. */
function assertFigure(html: string): void {
  assert.doesNotMatch(html, /NaN|Infinity|undefined|null|https?:|url\(|<script|\u202e/);
  const open: string[] = [];
  const element = /<(\/?)([a-z0-9]+)((?:\s+[a-zA-Z-]+="[^"<>]*")*)\s*(\/?)>|([<>])/g;
  for (const [, closes, name, , empty, stray] of html.matchAll(element)) {
    assert.equal(stray, undefined, "a bare < or >");
    if (closes) assert.equal(open.pop(), name);
    else if (!empty) open.push(name!);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(html.replace(/&(amp|lt|gt|quot|#39);/g, ""), /&/, "a bare &");
}

function curve(points: Curve["points"], more: Partial<Curve> = {}): Curve {
  return { name: "training", classes: "c0", points, ...more };
}

function plotOf(curves: readonly Curve[], scale: "spread" | "share" | "zero" = "spread"): string {
  return curvePlot({ title: "loss by step", curves, format: short, scale });
}

Deno.test("a curve without numbers is nothing, and one point is a dot", () => {
  assert.equal(plotOf([]), "");
  assert.equal(plotOf([curve([])]), "");
  assert.equal(plotOf([curve([[1, null], [2, NaN]])]), "");
  for (const scale of ["spread", "share", "zero"] as const) {
    for (const value of [0, 0.5, 1]) {
      const one = plotOf([curve([[1, value]])], scale);
      assertFigure(one);
      assert.equal([...one.matchAll(/<circle class="line c0"/g)].length, 1);
    }
  }
});

Deno.test("what is not a number leaves a gap, and a point between two gaps is a dot", () => {
  const figure = plotOf([
    curve([[1, 2], [2, 1.5], [3, null], [4, 1.2], [5, NaN], [6, 1], [7, 0.9]]),
  ]);
  assertFigure(figure);
  const [, values, d] = figure.match(/data-values="([^"]*)" d="([^"]*)"/)!;
  assert.equal(values, "1 2 2 1.5 4 1.2 6 1 7 0.9");
  assert.equal([...d!.matchAll(/M/g)].length, 3);
  assert.equal(d!.match(/[\d.]+/g)!.length, values!.split(" ").length, "a place for each value");
  assert.equal([...figure.matchAll(/<circle class="line c0"/g)].length, 1);
});

Deno.test("a figure says the last values in words, for readers that hear it and without a script", () => {
  const curves = [curve([[1, 0.5], [1200, 0.871]]), curve([[1200, 0.9]], { name: HOSTILE })];
  const figure = curvePlot({ title: "accuracy", curves, format: shareTick, scale: "share" });
  assertFigure(figure);
  assert.match(figure, /role="img" aria-label="accuracy: training 87\.10% \(1,200\), &lt;script/);
  assert.match(figure, /<p class="readout">training 87\.10% \(1,200\), /);
  const many = Array.from(
    { length: 30 },
    (_, i) => curve([[1, i + 1], [9, 1]], { name: `run ${i}` }),
  );
  assert.match(plotOf(many), /<p class="readout">30 curves</);
});

Deno.test("figures of many long curves stay small", () => {
  const points = Array.from({ length: 10_000 }, (_, i) => [i, 2 / (i + 1)] as const);
  const few = plotOf([curve(points), curve(smooth(points))]);
  assert.ok(few.length < 16_000, `${few.length} characters`);
  const many = plotOf(Array.from({ length: 100 }, () => curve(points)));
  assert.ok(many.length < 120_000, `${many.length} characters`);
  const skipped = Array.from({ length: 1000 }, (_, i) => i), epochs = skipped;
  const marked = curvePlot({
    title: "",
    curves: [curve(points)],
    format: short,
    scale: "spread",
    skipped,
    epochs,
  });
  assertFigure(marked);
  assert.ok(marked.length < 30_000, `${marked.length} characters`);
});

Deno.test("a run that diverged does not squeeze the others", () => {
  const good = curve([[1, 2], [9, 1]]), bad = curve([[1, 2], [9, 1e30]], { aside: true });
  const ticks = (figure: string) =>
    [...figure.matchAll(/text-anchor="end">([^<]*)</g)].map(([, t]) => t);
  assert.deepEqual(ticks(plotOf([good, bad])), ticks(plotOf([good])));
  assertFigure(plotOf([good, bad]));
  assertFigure(plotOf([bad]));
});

Deno.test("accuracies are logarithmic in the error where errors differ five times", () => {
  assert.equal(errorAxis([0.9, 0.92]), undefined);
  const axis = errorAxis([0.5, 0.99])!;
  assert.ok(axis.at(0.99) - axis.at(0.95) > axis.at(0.9) - axis.at(0.86));
  assert.match(plotOf([curve([[1, 0.5], [2, 0.99]])], "share"), /logarithmic in the error/);
  assertFigure(plotOf([curve([[1, 0], [2, 1], [3, 0.99]])], "share"));
});

/** A matrix in which each class has images, and is taken for some others. */
function cellsOf(classes: number): ConfusionCell[] {
  return Array.from({ length: classes * 12 }, (_, i): ConfusionCell => {
    const label = Math.floor(i / 12), k = i % 12;
    return [label, (label + k * k * 7) % classes, k === 0 ? 1234 : k];
  });
}

Deno.test("a confusion matrix of ten classes is a table with counts, shares and whole names", () => {
  const names = [HOSTILE, "a name that is much longer than the column it heads", ..."cdefghij"];
  const figure = confusionPlot(names, [[0, 0, 1234], [0, 1, 6], [1, 0, 2], [9, 9, 1]]);
  assertFigure(figure);
  assert.match(figure, />1,234<\/td>/);
  assert.match(figure, /title="0\.5% of &lt;script/);
  assert.match(figure, /title="a name that is much longer than the column it heads">.*a name.*…</);
  assert.equal([...figure.matchAll(/<th scope="row"/g)].length, 10);
  assert.equal([...figure.matchAll(/<th scope="col"/g)].length, 10);
});

Deno.test("a hundred classes are cells with their names, a thousand are a picture of 200 KB at most", () => {
  for (const [classes, titles, most] of [[100, 800, 250_000], [1000, 0, 200_000]] as const) {
    const names = Array.from({ length: classes }, (_, i) => `${HOSTILE} ${i}`);
    const figure = confusionPlot(names, cellsOf(classes));
    assertFigure(figure);
    assert.equal([...figure.matchAll(/<title>/g)].length, titles);
    assert.match(figure, /role="img" aria-label="confusion matrix of (100|1,000) classes: \d/);
    assert.ok(figure.length < most, `${figure.length} characters`);
  }
  const all = Array.from(
    { length: 1e6 },
    (_, i): ConfusionCell => [Math.floor(i / 1000), i % 1000, 1],
  );
  const names = Array.from({ length: 1000 }, (_, i) => `${i}`);
  assert.ok(confusionPlot(names, all).length < 450_000, "with every cell filled");
  assert.equal(confusionPlot(["a"], []), "");
});

Deno.test("ranges are drawn where values are missing, equal, or of one outlier", () => {
  const point = (step: number, min: number | null, max: number | null, low: number | null = -1) => (
    { step, min, max, low, high: low === null ? null : 1, clipped: 0.01 }
  );
  const points = [point(1, -1, 1), point(2, null, null), point(3, 0, 0, null), point(4, -1e30, 2)];
  const y = rangeAxis(points);
  assertFigure(rangePanel(HOSTILE, points, { y, classes: "c0", most: 40 }));
  assertFigure(rangePanel("none", [], { y: rangeAxis([]), classes: "c0", most: 40 }));
  assertFigure(rangePanel("one", [point(5, 1, 2)], { y, classes: "c0", most: 40 }));
  const rows = points.map((last, i) => ({ name: `${HOSTILE}${i}`, last, clipped: i / 3 }));
  assertFigure(rangeOverview(HOSTILE, rows));
  assert.equal(
    rangeOverview("none", [{ name: "a", last: point(1, null, null, null), clipped: 0 }]),
    "",
  );
  const small = rangeOverview("small", [{ name: "a", last: point(1, -1, 1), clipped: 1e-7 }]);
  assert.match(small, />&lt;0\.001%</);
  assert.match(small, /<title>a: saw −1 to 1, range −1 to 1, clipped 0\.000%/);
});

Deno.test("a reliability diagram says its values in words, and is nothing without images", () => {
  assert.equal(reliabilityPlot([]), "");
  assert.equal(reliabilityPlot([{ bins: [], classes: "c0" }]), "");
  const bins = [{ images: 4, confidence: 0.5, accuracy: 0.25 }, {
    images: 1,
    confidence: 1,
    accuracy: 1,
  }];
  const figure = reliabilityPlot([{ bins, classes: "c0" }]);
  assertFigure(figure);
  assert.match(figure, /aria-label="[^"]*at 50%, 25% right; at 100%, 100% right"/);
});

Deno.test("a page lets its own script run and no other, and loads nothing", () => {
  const html = plotOf([curve([[1, 2], [2, 1]])]);
  const page = pageHtml({ title: HOSTILE, sections: [{ id: "a", title: HOSTILE, html }] });
  assert.equal([...page.matchAll(/<script/g)].length, 1);
  assert.match(page, /default-src 'none'.*script-src 'sha256-/);
  assert.doesNotMatch(page, /https?:|url\(|@import|\bsrc=/);
});

Deno.test("an axis of values that are equal but for their last digits has few ticks", () => {
  const close = [[2.302585092994046, 2.3025850929940464], [1e17, 1e17 + 16], [-5e-324, 5e-324]];
  for (const [low, high] of close) {
    const { ticks, at } = linear(low!, high!);
    assert.ok(ticks.length <= 12, `${low} to ${high}: ${ticks.length} ticks`);
    assert.ok(ticks.every((tick) => Number.isFinite(at(tick))));
  }
});
