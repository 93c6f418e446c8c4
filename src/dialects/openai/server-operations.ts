// The routes beside OpenAI's for people: models, health, what runs. Only words and schemas.
import type { Operation, Parameter } from '../described.ts';
import { SERVER_TAG } from './operations.ts';
import * as answer from './schema-server.ts';

export const MODELS: Operation = { summary: 'All models; answers at once', answer: answer.modelsAnswer };

export const MODEL: Operation = {
  summary: 'One model',
  parameters: [{ name: 'model', in: 'path', description: 'Id or alias; it may hold slashes.', example: '{{model}}' }],
  answer: answer.modelAnswer,
  errors: [404],
};

export const HEALTH: Operation = {
  tag: SERVER_TAG,
  summary: 'OK while the server answers',
  description: 'A text, or JSON where Accept asks for it. Needs no key and waits for nothing.',
  answer: answer.okText,
  answerType: 'text/plain',
  alternatives: { 'application/json': answer.healthAnswer },
};

export const RUNNING: Operation = {
  tag: SERVER_TAG,
  summary: 'Models that are loaded or on their way',
  answer: answer.runningAnswer,
};

const unloaded: Parameter = {
  name: 'model',
  in: 'query',
  description: 'Id or alias. Without it all models stop.',
  example: '{{model}}',
};
export const UNLOAD: Operation = {
  tag: SERVER_TAG,
  summary: 'Stop one model, or all',
  description: 'Requests that run may end first. To stop what is stopped is no error.',
  parameters: [unloaded],
  answer: answer.okText,
  answerType: 'text/plain',
  errors: [404],
};

export const INFO: Operation = {
  tag: SERVER_TAG,
  summary: 'Version, engine and what is loaded',
  answer: answer.infoAnswer,
};

export const METRICS: Operation = {
  tag: SERVER_TAG,
  summary: 'Figures for Prometheus: ours, and each engine’s by model',
  answer: answer.metricsAnswer,
  answerType: 'text/plain',
};
