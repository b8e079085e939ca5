/**
 * A page about runs: a title and sections, in one file that loads nothing.
 *
 * @module
 */

/** A part of a page. A live page replaces the sections that have changed. */
export interface Section {
  /** Its `id` on the page. */
  readonly id: string;
  /** Its heading. */
  readonly title: string;
  /** What is below the heading, as HTML. */
  readonly html: string;
}
