// The table of verbs: words, options and help as data, code loaded on demand. Help, completion and documents read it.
import type { Run } from './command-line.ts';

/** What completion offers for a word: names that the data directory or the server knows, or files. */
export type WordKind =
  | 'model'
  | 'engine'
  | 'key'
  | 'user'
  | 'download'
  | 'setting'
  | 'setting-value'
  | 'file'
  | 'directory';

export interface Verb {
  readonly name: string;
  /** Positional words in commander's notation. */
  readonly words: string;
  readonly help: string;
  readonly aliases?: readonly string[];
  readonly options?: readonly (readonly [flags: string, help: string])[];
  /** What its first word may be; completion offers them. */
  readonly actions?: readonly string[];
  /** What follows each of them. */
  readonly wordsAfter?: Readonly<Record<string, readonly WordKind[]>>;
  /** Takes every setting as an option too. */
  readonly takesSettings?: boolean;
  /** Its first word is a model's name; completion offers them. */
  readonly takesModel?: boolean;
  /** Of no use to a person: neither help nor the manual names it. */
  readonly isHidden?: boolean;
  readonly load: () => Promise<Run>;
}

const models = () => import('./models.ts');
const state = () => import('./state.ts');

export const VERBS: readonly Verb[] = [
  {
    name: 'serve',
    words: '',
    help: 'serve the models of this machine',
    takesSettings: true,
    options: [['-y, --yes', 'do not ask before the first download']],
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'run',
    words: '[model] [prompt...]',
    help: 'chat in the terminal; stdin works; without a model, choose one',
    takesModel: true,
    takesSettings: true,
    options: [
      ['--system <text>', 'system prompt'],
      ['--max-tokens <n>', 'stop after so many tokens'],
      ['--temperature <t>', 'sampling temperature'],
      ['--verbose', 'show tokens per second after each answer'],
    ],
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'launch',
    words: '<agent> [words...]',
    help: 'start a coding agent on a model of this machine: claude, codex, opencode or aider; its own words follow --',
    actions: ['claude', 'codex', 'opencode', 'aider'],
    options: [
      ['--model <model>', 'which one (default: the loaded one, the only one, or you are asked)'],
      ['--print', 'show what would be set and run, and do nothing'],
      ['--key <key>', 'a key of the server (default: DROVER_API_KEY, or one is made where the server needs one)'],
    ],
    load: async () => (await import('./launch.ts')).launch,
  },
  { name: 'list', words: '', help: 'list the models', aliases: ['ls'], load: async () => (await models()).list },
  { name: 'ps', words: '', help: 'show what runs, and the verdict on each', load: async () => (await state()).ps },
  { name: 'show', words: '<model>', help: 'show a model', takesModel: true, load: async () => (await models()).show },
  {
    name: 'load',
    words: '<model>',
    help: 'load a model now',
    takesModel: true,
    load: async () => (await models()).load,
  },
  {
    name: 'stop',
    words: '[model]',
    help: 'stop a model, or all with --all',
    takesModel: true,
    options: [
      ['--all', 'stop every model'],
      ['--force', 'end requests in flight'],
    ],
    load: async () => (await models()).stop,
  },
  {
    name: 'pin',
    words: '<model>',
    help: 'never stop it to make room',
    takesModel: true,
    load: async () => (await models()).pin,
  },
  {
    name: 'unpin',
    words: '<model>',
    help: 'let it go when room is needed',
    takesModel: true,
    load: async () => (await models()).unpin,
  },
  {
    name: 'pull',
    words: '<reference>',
    help: 'download a model: owner/name, owner/name:QUANT or an address; the best that fits unless told',
    takesSettings: true,
    options: [
      ['--list', 'only show what there is and how it would do here'],
      ['--as <name>', 'the name to give it'],
      ['--folder <dir>', 'a models folder to put it into'],
    ],
    load: async () => (await import('./pull.ts')).pull,
  },
  {
    name: 'downloads',
    words: '[action] [id]',
    help: 'ls, pause ID, resume ID, cancel ID, rm ID: downloads of the server',
    actions: ['ls', 'pause', 'resume', 'cancel', 'rm'],
    wordsAfter: { pause: ['download'], resume: ['download'], cancel: ['download'], rm: ['download'] },
    load: async () => (await import('./pull.ts')).downloads,
  },
  {
    name: 'rm',
    words: '<model>',
    help: 'take a model’s entry out of the configuration; --file deletes its file too',
    takesModel: true,
    options: [
      ['--file', 'delete the file'],
      ['-y, --yes', 'do not ask'],
    ],
    load: async () => (await models()).rm,
  },
  {
    name: 'fit',
    words: '<model>',
    help: 'what a model would take, without loading it',
    takesModel: true,
    options: [['--context <tokens>', 'with this context']],
    load: async () => (await models()).fit,
  },
  {
    name: 'bench',
    words: '<model>',
    help: 'measure a model: load time, time to first token, tokens per second, memory',
    takesModel: true,
    takesSettings: true,
    options: [
      ['--prompt-lengths <list>', 'tokens of the prompts (default 128,512,2048)'],
      ['--concurrency <list>', 'requests at the same time (default 1,4)'],
      ['--tokens <n>', 'to generate in each request (default 64)'],
      ['--runs <n>', 'of each (default 3)'],
      ['--save <name>', 'keep the figures under a name'],
      ['--compare <run>', 'show them beside those of a run that was kept'],
    ],
    load: async () => (await import('./bench.ts')).bench,
  },
  {
    name: 'engine',
    words: '<action> [which]',
    help: 'ls, install [FILE|VERSION], use ID, update, rollback: builds of llama.cpp',
    actions: ['ls', 'install', 'use', 'update', 'rollback'],
    wordsAfter: { install: ['file'], use: ['engine'] },
    takesSettings: true,
    load: async () => (await import('./engine.ts')).engine,
  },
  {
    name: 'status',
    words: '',
    help: 'show the server, the engine and the memory',
    load: async () => (await state()).status,
  },
  {
    name: 'logs',
    words: '[model]',
    help: 'show the log, or a model’s engine log',
    takesModel: true,
    options: [
      ['-f, --follow', 'go on as lines come'],
      ['-n, --lines <n>', 'how many (default 100)'],
    ],
    load: async () => (await state()).logs,
  },
  {
    name: 'doctor',
    words: '',
    help: 'look for what is wrong and say how to mend it',
    options: [
      ['--fix', 'mend what is safe: unfinished files, processes that were left, rights on secrets'],
      ['--deep', 'read all that was downloaded, and compare its digests'],
    ],
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'config',
    words: '<action> [key] [value]',
    help: 'get [KEY], set KEY VALUE, unset KEY, edit, path, check, generate [FOLDER]',
    actions: ['get', 'set', 'unset', 'edit', 'path', 'check', 'generate'],
    wordsAfter: { get: ['setting'], set: ['setting', 'setting-value'], unset: ['setting'], generate: ['directory'] },
    load: async () => (await import('./config.ts')).config,
  },
  {
    name: 'keys',
    words: '<action> [name]',
    help: 'add NAME, ls, rm NAME: keys that callers need as soon as there is one',
    actions: ['add', 'ls', 'rm'],
    wordsAfter: { rm: ['key'] },
    options: [
      ['--scopes <list>', 'what the key may do, separated by commas (default: admin, which is everything)'],
      ['--key-stdin', 'take the key from stdin instead of making one'],
    ],
    load: async () => (await import('./keys.ts')).keys,
  },
  {
    name: 'users',
    words: '<action> [name]',
    help: 'add NAME, ls, rm NAME, passwd NAME: people who log in with a password',
    actions: ['add', 'ls', 'rm', 'passwd'],
    wordsAfter: { rm: ['user'], passwd: ['user'] },
    options: [
      ['--scopes <list>', 'what the user may do, separated by commas (default: admin, which is everything)'],
      ['--password-stdin', 'take the password from stdin instead of asking for it'],
    ],
    load: async () => (await import('./users.ts')).users,
  },
  {
    name: 'import',
    words: '<program> <folder>',
    help: 'take over what another program has: claracore DIR',
    actions: ['claracore'],
    wordsAfter: { claracore: ['directory'] },
    options: [['-y, --yes', 'do it; otherwise the plan is shown']],
    load: async () => (await import('./import.ts')).importFrom,
  },
  {
    name: 'service',
    words: '<action>',
    help: 'install, uninstall, start, stop, status: have the system keep the server running',
    actions: ['install', 'uninstall', 'start', 'stop', 'status'],
    options: [
      ['--user', 'a service of yours, from your log-in on (the default, unless you are root)'],
      ['--system', 'a service of the machine, from its start on; needs the rights of an administrator'],
      ['--dry-run', 'show what would be written and run'],
    ],
    load: async () => (await import('./service.ts')).service,
  },
  {
    name: 'update',
    words: '',
    help: 'bring the newest release, try it, put it in place, restart the server without a gap',
    options: [
      ['--check', 'only say whether there is a newer one'],
      ['--no-restart', 'leave a running server as it is'],
    ],
    load: async () => (await import('./update.ts')).update,
  },
  {
    name: 'rollback',
    words: '',
    help: 'go back to the version before the last update; again: forward',
    options: [['--no-restart', 'leave a running server as it is']],
    load: async () => (await import('./update.ts')).rollback,
  },
  {
    name: 'self-test',
    words: '',
    help: 'serve for a moment in a folder of its own, and see that all of it works',
    load: async () => (await import('./self-test.ts')).selfTest,
  },
  {
    name: 'completion',
    words: '<shell>',
    help: 'print completion for bash, zsh, fish or powershell',
    actions: ['bash', 'zsh', 'fish', 'powershell'],
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    name: 'complete',
    words: '[words...]',
    help: 'what the scripts of "completion" ask',
    isHidden: true,
    load: async () => (await import('./complete.ts')).complete,
  },
  {
    name: 'man',
    words: '',
    help: 'print the manual page; read it with: drover man | man -l -',
    load: async () => (await import('./manual.ts')).man,
  },
  { name: 'version', words: '', help: 'print the version', load: async () => (await import('./state.ts')).version },
];
