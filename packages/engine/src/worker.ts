/**
 * The entry of the worker thread: receives jobs as plain data, runs them, and answers with plain data.
 */
export {};
