// The shapes of our own answers about the server as a whole: findings, a first visit, what to get first, figures.
import { Type } from '@sinclair/typebox';
import { FAULT_KINDS } from '../../base/fault.ts';
import { FINDING_IDS, FIX_IDS } from '../../core/finding.ts';
import { quantAnswer } from './schema-desks.ts';
import { list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const BACKENDS = ['cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu'] as const;
const failure = () => Type.Object({ kind: oneOf(FAULT_KINDS), message: text(), hint: orNull(text('The next step.')) });

const findings = () =>
  list(
    Type.Object({
      id: oneOf(FINDING_IDS),
      severity: oneOf(['ok', 'note', 'warning', 'error']),
      topic: text(),
      message: text(),
      hint: orNull(text('The way out.')),
      subject: orNull(text('A model, a path or a build, where there are several such findings.')),
      evidence: list(text(), { description: 'What was seen.' }),
      command: orNull(text('What to type to mend it.')),
      fix: orNull(oneOf(FIX_IDS)),
    }),
    { description: 'The worst first.' },
  );

export const doctorAnswer = () => Type.Object({ findings: findings() });

export const mendedAnswer = () =>
  Type.Object({
    done: list(text(), { description: 'A sentence for each thing that was mended; empty where nothing was to do.' }),
    findings: findings(),
  });

export const recommendedAnswer = () =>
  Type.Object(
    {
      models: list(
        Type.Object({
          repository: text(),
          title: text(),
          about: text(),
          parameterCount: number(),
          activeParameterCount: number('Weights that one token passes through.'),
          licence: text(),
          canSee: yes('Takes pictures.'),
          offer: orNull(quantAnswer()),
          reason: orNull(text('Why that quantization.')),
        }),
        { description: 'What to take first comes first.' },
      ),
      failure: orNull(failure()),
    },
    { $id: 'RecommendedModels' },
  );

export const releaseAnswer = () =>
  Type.Object({
    current: text('The version that answers.'),
    newest: text(),
    isNewer: yes('`newest` is newer than what answers.'),
    madeAt: orNull(whole('Of its source, in milliseconds of the epoch.')),
    sizeBytes: whole('To fetch.'),
    command: orNull(text('What to type on the machine.')),
    hint: orNull(text('How, where somebody else looks after the executable.')),
  });

export const setupAnswer = () =>
  Type.Object(
    {
      isFirst: yes('There is no engine, or no model to talk to.'),
      engine: Type.Object({
        state: oneOf(['ready', 'settling', 'failed']),
        id: orNull(text()),
        version: orNull(text()),
        backend: orNull(oneOf(BACKENDS)),
        failure: orNull(failure()),
        progress: orNull(Type.Object({ stage: text(), doneBytes: number(), totalBytes: orNull(number()) })),
        isGiven: yes('The settings name it.'),
      }),
      isOffline: yes(),
      ladder: list(
        Type.Object({
          backend: oneOf(BACKENDS),
          isOffered: yes(),
          reason: text('Why it is, or is not, for this machine.'),
          failures: list(Type.Object({ id: text(), reason: text() }), {
            description: 'Builds that did not work here.',
          }),
        }),
        { description: 'Best first.' },
      ),
      usableCount: whole('Models that can be loaded, without the probe.'),
      probeId: orNull(text('The tiny model that stands in while there is no other.')),
    },
    { $id: 'SetupState' },
  );

/** The data of `machine.sample` among the events. */
export const sampleAnswer = () =>
  Type.Object({
    at: whole('Epoch milliseconds.'),
    cpuRatio: orNull(number('0–1 over all processors since the figures before.')),
    memory: Type.Object({
      usedBytes: orNull(number()),
      availableBytes: orNull(number()),
      totalBytes: orNull(number()),
    }),
    gpus: list(
      Type.Object({
        index: whole(),
        vendor: oneOf(['nvidia', 'amd', 'intel', 'apple', 'other']),
        uuid: orNull(text()),
        name: text(),
        usedBytes: orNull(number()),
        totalBytes: orNull(number()),
        busyRatio: orNull(number()),
        temperatureC: orNull(number()),
        powerWatts: orNull(number()),
      }),
    ),
    instances: list(
      Type.Object({
        modelId: text(),
        tokensPerSecond: orNull(number('Of its latest answer.')),
        residentBytes: orNull(number()),
      }),
    ),
  });
