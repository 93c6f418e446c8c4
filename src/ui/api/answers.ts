// What this server answers, in types: those of its own schemas, so that page and server cannot drift apart.
import type { Static, TSchema } from '@sinclair/typebox';
import type { DroverEvent } from '../../core/vocabulary.ts';
import type * as answers from '../../dialects/drover/schema-answers.ts';
import type * as desks from '../../dialects/drover/schema-desks.ts';
import type * as welcome from '../../dialects/drover/schema-welcome.ts';

type ReadonlyDeep<T> = T extends object ? { readonly [Key in keyof T]: ReadonlyDeep<T[Key]> } : T;

/** The type of what a schema's maker describes; nothing of an answer is changed in place. */
export type Answer<Maker extends () => TSchema> = ReadonlyDeep<Static<ReturnType<Maker>>>;

export type Status = Answer<typeof answers.statusAnswer>;
export type Model = Answer<typeof answers.modelAnswer>;
export type Models = Answer<typeof answers.modelsAnswer>;
export type Instance = Answer<typeof answers.instanceAnswer>;
export type Verdict = Answer<typeof answers.verdictAnswer>;
export type Hardware = Answer<typeof answers.hardwareAnswer>;
export type Fit = Answer<typeof answers.fitAnswer>;
export type UsageReport = Answer<typeof answers.usageAnswer>;
export type Download = Answer<typeof desks.downloadAnswer>;
export type Downloads = Answer<typeof desks.downloadsAnswer>;
export type LogHistory = Answer<typeof desks.logHistoryAnswer>;
export type Destinations = Answer<typeof desks.destinationsAnswer>;
export type Offer = Answer<typeof desks.offerAnswer>;
export type Hits = Answer<typeof desks.hitsAnswer>;
export type Findings = Answer<typeof welcome.doctorAnswer>;
export type Mended = Answer<typeof welcome.mendedAnswer>;
export type Recommended = Answer<typeof welcome.recommendedAnswer>;
export type Visit = Answer<typeof welcome.setupAnswer>;
export type MachineSample = Answer<typeof welcome.sampleAnswer>;

/** One frame of `GET /drover/events`. */
export type ServerEvent = DroverEvent & { readonly sequence: number; readonly at: number };
