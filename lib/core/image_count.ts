/**
 * How far work on many images is, as text for a person who waits.
 *
 * @module
 */
import { duration, rate, withThousands } from "./format.ts";

/** Work that is done sooner reports nothing. */
const QUIET_MS = 2000;
/** Time between two reports. */
const INTERVAL_MS = 200;

/**
 * Returns a function to call with the number of images that are done, which reports now and then:
 * `predicting: 2,000 of 9,000 images | 412 img/s | 17s left`.
 *
 * @param doing what is done with them
 * @param total how many there are
 * @param report called with each report
 * @param now a clock in milliseconds
 */
export function countImages(
  doing: string,
  total: number,
  report: (text: string) => void = () => {},
  now: () => number = () => performance.now(),
): (done: number) => void {
  let began: number | undefined, first = 0, last = 0;
  return (done) => {
    // The first ones wait for the device to be opened.
    if (began === undefined) [began, first, last] = [now(), done, now() + QUIET_MS - INTERVAL_MS];
    if (now() - last < INTERVAL_MS) return;
    last = now();
    const speed = (done - first) / (now() - began) * 1000;
    report(
      `${doing}: ${withThousands(done)} of ${withThousands(total)} images | ${
        rate(speed)
      } img/s | ` +
        `${duration(Math.round((total - done) / speed))} left`,
    );
  };
}

/** Passes on batches of images, and counts the images of those that came before. */
export async function* countBatches<B extends { readonly samples: number }>(
  batches: AsyncIterable<B>,
  count: (done: number) => void,
): AsyncGenerator<B> {
  let done = 0;
  for await (const batch of batches) {
    count(done);
    yield batch;
    done += batch.samples;
  }
}
