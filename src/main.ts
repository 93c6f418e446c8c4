#!/usr/bin/env bun
// The entry: production mode first, then argv → one command. Exports nothing; the command line is loaded lazily.
const environment = process.env;
// A compiled program has no NODE_ENV, and libraries would then run in development mode and tell callers too much.
environment.NODE_ENV ??= 'production';
const { runCommandLine } = await import('./cli/command-line.ts');
await runCommandLine(process.argv.slice(2));

export {};
