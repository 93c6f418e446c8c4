// `drover service`: keeps the server running by the system's own manager. `--dry-run` shows what would be done.
import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { environment } from '../config/load.ts';
import type { ServiceJob, ServicePlan, ServiceScope } from '../service/job.ts';
import { planFor } from '../service/plan.ts';
import { Service } from '../service/service.ts';
import { ownArgv } from '../service/successor.ts';
import { STATE_FOLDER } from '../service/systemd-unit.ts';
import type { Call, Run } from './command-line.ts';
import { dim, green, print, printJson, tell, yellow } from './terminal.ts';

const ACTIONS = ['install', 'uninstall', 'start', 'stop', 'status'] as const;
type Action = (typeof ACTIONS)[number];

export const service: Run = async (call) => {
  const action = ACTIONS.find((known) => known === call.words[0]);
  if (action === undefined) throw new Fault('bad_request', `Say one of ${ACTIONS.join(', ')}.`);
  const plan = planOf(call);
  if (call.options.dryRun === true) return showPlan(plan, action, call.isJson);
  const unit = new Service(plan);
  if (action === 'status') return showStatus(unit, call.isJson);
  if (action === 'uninstall') {
    const wasThere = await unit.uninstall();
    tell(wasThere ? `${plan.name} is gone; models, configuration and data stay.` : 'The service is not installed.');
    return 0;
  }
  if (action === 'install') {
    requireReachable(plan);
    await unit.install();
  }
  if (action === 'stop') await unit.stop();
  if (action === 'start') await unit.start();
  tell(DONE[action](plan));
  if (action === 'install') for (const note of plan.notes) tell(`  ${note}`);
  return 0;
};

const DONE: Readonly<Record<Exclude<Action, 'status' | 'uninstall'>, (plan: ServicePlan) => string>> = {
  install: ({ name, manager }) => `${name} is installed and started (${manager}).`,
  start: ({ name }) => `${name} is started.`,
  stop: ({ name }) => `${name} is stopped.`,
};

function planOf(call: Call): ServicePlan {
  const { options, config } = call;
  if (options.user === true && options.system === true) throw new Fault('bad_request', 'Either --user or --system.');
  const userId = process.getuid?.() ?? -1;
  // Whoever is root means the machine.
  const scope: ServiceScope = options.system === true || (options.user !== true && userId === 0) ? 'system' : 'user';
  const env = environment();
  const isGiven = options.dataDir !== undefined || (env.DROVER_DATA_DIR ?? '') !== '';
  const [program = process.execPath, ...rest] = ownArgv(process.argv, process.execPath, process.execArgv);
  // A script comes before its words.
  const script = rest[0]?.endsWith('.ts') === true ? [rest[0]] : [];
  const job: ServiceJob = {
    scope,
    argv: [program, ...script, 'serve', '--yes'],
    dataFolder: scope === 'system' && !isGiven ? STATE_FOLDER : config.paths.data,
    groups: gpuGroups(),
  };
  return planFor(job, {
    home: homedir(),
    userId,
    userName: userInfo().username,
    configFolder: env.XDG_CONFIG_HOME ?? join(homedir(), '.config'),
  });
}

/** The user that systemd makes for it can look into nobody's home. */
function requireReachable({ manager, scope }: ServicePlan): void {
  const program = process.execPath;
  const isHome = /^\/(?:home|root)\//.test(program) || program.startsWith(`${homedir()}/`);
  if (manager !== 'systemd' || scope !== 'system' || !isHome) return;
  throw new Fault('bad_request', `${program} lies in a home folder, which a service of the machine cannot look into.`, {
    hint: `Put it where everybody can run it, and install from there: install -m 755 ${program} /usr/local/bin/drover`,
  });
}

/** Those that reach `/dev/dri` and `/dev/kfd`, where the machine has them. */
function gpuGroups(): string[] {
  try {
    const names = new Set(
      readFileSync('/etc/group', 'utf8')
        .split('\n')
        .map((line) => line.split(':')[0]),
    );
    return ['render', 'video'].filter((name) => names.has(name));
  } catch {
    return [];
  }
}

function showPlan(plan: ServicePlan, action: Action, isJson: boolean): number {
  const steps = {
    install: [...plan.install, ...plan.start],
    uninstall: [...plan.uninstall, ...plan.uninstalled],
    start: plan.start,
    stop: plan.stop,
    status: [plan.status],
  }[action];
  const hasFiles = action === 'install' || action === 'uninstall';
  const files = hasFiles ? plan.files : [];
  if (isJson) printJson({ manager: plan.manager, name: plan.name, scope: plan.scope, files, steps });
  else {
    for (const { path, text } of files) {
      print(`# ${action === 'install' ? 'writes' : 'removes'} ${path}`);
      if (action === 'install') print(text);
    }
    for (const { argv } of steps) print(argv.join(' '));
  }
  return 0;
}

async function showStatus(unit: Service, isJson: boolean): Promise<number> {
  const status = await unit.status();
  if (isJson) printJson(status);
  else {
    print(`${status.name} ${dim(`(${status.manager}, ${status.scope})`)}`);
    print(
      !status.isInstalled ? 'not installed' : status.isRunning ? green('running') : yellow('installed, not running'),
    );
    if (status.isOutdated) print('It was installed by another version; "drover service install" brings it up to date.');
  }
  return status.isRunning ? 0 : 3;
}
