/**
 * The live view of a run in training, in a thread of its own: the training thread blocks while it waits
 * for a GPU, and rendering takes none of its time. `live_thread.ts` starts it and sends it messages.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { LiveServer } from "./server.ts";

/** A message to the worker: what to show, or what to say at the end. */
export type ToWorker =
  | { readonly path: string; readonly port: number | undefined }
  | { readonly farewell: string };

/** A message from the worker: where to look, why it cannot, or that it has ended. */
export type FromWorker =
  | { readonly url: string }
  | { readonly message: string }
  | { readonly closed: true };

/** The part of the global scope of a worker that is used here. */
interface Scope {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker): void;
}

function serve(scope: Scope): void {
  let server: LiveServer | undefined;
  scope.onmessage = async ({ data }) => {
    if ("farewell" in data) {
      await server?.close(data.farewell);
      return scope.postMessage({ closed: true });
    }
    try {
      server = LiveServer.start(data.path, data.port);
      scope.postMessage({ url: server.url });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      scope.postMessage({ message: error.message });
    }
  };
}

// The training thread imports types from here.
if ("WorkerGlobalScope" in globalThis) serve(globalThis as unknown as Scope);
