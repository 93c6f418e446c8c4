// Installs, starts and removes the service that a plan describes. It must never touch what an installation did not make, and
// a step that fails says which, with what the manager said.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import type { ServiceFile, ServicePlan, ServiceStep } from './job.ts';

export type Runner = (argv: readonly string[]) => Promise<{ readonly exitCode: number; readonly output: string }>;

export interface ServiceStatus {
  readonly manager: string;
  readonly name: string;
  readonly scope: ServicePlan['scope'];
  readonly isInstalled: boolean;
  readonly isRunning: boolean;
  /** What is installed is not what this version would install. */
  readonly isOutdated: boolean;
}

export class Service {
  readonly #plan: ServicePlan;
  readonly #run: Runner;

  constructor(plan: ServicePlan, run: Runner = runProgram) {
    this.#plan = plan;
    this.#run = run;
  }

  /** Writes what is not there as it should be, tells the manager, and starts it; one that runs as it should is left alone. */
  async install(): Promise<void> {
    const before = await this.status();
    for (const file of this.#plan.files) {
      if (textOf(file) === file.text) continue;
      mkdirSync(dirname(file.path), { recursive: true });
      writeFileAtomically(file.path, bytesOf(file), { mode: 0o644 });
    }
    if (before.isRunning && !before.isOutdated) return;
    await this.#steps(this.#plan.install);
    await this.#steps(this.#plan.start);
  }

  /** Only what `install` made. Not installed: nothing happens. */
  async uninstall(): Promise<boolean> {
    if (!this.#isInstalled()) return false;
    await this.#steps(this.#plan.uninstall);
    for (const { path } of this.#plan.files) rmSync(path, { force: true });
    await this.#steps(this.#plan.uninstalled);
    return true;
  }

  async start(): Promise<void> {
    this.#requireInstalled();
    await this.#steps(this.#plan.start);
  }

  async stop(): Promise<void> {
    this.#requireInstalled();
    await this.#steps(this.#plan.stop);
  }

  async status(): Promise<ServiceStatus> {
    const { manager, name, scope, files, status } = this.#plan;
    const isInstalled = this.#isInstalled();
    return {
      manager,
      name,
      scope,
      isInstalled,
      isRunning: isInstalled && (await this.#run(status.argv)).exitCode === 0,
      isOutdated: isInstalled && files.some((file) => textOf(file) !== file.text),
    };
  }

  #isInstalled(): boolean {
    return this.#plan.files.every(({ path }) => existsSync(path));
  }

  #requireInstalled(): void {
    if (this.#isInstalled()) return;
    throw new Fault('not_found', 'The service is not installed.', {
      hint: `drover service install --${this.#plan.scope}`,
    });
  }

  async #steps(steps: readonly ServiceStep[]): Promise<void> {
    for (const { argv, mayFail } of steps) {
      const { exitCode, output } = await this.#run(argv);
      if (exitCode === 0 || mayFail) continue;
      throw new Fault('internal', `"${argv.join(' ')}" failed (${exitCode}): ${output.trim() || 'it said nothing'}`, {
        hint:
          this.#plan.scope === 'system' ? 'A service of the system needs the rights of an administrator.' : undefined,
        blame: 'machine',
      });
    }
  }
}

/** Windows' schtasks reads UTF-16 only; everything else is UTF-8. */
const bytesOf = ({ text }: ServiceFile): Uint8Array =>
  text.includes('encoding="UTF-16"') ? Buffer.from(`\ufeff${text}`, 'utf16le') : Buffer.from(text);

function textOf(file: ServiceFile): string | null {
  try {
    const bytes = readFileSync(file.path);
    return bytes.equals(bytesOf(file)) ? file.text : '';
  } catch {
    return null;
  }
}

const runProgram: Runner = async (argv) => {
  try {
    const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exitCode, output: `${stdout}${stderr}` };
  } catch (thrown) {
    return { exitCode: 127, output: thrown instanceof Error ? thrown.message : String(thrown) };
  }
};
