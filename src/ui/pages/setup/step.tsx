// One step of the set-up: its number or a tick, its heading, and what belongs to it.
import { Check } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import { texts } from '../../texts/index.ts';
import type { StepState } from './steps.ts';

interface StepProps {
  readonly number: number;
  readonly state: StepState;
  readonly title: string;
  readonly children: ReactNode;
}

export function Step({ number, state, title, children }: StepProps) {
  const id = useId();
  return (
    <li
      className={`setup-step setup-step-${state}`}
      aria-labelledby={id}
      aria-current={state === 'current' || undefined}
    >
      <span className="setup-mark" aria-hidden>
        {state === 'done' ? <Check size={16} /> : number}
      </span>
      <section className="card setup-body" aria-labelledby={id}>
        <h2 id={id}>
          {title}
          <span className="only-read">{`, ${texts.setup[state]}`}</span>
        </h2>
        {children}
      </section>
    </li>
  );
}
