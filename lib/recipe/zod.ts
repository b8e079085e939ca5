/**
 * The validation library, named in this one place.
 *
 * @module
 */
export * from "npm:zod@4.6.7";
