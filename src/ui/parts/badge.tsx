// A state in a word, by colour and text together, never by colour alone.
import type { ReactNode } from 'react';

export type Tone = 'neutral' | 'accent' | 'ok' | 'warn' | 'bad';

interface BadgeProps {
  readonly tone?: Tone;
  readonly icon?: ReactNode;
  readonly children: ReactNode;
  /** A pulse: something goes on. */
  readonly isLive?: boolean;
}

export function Badge({ tone = 'neutral', icon, children, isLive = false }: BadgeProps) {
  return (
    <span className={`badge badge-${tone}`}>
      {icon ?? <span className={isLive ? 'badge-dot badge-dot-live' : 'badge-dot'} aria-hidden />}
      {children}
    </span>
  );
}
