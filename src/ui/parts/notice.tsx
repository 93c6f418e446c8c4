// Something to know, within a page: with what to do about it.
import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Tone } from './badge.tsx';

const ICONS = { neutral: Info, accent: Info, ok: CircleCheck, warn: TriangleAlert, bad: CircleAlert } as const;

interface NoticeProps {
  readonly tone?: Tone;
  readonly title: ReactNode;
  readonly text?: ReactNode;
  readonly actions?: ReactNode;
  /** Said aloud when it appears. */
  readonly isAlert?: boolean;
}

export function Notice({ tone = 'neutral', title, text, actions, isAlert = false }: NoticeProps) {
  const Icon = ICONS[tone];
  return (
    <div className={`notice notice-${tone}`} {...(isAlert ? { role: 'alert' } : {})}>
      <Icon size={18} aria-hidden />
      <div className="notice-text">
        <p>{title}</p>
        {text !== undefined && text !== null && <p className="dim">{text}</p>}
      </div>
      {actions !== undefined && <div className="notice-actions">{actions}</div>}
    </div>
  );
}
