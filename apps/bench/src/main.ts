/**
 * The command line of the bench: reads the options, runs the workloads, prints the report.
 */
export {};
