/**
 * Reads server-sent events, as a browser does.
 *
 * @module
 */
import assert from "node:assert/strict";

/** An event of a live page. */
export interface LiveEvent {
  readonly name: string;
  // deno-lint-ignore no-explicit-any
  readonly data: any;
}

/** Seconds to wait for an event. */
const PATIENCE_S = 15;

/** The events of an address. */
export class LiveEvents implements AsyncDisposable {
  /** All so far. */
  readonly all: LiveEvent[] = [];
  /** Settles when the server has ended the connection. */
  readonly end: Promise<void>;
  readonly #controller = new AbortController();
  #more = Promise.withResolvers<void>();

  private constructor(response: Response) {
    this.end = this.#read(response);
  }

  /** Listens; `have` are versions of sections, by id. */
  static async open(url: string, have: Readonly<Record<string, string>> = {}): Promise<LiveEvents> {
    const text = Object.entries(have).map(([id, version]) => `${id}:${version}`).join(",");
    const response = await fetch(`${url}?events=${encodeURIComponent(text)}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    return new LiveEvents(response);
  }

  /** The first event that fits, among all so far and those to come. */
  async find(
    name: string,
    fits: (data: LiveEvent["data"]) => boolean = () => true,
  ): Promise<LiveEvent> {
    for (const end = Date.now() + 1000 * PATIENCE_S; Date.now() < end;) {
      const found = this.all.find((event) => event.name === name && fits(event.data));
      if (found) return found;
      const late = setTimeout(() => this.#more.resolve(), 500);
      await this.#more.promise;
      clearTimeout(late);
      this.#more = Promise.withResolvers();
    }
    assert.fail(`no such ${name} among ${JSON.stringify(this.all).slice(0, 2000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.end;
  }

  async #read(response: Response): Promise<void> {
    let text = "";
    const { signal } = this.#controller;
    try {
      const taken = response.body!.pipeThrough(new TextDecoderStream(), { signal });
      for await (const piece of taken) {
        const parts = (text + piece).split("\n\n");
        text = parts.pop()!;
        for (const part of parts) {
          const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
          if (name) this.all.push({ name, data: JSON.parse(data!) });
        }
        this.#more.resolve();
      }
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
    }
    this.#more.resolve();
  }
}
