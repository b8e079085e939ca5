/**
 * The live view: a server on the loopback address that shows runs and follows them.
 *
 * Any page of the web may send requests to a loopback address. So requests are answered only under a
 * loopback name (a page of another name that resolves to this machine gets nothing), nothing lets pages
 * of other origins read, and only reading is served. Paths of requests are names to look up among the
 * runs that were found: they never become paths of files.
 *
 * @module
 */
import { type LiveContent, LivePage } from "./live_page.ts";
import { DEFAULT_PORT, HOST, portError } from "./port.ts";
import { findRuns } from "../find_runs.ts";
import { nameAt } from "./run_table.ts";
import { FolderSource, RunSource } from "./sources.ts";
import { pageOf, SCRIPTS } from "./page.ts";

/** Names of this machine that reach it alone. The port differs at the other end of a tunnel. */
const NAMES = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
/** Milliseconds after which a page that nobody uses is forgotten, with its run's curves. */
const FORGET_MS = 30_000;
/** Milliseconds that a page may take; then it comes without its sections, and loads itself when there are some. */
const SOON_MS = 250;
const READING: LiveContent = {
  title: "qtrain",
  state: { kind: "live", text: "Reading the logs of this run." },
  sections: [],
};
/** Milliseconds that pages get to take the last update, and connections to end. */
const FAREWELL_MS = 2500;
/** Browsers that listen at once. */
const MAX_SUBSCRIBERS = 200;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; " +
    `connect-src 'self'; script-src ${SCRIPTS}; base-uri 'none'; ` +
    "form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A server of the live view. */
export class LiveServer {
  readonly #path: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** By the run's name; that of the folder is `""`. */
  readonly #pages = new Map<string, LivePage>();
  readonly #sweep: ReturnType<typeof setInterval>;
  #closing = false;

  private constructor(path: string, port: number) {
    this.#path = path;
    const options = { hostname: HOST, port, onListen() {}, onError: failed };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.#sweep = setInterval(() => this.#forget(), FORGET_MS / 3);
    Deno.unrefTimer(Number(this.#sweep));
  }

  /**
   * Starts to serve.
   *
   * @param path a run's folder, or one with runs
   * @param port the port, or 6174 and if that is taken, a free one
   * @throws {UsageError} when the port is taken or not allowed
   */
  static start(path: string, port?: number): LiveServer {
    try {
      return new LiveServer(path, port ?? DEFAULT_PORT);
    } catch (error) {
      if (port === undefined && error instanceof Deno.errors.AddrInUse) {
        return new LiveServer(path, 0);
      }
      throw portError(error, port);
    }
  }

  /** Where to look. */
  get url(): string {
    return `http://${HOST}:${this.#server.addr.port}/`;
  }

  /** Number of browsers that listen. */
  get subscribers(): number {
    let sum = 0;
    for (const { subscribers } of this.#pages.values()) sum += subscribers;
    return sum;
  }

  /**
   * Tells all pages what is new, then that this is all, and ends.
   *
   * @param text what the pages say from then on
   */
  async close(text: string): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweep);
    const pages = Promise.all([...this.#pages.values()].map((page) => page.close(text)));
    await within(FAREWELL_MS, pages);
    // A browser that keeps its connection must not keep the server.
    await within(FAREWELL_MS, this.#server.shutdown());
  }

  async #answer(request: Request): Promise<Response> {
    const { method, headers } = request, host = headers.get("host") ?? "";
    if (!NAMES.test(host)) return refuse(403, `this server has no name like ${host}`);
    const origin = headers.get("origin");
    if (origin !== null && origin !== `http://${host}`) return refuse(403, "not for other pages");
    if (method !== "GET" && method !== "HEAD") {
      return refuse(405, "only GET", { allow: "GET, HEAD" });
    }
    const url = URL.parse(request.url);
    if (!url) return refuse(400, "no such address");
    const { pathname, searchParams } = url;
    const page = await this.#pageAt(pathname);
    if (!page || this.#closing) return refuse(404, "no such run");
    const events = searchParams.get("events");
    if (events === null) {
      const html = pageOf(page, await within(SOON_MS, page.read()) ?? READING, pathname !== "/");
      return respond(method, html, "text/html; charset=utf-8");
    }
    if (this.subscribers >= MAX_SUBSCRIBERS) return refuse(503, "too many pages are open");
    const body = method === "HEAD" ? "" : page.subscribe(versionsIn(events));
    return respond(method, body, "text/event-stream");
  }

  async #pageAt(pathname: string): Promise<LivePage | undefined> {
    const name = pathname === "/" ? "" : nameAt(pathname);
    if (name === undefined) return undefined;
    let page = this.#pages.get(name);
    if (page) return page;
    const path = name === "" ? undefined : (await findRuns(this.#path)).paths.get(name);
    if (name !== "" && path === undefined) return undefined;
    // Another request may have opened it meanwhile.
    page = this.#pages.get(name);
    if (page) return page;
    page = new LivePage(path === undefined ? new FolderSource(this.#path) : new RunSource(path));
    this.#pages.set(name, page);
    return page;
  }

  #forget(): void {
    for (const [name, page] of this.#pages) {
      if (page.idleMs > FORGET_MS) this.#pages.delete(name);
    }
  }
}

/** What a promise gives, if it does so within some milliseconds. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let late: ReturnType<typeof setTimeout> | undefined;
  const waited = new Promise<undefined>((resolve) =>
    late = setTimeout(() => resolve(undefined), ms)
  );
  return await Promise.race([promise, waited]).finally(() => clearTimeout(late));
}

function respond(method: string, body: BodyInit, type: string): Response {
  return new Response(method === "HEAD" ? null : body, {
    headers: { ...HEADERS, "content-type": type },
  });
}

function refuse(status: number, text: string, more: Record<string, string> = {}): Response {
  const headers = { ...HEADERS, ...more, "content-type": "text/plain; charset=utf-8" };
  return new Response(`${text}\n`, { status, headers });
}

function failed(error: unknown): Response {
  return refuse(500, `this is a bug in qtrain: ${error instanceof Error ? error.message : error}`);
}

/** Versions of sections as the browser sends them: `id:version,…`. */
function versionsIn(text: string): Map<string, string> {
  return new Map(
    text.split(",").slice(0, 100).map((pair) => {
      const at = pair.indexOf(":");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
