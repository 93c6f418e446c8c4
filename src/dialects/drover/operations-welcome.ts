// Our own routes about the server as a whole, for people. Only words and schemas.
import type { Operation } from '../described.ts';
import * as answer from './schema-welcome.ts';

export const DOCTOR: Operation = {
  summary: 'What is wrong here, and how to mend it',
  description: 'The same as `drover doctor`, the worst first. It looks at everything anew and changes nothing.',
  answer: answer.doctorAnswer,
};

export const MEND: Operation = {
  summary: 'Mend what can be mended safely, and look again',
  description:
    'The same as `drover doctor --fix` while a server runs: removes files that were never finished, and takes away rights on files with secrets. Models, settings and processes are not touched.',
  answer: answer.mendedAnswer,
};

export const RECOMMENDED: Operation = {
  summary: 'Which models to get first on this machine',
  description:
    'A few of a short list, each with the quantization that fits here. Sizes are the hub’s; where it cannot be reached they are null, and `failure` says why.',
  answer: answer.recommendedAnswer,
};

export const RELEASE: Operation = {
  summary: 'Whether there is a newer Drover',
  description:
    'The same as `drover update --check`: asks the place of the releases, now and only now, and checks its signature. Nothing is fetched or changed; `command` is what to type on the machine. 501 where the executable is of no release, as from a checkout.',
  answer: answer.releaseAnswer,
  errors: [501, 502, 503],
  exampleStatus: 501,
};

export const SETUP: Operation = {
  summary: 'How far this machine is on its way from nothing to a chat',
  answer: answer.setupAnswer,
};

export const TRY_ENGINE: Operation = {
  summary: 'Try once more to bring an engine, where there is none',
  description: 'Answers at once; how it goes is told by the events engine.progress and engine.changed.',
  answer: answer.setupAnswer,
};
