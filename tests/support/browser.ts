/**
 * Headless Chromium, driven by its DevTools protocol.
 *
 * @module
 */
import assert from "node:assert/strict";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of Chromium; `undefined` where there is none. */
export const CHROMIUM: string | undefined = (Deno.env.get("PATH") ?? "").split(":")
  .flatMap((folder) => NAMES.map((name) => `${folder}/${name}`))
  .find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });

/** Seconds to wait for what a page shall show. */
const PATIENCE_S = 20;

type Message = {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any
  readonly params?: any;
  // deno-lint-ignore no-explicit-any
  readonly result?: any;
  readonly error?: { readonly message: string };
};

/** A browser with a profile of its own. */
export class Browser implements AsyncDisposable {
  readonly #waiting = new Map<number, PromiseWithResolvers<Message["result"]>>();
  readonly #pages = new Map<string, Page>();
  #next = 1;

  private constructor(
    readonly process: Deno.ChildProcess,
    readonly socket: WebSocket,
    readonly profile: string,
  ) {
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  /** Starts a browser. */
  static async start(): Promise<Browser> {
    const profile = await Deno.makeTempDir();
    const process = new Deno.Command(CHROMIUM!, {
      args: [
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        "about:blank",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const lines = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", found: RegExpExecArray | null = null;
    while (!found) {
      const { value, done } = await lines.read();
      assert.ok(!done, `Chromium has ended: ${text}`);
      text += value;
      found = /DevTools listening on (ws:\S+)\n/.exec(text);
    }
    // What it says from here on is of no interest, but the pipe must not fill.
    void (async () => {
      while (!(await lines.read()).done);
    })();
    const socket = new WebSocket(found[1]!);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Browser(process, socket, profile);
  }

  /** Opens a page and waits until it has been loaded. */
  async open(url: string, { width = 1280, height = 900, dark = false } = {}): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    this.#pages.set(sessionId, page);
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await page.send("Network.enable");
    await page.send("Page.enable");
    await page.send("Runtime.enable");
    await page.send("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await page.send("Emulation.setEmulatedMedia", { features });
    await page.go(url);
    return page;
  }

  /** Sends a command, and waits for its answer. */
  send(method: string, params: object = {}, sessionId?: string): Promise<Message["result"]> {
    const id = this.#next++, answer = Promise.withResolvers<Message["result"]>();
    this.#waiting.set(id, answer);
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    return answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.socket.onclose = resolve);
    this.socket.close();
    await closed;
    this.process.kill("SIGKILL");
    await this.process.status;
    await Deno.remove(this.profile, { recursive: true }).catch(() => {});
  }

  #receive({ id, sessionId, method, params, result, error }: Message): void {
    if (id === undefined) return this.#pages.get(sessionId ?? "")?.see(method!, params);
    const answer = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    if (error) answer.reject(new Error(error.message));
    else answer.resolve(result);
  }
}

/** A page of the browser. */
export class Page {
  /** Addresses that it has asked for. */
  readonly requests: string[] = [];
  /** Errors of its scripts, and what its policy has refused. */
  readonly errors: string[] = [];
  #loaded = Promise.withResolvers<void>();

  constructor(readonly browser: Browser, readonly session: string, readonly target: string) {}

  /** Sends a command of the page. */
  send(method: string, params: object = {}): Promise<Message["result"]> {
    return this.browser.send(method, params, this.session);
  }

  /** Goes to an address and waits until it has been loaded. */
  async go(url: string): Promise<void> {
    this.#loaded = Promise.withResolvers();
    await this.send("Page.navigate", { url });
    await this.#loaded.promise;
  }

  /** The value of an expression in the page. */
  // deno-lint-ignore no-explicit-any
  async evaluate(expression: string): Promise<any> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? expression);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression: string, seconds = PATIENCE_S): Promise<void> {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end;) {
      // While it loads there may be nothing to ask.
      if (await this.evaluate(expression).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const text = await this.evaluate("document.body.innerText.slice(0, 2000)");
    assert.fail(`${expression}: not within ${seconds} s; the page says: ${text}`);
  }

  /** Writes a picture of what is shown, or of the whole page. */
  async screenshot(path: string, whole = false): Promise<void> {
    const options = { format: "png", captureBeyondViewport: whole };
    const { data } = await this.send("Page.captureScreenshot", options);
    await Deno.writeFile(path, Uint8Array.fromBase64(data));
  }

  async close(): Promise<void> {
    await this.browser.send("Target.closeTarget", { targetId: this.target });
  }

  /** Takes an event of the page. */
  // deno-lint-ignore no-explicit-any
  see(method: string, params: any): void {
    if (method === "Page.loadEventFired") this.#loaded.resolve();
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.exceptionThrown") {
      this.errors.push(
        params.exceptionDetails.exception?.description ?? params.exceptionDetails.text,
      );
    }
    if (method === "Runtime.consoleAPICalled" && params.type === "error") {
      this.errors.push(JSON.stringify(params.args));
    }
  }
}
