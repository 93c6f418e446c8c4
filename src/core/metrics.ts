// Our figures and the engines' as one Prometheus text (exposition format 0.0.4): each family's HELP and TYPE once, every
// line of an engine labelled with its model. Pure.
import type { Drover } from './drover.ts';

/** What one engine answered to `GET /metrics`. */
export interface EngineMetrics {
  readonly modelId: string;
  readonly text: string;
}

interface Family {
  readonly help: string;
  readonly type: string;
  readonly lines: string[];
}

/** As the format wants label values: backslash, quote and line feed escaped. */
export const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const STATES = ['stopped', 'starting', 'ready', 'stopping', 'failed'] as const;

export function metricsText(
  drover: Pick<Drover, 'models' | 'instances' | 'usage' | 'status'>,
  engines: readonly EngineMetrics[],
): string {
  const families = new Map<string, Family>();
  const add = (
    name: string,
    type: string,
    help: string,
    labels: Record<string, string>,
    value: number | null,
  ): void => {
    if (value === null) return;
    const family = families.get(name) ?? { help, type, lines: [] };
    families.set(name, family);
    const text = Object.entries(labels)
      .map(([label, held]) => `${label}="${escapeLabel(held)}"`)
      .join(',');
    family.lines.push(`${name}${text === '' ? '' : `{${text}}`} ${value}`);
  };
  const status = drover.status();
  add('drover_info', 'gauge', 'Always 1; the version as a label.', { version: status.version }, 1);
  add('drover_start_time_seconds', 'gauge', 'Start of the server, Unix time.', {}, status.startedAt / 1000);
  add('drover_models', 'gauge', 'Known models.', {}, status.modelCount);
  for (const device of status.budget) {
    const labels = { device: device.device };
    add('drover_memory_budget_bytes', 'gauge', 'Memory that models may take.', labels, device.budgetBytes);
    add('drover_memory_reserved_bytes', 'gauge', 'Memory that loaded models take.', labels, device.reservedBytes);
  }
  for (const instance of drover.instances()) {
    const model = instance.modelId;
    for (const state of STATES) {
      const labels = { model, state };
      add(
        'drover_model_state',
        'gauge',
        'Where a model stands: 1 for its state.',
        labels,
        instance.state === state ? 1 : 0,
      );
    }
    add('drover_requests_in_flight', 'gauge', 'Requests at work.', { model }, instance.requestsInFlight);
    add('drover_requests_queued', 'gauge', 'Requests that wait.', { model }, instance.requestsQueued);
  }
  for (const totals of drover.usage()) {
    const labels = { model: totals.modelId };
    add('drover_requests_total', 'counter', 'Finished requests.', labels, totals.requestCount);
    add('drover_requests_failed_total', 'counter', 'Requests that failed.', labels, totals.failedCount);
    add('drover_prompt_tokens_total', 'counter', 'Tokens of prompts.', labels, totals.promptTokens);
    add('drover_generated_tokens_total', 'counter', 'Tokens generated.', labels, totals.generatedTokens);
    add('drover_prompt_seconds_total', 'counter', 'Time spent on prompts.', labels, totals.promptMs / 1000);
    add('drover_generation_seconds_total', 'counter', 'Time spent generating.', labels, totals.generationMs / 1000);
    add(
      'drover_request_seconds_total',
      'counter',
      'Time of requests, waiting included.',
      labels,
      totals.durationMs / 1000,
    );
    add('drover_last_tokens_per_second', 'gauge', 'Of the last request.', labels, totals.lastTokensPerSecond);
  }
  for (const engine of engines) addEngine(families, engine);
  let text = '';
  for (const [name, family] of families) {
    text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n${family.lines.join('\n')}\n`;
  }
  return text;
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const SAMPLE_REST = /^(?:\{(.*)\})?\s+(\S+(?:\s+-?\d+)?)\s*$/;

/** Lines that are no samples are left out: an engine must not be able to break our text. */
function addEngine(families: Map<string, Family>, engine: EngineMetrics): void {
  const help = new Map<string, string>();
  const types = new Map<string, string>();
  const label = `model="${escapeLabel(engine.modelId)}"`;
  for (const line of engine.text.split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line.trimEnd());
    if (comment !== null) {
      (comment[1] === 'HELP' ? help : types).set(comment[2] ?? '', comment[3] ?? '');
      continue;
    }
    const name = METRIC_NAME.exec(line)?.[0];
    // Our own names are ours.
    if (name === undefined || name.startsWith('drover_')) continue;
    const rest = SAMPLE_REST.exec(line.slice(name.length));
    if (rest === null || !isNumber(rest[2] ?? '')) continue;
    const inner = rest[1] ?? '';
    if (inner !== '' && !/^[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*")*,?$/.test(inner))
      continue;
    const kept = inner.replace(/,$/, '');
    const base = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
    const key = types.has(base) ? base : name;
    const family = families.get(key) ?? { help: help.get(key) ?? '', type: types.get(key) ?? 'untyped', lines: [] };
    families.set(key, family);
    family.lines.push(`${name}{${label}${kept === '' ? '' : `,${kept}`}} ${rest[2]}`);
  }
}

const isNumber = (text: string): boolean => /^(?:[+-]?Inf|NaN|[+-]?[\d.]+(?:e[+-]?\d+)?)(?:\s+-?\d+)?$/i.test(text);
