// A verdict in words for the terminal. Pure.
import type { Verdict } from '../core/vocabulary.ts';
import { bytesText, durationText, green, red, yellow } from './terminal.ts';

/** One line of outcome, one per device, one per finding; none for null. */
export function verdictLines(verdict: Verdict | null): string[] {
  if (verdict === null) return [];
  const paint = verdict.outcome === 'as_planned' ? green : verdict.outcome === 'degraded' ? yellow : red;
  const word = verdict.outcome === 'as_planned' ? 'as planned' : verdict.outcome;
  const lines = [`  verdict     ${paint(word)}: ${summary(verdict)}`];
  const devices = new Set([...Object.keys(verdict.predictedBytes ?? {}), ...Object.keys(verdict.measuredBytes ?? {})]);
  for (const device of devices) {
    const measured = verdict.measuredBytes?.[device] ?? null;
    const predicted = verdict.predictedBytes?.[device] ?? null;
    lines.push(`  ${device.padEnd(11)} ${bytesText(measured)} measured, ${bytesText(predicted)} predicted`);
  }
  for (const finding of verdict.findings) {
    lines.push(`  ${paint('!')} ${finding.message}`);
    if (finding.hint !== null) lines.push(`    ${finding.hint}`);
  }
  return lines;
}

/** `3/3 layers on GPU, 4096 tokens, KV f16/f16, loaded in 41 ms, 3900 tokens/s`. */
export function summary(verdict: Verdict): string {
  const parts: string[] = [];
  if (verdict.layersOnGpu !== null && verdict.layersTotal !== null) {
    parts.push(
      verdict.layersOnGpu === 0 ? 'on the CPU' : `${verdict.layersOnGpu}/${verdict.layersTotal} layers on GPU`,
    );
  }
  if (verdict.contextTokens !== null) parts.push(`${verdict.contextTokens} tokens of context`);
  if (verdict.cacheTypeK !== null) parts.push(`KV ${verdict.cacheTypeK}/${verdict.cacheTypeV ?? '?'}`);
  if (verdict.loadMs !== null) parts.push(`loaded in ${durationText(verdict.loadMs)}`);
  if (verdict.tokensPerSecond !== null) parts.push(`${verdict.tokensPerSecond.toFixed(1)} tokens/s`);
  return parts.join(', ');
}
