/**
 * Where a run's report is, for those who name it and need none of what makes it.
 *
 * @module
 */

/** Name of the report in a run's folder. */
export const REPORT_FILE = "report.html";
