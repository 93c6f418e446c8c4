// Our own answers are described field by field; this file compiles only while the description says what the types of the
// core say, no field more and no field less.
import { expect, test } from 'bun:test';
import type { Static, TSchema } from '@sinclair/typebox';
import type { RemovedModel } from '../../src/core/configuration.ts';
import type { DestinationRoom } from '../../src/core/destinations.ts';
import type { RepositoryOffer } from '../../src/core/download-desk.ts';
import type { DroverStatus, FitReport, ModelView, UsageTotals } from '../../src/core/drover.ts';
import type { Regenerated } from '../../src/core/regeneration.ts';
import type { Measured } from '../../src/core/test-sessions.ts';
import type { Instance, Usage, Verdict } from '../../src/core/vocabulary.ts';
import type * as answer from '../../src/dialects/drover/schema-answers.ts';
import type * as bench from '../../src/dialects/drover/schema-bench.ts';
import type * as desks from '../../src/dialects/drover/schema-desks.ts';
import type { statusToWire } from '../../src/dialects/drover/shape.ts';
import type { LaunchPlan } from '../../src/engine/command.ts';
import type { Snapshot } from '../../src/hardware/probe.ts';
import type { DownloadJob } from '../../src/models/downloads.ts';
import type { HubHit } from '../../src/models/hub.ts';

/** A type as it comes out of JSON: nothing is read-only. */
type Plain<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : { -readonly [Key in keyof T]: Plain<T[Key]> };

/** `true` where both types have the same fields of the same types. */
type IsSame<Left, Right> = [Left] extends [Right] ? ([Right] extends [Left] ? true : false) : false;
type Says<Make extends () => TSchema, T> = IsSame<Static<ReturnType<Make>>, Plain<T>>;

test('the schemas say what the types say', () => {
  const says: readonly true[] = [
    true satisfies Says<typeof answer.verdictAnswer, Verdict>,
    true satisfies Says<typeof answer.instanceAnswer, Instance>,
    true satisfies Says<typeof answer.modelAnswer, ModelView>,
    true satisfies Says<typeof answer.planAnswer, LaunchPlan>,
    true satisfies Says<typeof answer.fitAnswer, FitReport>,
    true satisfies Says<typeof answer.statusAnswer, ReturnType<typeof statusToWire>>,
    true satisfies Says<typeof answer.hardwareAnswer, Snapshot>,
    true satisfies Says<typeof answer.usageAnswer, { models: readonly UsageTotals[]; requests: readonly Usage[] }>,
    true satisfies Says<typeof desks.offerAnswer, RepositoryOffer>,
    true satisfies Says<typeof desks.downloadAnswer, DownloadJob>,
    true satisfies Says<typeof desks.hitsAnswer, { models: readonly HubHit[] }>,
    true satisfies Says<typeof desks.destinationsAnswer, { destinations: readonly DestinationRoom[] }>,
    true satisfies Says<typeof desks.removedModelAnswer, RemovedModel>,
    true satisfies Says<typeof desks.generatedAnswer, Regenerated>,
    true satisfies Says<typeof bench.measuredAnswer, Measured>,
  ];
  expect(says.every((isSame) => isSame)).toBe(true);
});

test('a field more or less would not compile', () => {
  type Less = Omit<Instance, 'pid'>;
  type More = Instance & { readonly more: number };
  const says: readonly false[] = [
    false satisfies Says<typeof answer.instanceAnswer, Less>,
    false satisfies Says<typeof answer.instanceAnswer, More>,
    false satisfies Says<typeof answer.statusAnswer, DroverStatus>,
  ];
  expect(says.some((isSame) => isSame)).toBe(false);
});
