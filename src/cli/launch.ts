// `drover launch AGENT`: starts a coding agent on a model of this machine, or prints what would. It must never write into an
// agent's own files, nor show a key that it has not made for it.
import { randomBytes } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { environment } from '../config/load.ts';
import type { FitReport, ModelView } from '../core/drover.ts';
import { isRunning } from '../engine/process-table.ts';
import { programOnPath, runInForeground, usualShell } from '../service/foreground.ts';
import { AGENTS, type Agent, type AgentCall, shellLines } from './agents.ts';
import { requireServer, type ServerClient } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { chooseModel, usableFirst } from './model-choice.ts';
import { print, printJson, tell, yellow } from './terminal.ts';

/** Instructions and tools of agents alone fill less than that up. */
const LEAST_CONTEXT_TOKENS = 16_384;
const KEY_PLACE = 'YOUR_KEY';

export const launch: Run = async (call) => {
  const [id = '', more] = call.words;
  const agent = typeof id === 'string' && Object.hasOwn(AGENTS, id) ? AGENTS[id] : undefined;
  if (agent === undefined) {
    throw new Fault('bad_request', `drover launch knows ${Object.keys(AGENTS).join(', ')}, not "${String(id)}".`);
  }
  const isPrinted = call.options.print === true || call.isJson;
  const env = environment();
  const program = programOnPath(agent.program, env);
  if (program === null && !isPrinted) {
    throw new Fault('not_found', `${agent.name} is not here: there is no "${agent.program}" on the PATH.`, {
      hint: `${agent.install}   (or see what it would be given: drover launch ${String(id)} --print)`,
    });
  }
  const client = await requireServer(call.config.paths);
  const model = await modelFor(call, client);
  const contextTokens = await contextOf(client, model);
  warnOfContext(model.id, contextTokens);
  const run = runName(String(id));
  const given = givenKey(call);
  const key = given ?? (await keyFor(client, isPrinted ? null : run));
  const made = agent.callFor({ origin: client.server.url, model: model.id, key, contextTokens });
  if (isPrinted) return show(call, agent, made, key);
  const words = Array.isArray(more) ? more : [];
  try {
    return await runInForeground({
      path: program ?? agent.program,
      args: [...made.words, ...words],
      environment: withChanges(env, made.environment),
    });
  } finally {
    if (key !== given) await dropKeys(client, (name) => name === run);
  }
};

async function modelFor(call: Call, client: ServerClient): Promise<ModelView> {
  const { models } = await client.get<{ models: readonly ModelView[] }>('/drover/models');
  const [first, ...others] = usableFirst(models);
  const given = typeof call.options.model === 'string' ? call.options.model : null;
  const isClear =
    first !== undefined &&
    (others.length === 0 || (others[0]?.instance?.state !== 'ready' && first.instance?.state === 'ready'));
  const name = given ?? (isClear ? first.id : await chooseModel(call, client, true));
  // By any of its names, and with near names where there is none.
  return client.get<ModelView>(`/drover/models/${encodeURIComponent(name)}`);
}

/** What it runs with, else what it would be loaded with; null: unknown. */
async function contextOf(client: ServerClient, model: ModelView): Promise<number | null> {
  const running = model.instance?.verdict?.contextTokens ?? null;
  if (running !== null) return running;
  const fit = await client.get<FitReport>(`/drover/fit?model=${encodeURIComponent(model.id)}`).catch(() => null);
  return fit?.plan?.contextTokens ?? model.contextTokens;
}

function warnOfContext(model: string, contextTokens: number | null): void {
  if (contextTokens === null || contextTokens >= LEAST_CONTEXT_TOKENS) return;
  tell(yellow(`${model} has a context of ${contextTokens} tokens, which is little for an agent.`, process.stderr));
  tell(`  See what fits: drover fit ${model} --context 32768`);
  // Dots in a name are none between names.
  const key = model.includes('.') ? `'models."${model}".contextSize'` : `models.${model}.contextSize`;
  tell(`  Then set it:   drover config set ${key} 32768`);
}

const givenKey = (call: Call): string | null => {
  const said = typeof call.options.key === 'string' ? call.options.key : (environment().DROVER_API_KEY ?? '');
  return said === '' ? null : said;
};

/** Of its key, by which the next one finds out whether it is over. A number of a process is soon given again. */
const runName = (agent: string): string => `launch-${agent}-${process.pid}-${randomBytes(2).toString('hex')}`;
const RUN_NAME = /^launch-[a-z]+-(\d+)-[0-9a-f]{4}$/;
function isLeft(name: string): boolean {
  const pid = RUN_NAME.exec(name)?.[1];
  return pid !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid)));
}

/** Null: the server needs none. One that is made is told of; it is of this run alone, as others may be of others. */
async function keyFor(client: ServerClient, run: string | null): Promise<string | null> {
  const asked = await fetch(`${client.server.url}/v1/models`, { proxy: false });
  await asked.arrayBuffer();
  if (asked.status !== 401) return null;
  if (run === null) {
    tell('The server needs a key: drover keys add NAME --scopes chat,model_read');
    return KEY_PLACE;
  }
  await dropKeys(client, isLeft);
  const { key } = await client.post<{ key: string }>('/drover/keys', { name: run, scopes: ['chat', 'model_read'] });
  tell(`The server needs a key: "${run}" was made for it, and goes when it ends.`);
  return key;
}

/** The very last key of a server stays: without one it would stand open. */
async function dropKeys(client: ServerClient, isOver: (name: string) => boolean): Promise<void> {
  try {
    const { keys } = await client.get<{ keys: readonly { readonly name: string }[] }>('/drover/keys');
    const over = keys.filter(({ name }) => isOver(name));
    const dropped = over.length === keys.length ? over.slice(1) : over;
    for (const { name } of dropped) await client.send('DELETE', `/drover/keys/${name}`);
  } catch {
    // A server that is gone lets nobody in; the next run sees to it.
  }
}

function show(call: Call, agent: Agent, made: AgentCall, key: string | null): number {
  if (call.isJson) printJson({ program: agent.program, ...made });
  else for (const line of shellLines(agent.program, made, usualShell())) print(line);
  if (key === KEY_PLACE && !call.isJson) tell(`Put the key in the place of ${KEY_PLACE}.`);
  return 0;
}

const withChanges = (
  env: Readonly<Record<string, string | undefined>>,
  changes: AgentCall['environment'],
): Readonly<Record<string, string | undefined>> => ({
  ...env,
  ...Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, value ?? undefined])),
});
