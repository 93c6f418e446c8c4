// Amounts as bars: how far something has come, how full something is, and who holds how much. Each says in words what it
// draws.
import { Meter as BaseMeter } from '@base-ui/react/meter';
import { Progress as BaseProgress } from '@base-ui/react/progress';
import type { ReactNode } from 'react';
import type { Tone } from './badge.tsx';

interface ProgressProps {
  readonly label: string;
  /** 0–1; null: it goes on, nobody knows how far. */
  readonly ratio: number | null;
  readonly valueText?: string | undefined;
  readonly tone?: Tone;
}

export function Progress({ label, ratio, valueText, tone = 'accent' }: ProgressProps) {
  return (
    <BaseProgress.Root
      className={`bar bar-${tone}`}
      value={ratio === null ? null : Math.round(ratio * 1000) / 10}
      aria-label={label}
      {...(valueText === undefined ? {} : { 'aria-valuetext': valueText })}
    >
      <BaseProgress.Track className="bar-track">
        <BaseProgress.Indicator className={ratio === null ? 'bar-fill bar-fill-unknown' : 'bar-fill'} />
      </BaseProgress.Track>
    </BaseProgress.Root>
  );
}

interface MeterProps {
  readonly label: string;
  /** 0–1. */
  readonly ratio: number;
  readonly valueText: string;
  readonly tone?: Tone;
}

export function Meter({ label, ratio, valueText, tone = 'accent' }: MeterProps) {
  return (
    <BaseMeter.Root
      className={`bar bar-${tone}`}
      value={Math.round(Math.min(1, Math.max(0, ratio)) * 1000) / 10}
      aria-label={label}
      aria-valuetext={valueText}
    >
      <BaseMeter.Track className="bar-track">
        <BaseMeter.Indicator className="bar-fill" />
      </BaseMeter.Track>
    </BaseMeter.Root>
  );
}

export interface Share {
  readonly key: string;
  readonly label: ReactNode;
  readonly valueText: string;
  readonly amount: number;
  /** 1–8: one of the series' colours; `other` is grey, `free` an empty frame. */
  readonly series: number | 'other' | 'free';
}

interface StackedMeterProps {
  readonly label: string;
  readonly shares: readonly Share[];
  readonly total: number;
  /** The legend says in words what is drawn; without one the words are for screen readers only. */
  readonly hasLegend?: boolean;
}

export function StackedMeter({ label, shares, total, hasLegend = true }: StackedMeterProps) {
  const drawn = shares.filter((share) => share.amount > 0);
  return (
    <figure className="stack" aria-label={label}>
      <div className="stack-bar" aria-hidden>
        {drawn.map((share) => (
          <span
            key={share.key}
            className={`stack-part series-${share.series}`}
            style={{ flexBasis: `${total > 0 ? (share.amount / total) * 100 : 0}%` }}
          />
        ))}
      </div>
      <ul className={hasLegend ? 'stack-legend' : 'only-read'}>
        {shares.map((share) => (
          <li key={share.key}>
            <span className={`stack-key series-${share.series}`} aria-hidden />
            <span className="stack-label">{share.label}</span>
            <span className="stack-value">{share.valueText}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
