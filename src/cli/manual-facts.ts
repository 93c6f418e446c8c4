// What the manual says beside the tables of verbs and settings: files, exit codes, the environment, examples.
import type { Paths } from '../config/paths.ts';

/** In the order in which they are listed; the data directory itself is said apart. */
export const PATH_HELP: Readonly<Record<Exclude<keyof Paths, 'data'>, string>> = {
  configFile: 'the settings; absent until something is set',
  models: 'downloads, unless downloadDir names another folder',
  engines: 'builds of llama.cpp, each proved on this machine',
  store: 'keys and users (hashes only), chats, benchmarks, downloads, what is known of files',
  sessions: 'chat sessions that were saved as files',
  logs: 'logs of the server and of each model',
  logFile: 'the server’s log',
  serverFile: 'address, process and local key of the running server, for its owner only',
  lock: 'held while a server uses this directory',
  tokenSecret: 'what log-ins are signed with, for its owner only; without it all tokens end',
  hubToken: 'the saved token for Hugging Face, for its owner only',
  children: 'the engines’ working folder',
  cache: 'what can be fetched again',
};

export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'well'],
  [1, 'an error of Drover’s own; “doctor” found errors'],
  [2, 'wrong words on the command line'],
  [3, 'no such model or name; “status”: no server runs'],
  [4, 'refused'],
  [5, 'the model does not fit into the memory'],
  [6, 'the engine failed, or none could be had, or no server answers'],
  [7, 'the network'],
  [8, 'the port is taken'],
  [9, 'the data directory cannot be written, is full or is in use'],
  [10, 'the configuration is wrong'],
  [130, 'interrupted'],
];

/** Beside the names of the settings. */
export const ENVIRONMENT: readonly (readonly [name: string, help: string])[] = [
  ['DROVER_DATA_DIR', 'the data directory, as --data-dir'],
  ['DROVER_CONFIG', 'the configuration file, as --config'],
  ['HF_TOKEN', 'token for Hugging Face; it is sent to that host alone'],
  ['NO_COLOR', 'not empty: no colours'],
  ['VISUAL, EDITOR', 'what “config edit” opens'],
];

export const EXAMPLES: readonly (readonly [what: string, line: string])[] = [
  ['Show what would be done, ask, and serve:', 'drover'],
  ['Serve the models of a folder to this machine:', 'drover serve --models-folder ~/models'],
  ['Download the quantization that suits this machine best:', 'drover pull owner/name-GGUF'],
  ['Ask once; a pipe comes before the words:', 'drover run qwen3-4b "What does this say?" < notes.txt'],
  ['Serve other machines, which need a key:', 'drover keys add laptop --scopes chat,model_read'],
  ['', 'drover serve --listen 0.0.0.0:5800'],
  ['Have the system keep it running:', 'drover service install'],
];
