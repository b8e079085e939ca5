/**
 * The live view by its protocol: what is served to whom, events, and how the command ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { findRuns } from "../lib/view/find_runs.ts";
import { LivePage } from "../lib/view/watch/live_page.ts";
import { LiveServer } from "../lib/view/watch/server.ts";
import { inFolder } from "./support/command.ts";
import { LiveEvents } from "./support/live_events.ts";

/** Makes the folder of a run by hand. */
async function makeRun(path: string, steps: number): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/recipe.yaml`, "name: shirts\n");
  await Deno.writeTextFile(`${path}/metrics.jsonl`, lines(1, steps));
}

function lines(from: number, to: number): string {
  let text = "";
  for (let step = from; step <= to; step++) {
    const line = {
      kind: "step",
      step,
      epoch: 1,
      loss: 2 / step,
      accuracy: 0.5,
      lr: 0.1,
      clipped: 0,
    };
    text += JSON.stringify({ ...line, images_per_second: 100, data_wait_share: 0 }) + "\n";
  }
  return text;
}

/** Serves a folder while `body` runs. */
async function serving(
  path: string,
  body: (server: LiveServer) => Promise<void>,
): Promise<void> {
  const server = LiveServer.start(path, FREE);
  try {
    await body(server);
  } finally {
    await server.close("the end");
  }
}

/** Lets the system choose a port. */
const FREE = 0;

/** Sends a request as it stands, and returns the whole answer. */
async function raw(server: LiveServer, request: string): Promise<string> {
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
  });
  await connection.write(new TextEncoder().encode(request.replaceAll("\n", "\r\n")));
  return await new Response(connection.readable).text();
}

const get = (server: LiveServer, path: string, host = "localhost", more = "") =>
  raw(server, `GET ${path} HTTP/1.1\nHost: ${host}\nConnection: close\n${more}\n`);

const status = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

Deno.test("only names of this machine are answered, at any port, and no page of another origin", () =>
  inFolder({}, async (folder) => {
    await makeRun(`${folder}/shirts`, 3);
    await serving(folder, async (server) => {
      for (const host of ["localhost", "LOCALHOST:6174", "127.0.0.1:80", "127.0.0.1", "[::1]:99"]) {
        assert.equal(status(await get(server, "/", host)), 200, host);
      }
      for (
        const host of [
          "evil.example",
          "localhost.evil.example",
          "127.0.0.1.evil.example:6174",
          "0",
          "",
        ]
      ) {
        const answer = await get(server, "/", host);
        assert.ok([400, 403].includes(status(answer)), host);
        assert.doesNotMatch(answer, /shirts/);
      }
      const events = "/?events=", own = "localhost:6174";
      for (
        const origin of [
          "http://evil.example",
          "null",
          "http://localhost:1",
          "https://localhost:6174",
        ]
      ) {
        assert.equal(status(await get(server, events, own, `Origin: ${origin}\n`)), 403, origin);
      }
      const { headers, body } = await fetch(server.url);
      await body?.cancel();
      assert.equal(headers.get("access-control-allow-origin"), null);
      assert.match(
        headers.get("content-security-policy")!,
        /^default-src 'none'.*frame-ancestors 'none'/,
      );
    });
  }));

Deno.test("GET and HEAD are the only methods", () =>
  inFolder({}, async (folder) => {
    await makeRun(folder, 3);
    await serving(folder, async ({ url }) => {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        const { status, headers, body } = await fetch(url, { method });
        await body?.cancel();
        assert.equal(status, 405);
        assert.equal(headers.get("allow"), "GET, HEAD");
      }
      for (const path of ["", "?events="]) {
        const head = await fetch(url + path, { method: "HEAD" });
        assert.equal(head.status, 200);
        assert.equal(await head.text(), "");
      }
    });
  }));

Deno.test("an address is the name of a run that was found, never the path of a file", () =>
  inFolder({}, async (folder) => {
    const inside = `${folder}/runs`, name = `a "b"/<script>alert(1)<\u2215script> é 🐟`;
    await makeRun(`${inside}/${name}`, 3);
    await makeRun(`${folder}/outside`, 3);
    await Deno.writeTextFile(`${inside}/secret.txt`, "secret");
    await Deno.symlink(`${folder}/outside`, `${inside}/link`);
    await serving(inside, async (server) => {
      const paths = [
        ...["/run/../outside", "/run/..%2foutside", "/run/%2e%2e/outside", "/run//etc", "/run/"],
        ...["/run/link", "/run/secret.txt", "/secret.txt", "/run/%", "/run/%00", "/etc/passwd"],
        ...["//etc/passwd", "/../../etc/passwd", "/run/__proto__", "/%2e%2e%2f", "/run"],
      ];
      for (const path of paths) assert.equal(status(await get(server, path)), 404, path);
      const page = await (await fetch(server.url)).text();
      assert.doesNotMatch(page, /<script>alert/);
      assert.doesNotMatch(page, /href="\/run\/(outside|link)/);
      const [, address] = /href="(\/run\/[^"]+)"/.exec(page)!;
      const own = await fetch(new URL(address!.replaceAll("&#39;", "'"), server.url));
      assert.equal(own.status, 200);
      assert.doesNotMatch(await own.text(), /<script>alert/);
    });
  }));

Deno.test("a run whose files are links to other places shows nothing of them", () =>
  inFolder({ "secret.yaml": "name: hidden treasure\n" }, async (folder) => {
    await makeRun(`${folder}/run`, 3);
    await Deno.remove(`${folder}/run/recipe.yaml`);
    await Deno.symlink(`${folder}/secret.yaml`, `${folder}/run/recipe.yaml`);
    await serving(`${folder}/run`, async ({ url }) => {
      const page = await (await fetch(url)).text();
      assert.match(page, /recipe\.yaml: expected a file, got a symbolic link out of the run/);
      assert.doesNotMatch(page, /treasure/);
    });
  }));

Deno.test("sections come as events when lines are appended, a log is cut, a run begins or vanishes", () =>
  inFolder({}, async (folder) => {
    const run = `${folder}/shirts`;
    await makeRun(run, 3);
    await serving(run, async ({ url }) => {
      await using events = await LiveEvents.open(url);
      const first = await events.find("state");
      const ids: string[] = first.data.ids;
      assert.deepEqual(events.all.slice(0, ids.length).map(({ data }) => data.id), ids);
      const changes = () => events.all.filter(({ name }) => name === "section").length;
      const before = changes();
      await Deno.writeTextFile(`${run}/metrics.jsonl`, lines(4, 5), { append: true });
      await events.find("section", (data) => /\b5\b/.test(data.html) && events.all.length > before);
      assert.ok(changes() - before < ids.length, "only those that have changed");
      const later = events.all.length;
      await Deno.writeTextFile(`${run}/metrics.jsonl`, lines(1, 2));
      await events.find(
        "section",
        (data) => events.all.slice(later).some((event) => event.data === data),
      );
      await Deno.rename(run, `${folder}/elsewhere`);
      const { data } = await events.find("state", ({ kind }) => kind === "gone");
      assert.match(data.text, /shirts/);
      assert.deepEqual(data.ids, ids, "what was read before stays on the page");
      const gone = events.all.length;
      await Deno.rename(`${folder}/elsewhere`, run);
      await events.find(
        "state",
        (data) => data.kind !== "gone" && events.all.findLastIndex((e) => e.data === data) >= gone,
      );
    });
  }));

Deno.test("a run below the folder that vanishes is said to be gone, and its page stays", () =>
  inFolder({}, async (folder) => {
    await makeRun(`${folder}/shirts`, 3);
    await serving(folder, async ({ url }) => {
      await using events = await LiveEvents.open(`${url}run/shirts`);
      await events.find("state");
      await Deno.rename(`${folder}/shirts`, `${folder}/.shirts`);
      const { data } = await events.find("state", ({ kind }) => kind === "gone");
      assert.match(data.text, /shirts: the run's folder is gone/);
      assert.ok(data.ids.length > 1);
    });
  }));

Deno.test("a browser that takes nothing gets nothing more, and then the latest state", async () => {
  let reads = 0;
  const page = new LivePage({
    read: () => {
      const html = `${++reads} ${"x".repeat(1000)}`;
      const state = { kind: "live", text: "" } as const;
      return Promise.resolve({ title: "t", state, sections: [{ id: "a", title: "A", html }] });
    },
  });
  const reader = page.subscribe(new Map()).getReader(), decoder = new TextDecoder();
  while (reads < 5) await new Promise((resolve) => setTimeout(resolve, 100));
  const taken: string[] = [];
  while (taken.length < 3) taken.push(decoder.decode((await reader.read()).value));
  const versions = taken.map((text) => /"html":"(\d+)/.exec(text)?.[1]);
  assert.deepEqual(versions.slice(0, 2), [undefined, "1"]);
  assert.ok(Number(versions[2]) > 4, `${versions}`);
  await reader.cancel();
  assert.equal(page.subscribers, 0);
  await page.close("");
});

Deno.test("a server that starts again on the port sends what a page lacks, and no more", () =>
  inFolder({}, async (folder) => {
    await makeRun(folder, 3);
    const have: Record<string, string> = {};
    let port = 0;
    await serving(folder, async ({ url }) => {
      port = Number(new URL(url).port);
      await using events = await LiveEvents.open(url);
      await events.find("state");
      for (const { name, data } of events.all) if (name === "section") have[data.id] = data.version;
    });
    await Deno.writeTextFile(`${folder}/metrics.jsonl`, lines(4, 4), { append: true });
    const again = LiveServer.start(folder, port);
    await using events = await LiveEvents.open(again.url, have);
    await events.find("state");
    const sent = events.all.filter(({ name }) => name === "section");
    assert.ok(sent.length > 0 && sent.length < Object.keys(have).length, `${sent.length} sections`);
    await again.close("the end of it");
    assert.equal((await events.find("close")).data.text, "the end of it");
    await events.end;
  }));

Deno.test("a thousand browsers that come and go leave nothing", () =>
  inFolder({}, async (folder) => {
    await makeRun(folder, 3);
    await serving(folder, async (server) => {
      for (let i = 0; i < 20; i++) {
        await Promise.all(Array.from({ length: 50 }, async () => {
          const controller = new AbortController(), { signal } = controller;
          const { body } = await fetch(`${server.url}?events=`, { signal });
          await body!.getReader().read();
          controller.abort();
        }));
      }
      for (let i = 0; i < 100 && server.subscribers > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.equal(server.subscribers, 0);
      await using events = await LiveEvents.open(server.url);
      await events.find("state");
      await using others = await LiveEvents.open(server.url);
      await others.find("state");
      assert.equal(server.subscribers, 2);
      assert.deepEqual(events.all, others.all);
    });
  }));

Deno.test("runs are found by themselves, in comparisons and behind other folders, but not in hidden ones", () =>
  inFolder({}, async (folder) => {
    assert.equal((await findRuns(folder)).paths.size, 0);
    const names = ["b-10", "b-2", "compare/runs/float32-s1", "compare/runs/int8-s1"];
    for (const name of [...names, ".trash/x", "a/b/c/too-deep", "b-2/checkpoints"]) {
      await makeRun(`${folder}/${name}`, 1);
    }
    const { paths, cut } = await findRuns(folder);
    assert.deepEqual([...paths.keys()].sort(), names);
    assert.equal(cut, false);
    assert.equal(paths.get("b-2"), `${folder}/b-2`);
    assert.deepEqual([...(await findRuns(`${folder}/b-2`)).paths], [["", `${folder}/b-2`]]);
  }));

Deno.test("a folder without runs shows those that begin, and becomes a run's page when it is one", () =>
  inFolder({}, async (folder) => {
    await Deno.mkdir(`${folder}/runs`);
    await serving(`${folder}/runs`, async ({ url }) => {
      await using events = await LiveEvents.open(url);
      await events.find("section", ({ html }) => /no run/.test(html));
      await makeRun(`${folder}/runs/shirts`, 2);
      await events.find("section", ({ html }) => /href="\/run\/shirts"/.test(html));
      await Deno.writeTextFile(`${folder}/runs/recipe.yaml`, "name: runs\n");
      await events.find("state", ({ ids }) => ids[0] !== "runs");
    });
  }));
