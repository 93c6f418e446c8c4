// The workflows that test and release: nothing of others by a name that can move, no more rights than needed, no endless job.
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly with?: object }[];
}

const ROOT = join(import.meta.dir, '..');
const FOLDER = join(ROOT, '.github/workflows');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yml'));

describe.each(files.map((name) => [name]))('%s', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const workflow = parse(text) as { readonly permissions?: object; readonly jobs: Readonly<Record<string, Job>> };
  const jobs = Object.entries(workflow.jobs);

  test('has each action by its commit, with the version beside it', () => {
    const uses = [...text.matchAll(/uses: (\S+)(.*)/g)];
    expect(uses.length).toBeGreaterThan(0);
    for (const [, action = '', note = ''] of uses) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(note).toMatch(/^ # v\d+\.\d+\.\d+$/);
    }
  });

  test('gives no rights but what a job names, and each job an end', () => {
    expect(workflow.permissions).toEqual({});
    for (const [job, { permissions, 'timeout-minutes': minutes }] of jobs) {
      expect([job, permissions !== undefined, (minutes ?? 0) > 0]).toEqual([job, true, true]);
    }
  });

  test('puts nothing that others can write into a script, and leaves no credentials behind', () => {
    for (const step of jobs.flatMap(([, { steps }]) => steps)) {
      expect(step.run ?? '').not.toMatch(/\$\{\{\s*(github\.event|github\.head_ref|inputs)/);
      if (step.uses?.startsWith('actions/checkout@') === true) {
        expect(step.with).toMatchObject({ 'persist-credentials': false });
      }
    }
  });

  test('can run the steps of an image that is built for another processor', () => {
    for (const [, { steps }] of jobs) {
      const images = steps.filter((step) => JSON.stringify(step.with ?? {}).includes('linux/arm64'));
      const isReady = steps.some((step) => step.uses?.startsWith('docker/setup-qemu-action@') === true);
      expect(images.length === 0 || isReady).toBeTrue();
    }
  });

  test('runs scripts of the package that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    for (const [, script = ''] of text.matchAll(/npm run ([\w-]+)/g)) expect(Object.keys(scripts)).toContain(script);
  });
});
