/**
 * A page that follows its source: browsers subscribe to the sections that change.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { QtrainError } from "../../core/errors.ts";
import type { Section } from "../page.ts";

/** How a page stands, in words for its reader. */
export interface LiveState {
  /** `live`: more will come; `ended`: it may go on; `gone`: the source has vanished. */
  readonly kind: "live" | "ended" | "gone";
  readonly text: string;
}

/** What a page shows now. */
export interface LiveContent {
  readonly title: string;
  readonly state: LiveState;
  /** The same array as before where nothing has changed. */
  readonly sections: readonly Section[];
}

/** Where a page's content comes from. */
export interface LiveSource {
  /** Reads what is new. Never called while it is reading. */
  read(): Promise<LiveContent>;
}

/** A browser that listens. */
interface Subscriber {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Versions that it has, by the section's id; `""` is the state. */
  readonly have: Map<string, string>;
  /** When something was last sent, by `performance.now()`. */
  sent: number;
}

/** Milliseconds between two looks at the source. */
const PERIOD_MS = 1000;
/** Milliseconds after which something is sent anyway: a browser that has gone without a word is noticed. */
const PING_MS = 15_000;

const encoder = new TextEncoder();

/** The id of the state among versions. */
const STATE = "";

/** A page with its subscribers. The source is read only while somebody listens. */
export class LivePage {
  readonly #source: LiveSource;
  readonly #subscribers = new Set<Subscriber>();
  #content: LiveContent | undefined;
  /** Versions of the content, in the order of its sections. */
  #versions: ReadonlyMap<string, string> = new Map();
  #reading: Promise<LiveContent> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it was last asked for or listened to, by `performance.now()`. */
  #used = performance.now();

  constructor(source: LiveSource) {
    this.#source = source;
  }

  /** Number of browsers that listen. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Milliseconds since anybody was interested. */
  get idleMs(): number {
    return this.#subscribers.size > 0 ? 0 : performance.now() - this.#used;
  }

  /** The content as it is now. */
  read(): Promise<LiveContent> {
    this.#used = performance.now();
    return this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  /** Version of a section's content; the same text has the same version in every process. */
  version(id: string): string {
    return this.#versions.get(id) ?? "";
  }

  /**
   * Subscribes to changes.
   *
   * @param have versions that the browser has, by the section's id
   * @returns server-sent events: `state` and `section`
   */
  subscribe(have: ReadonlyMap<string, string>): ReadableStream<Uint8Array> {
    let subscriber: Subscriber;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        subscriber = { controller, have: new Map(have), sent: performance.now() };
        this.#subscribers.add(subscriber);
        controller.enqueue(encoder.encode(": here\n\n"));
        this.#look(0);
      },
      cancel: () => {
        this.#subscribers.delete(subscriber);
        this.#used = performance.now();
      },
    }, { highWaterMark: 2 });
  }

  /**
   * Reads a last time and ends all subscriptions.
   *
   * @param text what the page says from then on
   */
  async close(text: string): Promise<void> {
    if (this.#subscribers.size > 0) {
      await this.#reading; // It may have begun before the last change.
      const content = await this.read();
      for (const subscriber of this.#subscribers) {
        try {
          this.#send(subscriber, content, event("close", { text }));
          subscriber.controller.close();
        } catch {
          // The browser has gone already.
        }
      }
      this.#subscribers.clear();
    }
    clearTimeout(this.#timer);
  }

  async #read(): Promise<LiveContent> {
    const before = this.#content;
    try {
      this.#content = await this.#source.read();
    } catch (error) {
      // What was read before stays on the page. One run must not end the server of all.
      const message = error instanceof Error ? error.message : String(error);
      const text = error instanceof QtrainError ? message : `this is a bug in qtrain: ${message}`;
      const state = { kind: "gone", text } as const;
      this.#content = { title: "qtrain", sections: [], ...before, state };
    }
    const { sections } = this.#content;
    if (sections !== before?.sections) {
      this.#versions = new Map(sections.map((section) => [section.id, versionOf(section)]));
    }
    return this.#content;
  }

  /** Looks at the source after a while, and then again as long as somebody listens. */
  #look(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      if (this.#subscribers.size === 0) return;
      const content = await this.read();
      for (const subscriber of this.#subscribers) this.#send(subscriber, content);
      this.#look(PERIOD_MS);
    }, delay);
  }

  /**
   * Sends what a subscriber does not have. One that has not yet taken what came before is passed over,
   * unless it is the last time.
   */
  #send(subscriber: Subscriber, { state, sections, title }: LiveContent, last?: string): void {
    const { controller, have } = subscriber, now = performance.now();
    if (!last && (controller.desiredSize ?? 0) <= 0) return;
    const events: string[] = [];
    for (const section of sections) {
      const { id, html } = section, version = this.version(id);
      if (have.get(id) === version) continue;
      have.set(id, version);
      events.push(event("section", { id, version, html }));
    }
    const data = { ...state, title, ids: sections.map(({ id }) => id) }, key = JSON.stringify(data);
    if (have.get(STATE) !== key) {
      have.set(STATE, key);
      events.push(event("state", data));
    }
    if (last) events.push(last);
    if (events.length === 0 && now - subscriber.sent > PING_MS) events.push(": still here\n\n");
    if (events.length === 0) return;
    subscriber.sent = now;
    controller.enqueue(encoder.encode(events.join("")));
  }
}

/** An event as its protocol has it; JSON has no line breaks. */
function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function versionOf({ title, html }: Section): string {
  return createHash("sha256").update(title).update("\0").update(html).digest("base64url")
    .slice(0, 12);
}
