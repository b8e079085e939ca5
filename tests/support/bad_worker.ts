/**
 * A worker that says it is ready, and then, by the seed of the plan, hangs (1), dies (2) or ends
 * without a word (3).
 *
 * @module
 */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage(answer: unknown): void;
  close(): void;
};
let seed = 0;
scope.onmessage = ({ data }) => {
  if ("sources" in data) {
    seed = data.plan.seed;
    return scope.postMessage("ready");
  }
  if (seed === 1) { while (true); }
  if (seed === 2) throw new Error("no more");
  scope.close();
};
