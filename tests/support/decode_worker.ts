/**
 * A worker that decodes the images it is sent and answers with a checksum of their pixels.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { decodeImage } from "../../lib/image/decode.ts";

// Declares a page's global scope.
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Uint8Array>) => void;
  postMessage(answer: number): void;
};

let before = Promise.resolve();
scope.onmessage = ({ data }) => {
  before = before.then(async () => {
    scope.postMessage(crc32((await decodeImage(data, "sent")).pixels));
  });
};
